//! How is an export request taken? Decoded, handed to the sink, counted; the same for HTTP and gRPC.

use std::sync::Arc;

use super::answer::{Failed, Taken};
use super::{Decoded, OtlpConfig, OtlpDecoder, OtlpSignal};
use crate::entrance::{Entrance, Turned, Visit};
use crate::{Accepted, Error, Refused, Source};

/// Takes OTLP; shared by all listeners, so that series and sums are known on each.
pub struct OtlpReceiver {
    pub(super) entrance: Entrance,
    decoder: OtlpDecoder,
}

impl OtlpReceiver {
    /// A receiver in front of a sink.
    pub fn new(entrance: Entrance, otlp: &OtlpConfig) -> Arc<Self> {
        let decoder = OtlpDecoder::new(&entrance.config, otlp);
        Arc::new(Self { entrance, decoder })
    }

    /// `POST /v1/metrics`, `/v1/logs` and `/v1/traces`.
    pub fn http_routes(self: &Arc<Self>) -> axum::Router {
        super::http::routes(Arc::clone(self))
    }

    /// The three services of OTLP over gRPC. The listener must speak HTTP/2.
    pub fn grpc_routes(self: &Arc<Self>) -> axum::Router {
        super::grpc::routes(Arc::clone(self))
    }

    /// Takes one message in protobuf.
    pub(super) async fn take(&self, visit: &mut Visit, signal: OtlpSignal, bytes: &[u8]) -> Result<Taken, Failed> {
        let entrance = &self.entrance;
        let undecodable = |error: Error| self.turned(&error.into());
        match signal {
            OtlpSignal::Metrics => {
                let mut decoded = self.decoder.metrics(bytes).map_err(undecodable)?;
                let exemplars = std::mem::take(&mut decoded.exemplars);
                let taken = self.pass(decoded, |batch| entrance.samples(visit, batch)).await?;
                entrance.exemplars(visit, exemplars).await;
                Ok(taken)
            }
            OtlpSignal::Logs => {
                let decoded = self.decoder.logs(bytes, entrance.clock.now()).map_err(undecodable)?;
                self.pass(decoded, |batch| entrance.logs(visit, batch)).await
            }
            OtlpSignal::Traces => {
                let decoded = self.decoder.traces(bytes).map_err(undecodable)?;
                self.pass(decoded, |batch| entrance.spans(visit, batch)).await
            }
        }
    }

    /// Counts a request that was not read to its end, and says why.
    pub(super) fn turned(&self, turned: &Turned) -> Failed {
        let counts = &self.entrance.counts;
        match turned {
            Turned::Undecodable(error) => {
                counts.error(Source::Otlp, error.kind());
                error.into()
            }
            Turned::Refused(refused) => {
                counts.error(Source::Otlp, refused.kind());
                refused.into()
            }
        }
    }

    async fn pass<T, F>(&self, decoded: Decoded<T>, sink: impl FnOnce(Vec<T>) -> F) -> Result<Taken, Failed>
    where
        F: Future<Output = Result<Accepted, Refused>>,
    {
        let Decoded { batch, rejected, problems, .. } = decoded;
        let counts = &self.entrance.counts;
        counts.received(Source::Otlp, batch.len() as u64);
        let accepted = sink(batch).await.map_err(|refused| self.turned(&refused.into()))?;
        // Only now: a batch that is refused comes again.
        counts.accepted(Source::Otlp, &accepted);
        counts.problems(Source::Otlp, &problems);
        let rejected = rejected + accepted.over_limit.as_ref().map_or(0, |it| it.count);
        let message = crate::http::told(problems.mistake(), accepted.over_limit).unwrap_or_default();
        Ok(Taken { rejected, message })
    }
}
