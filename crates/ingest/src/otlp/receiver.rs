//! How is an export request taken? Decoded, handed to the sink, counted; the same for HTTP and gRPC.

use std::sync::Arc;

use signal::Clock;

use super::answer::{Failed, Taken};
use super::{Decoded, OtlpConfig, OtlpDecoder, OtlpSignal};
use crate::{Accepted, Config, Counts, Error, Reason, Refused, Sink, Source};

/// Takes OTLP; shared by all listeners, so that series and sums are known on each.
pub struct OtlpReceiver {
    sink: Arc<dyn Sink>,
    counts: Arc<Counts>,
    clock: Arc<dyn Clock>,
    pub(super) config: Config,
    decoder: OtlpDecoder,
}

impl OtlpReceiver {
    /// A receiver in front of a sink.
    pub fn new(
        sink: Arc<dyn Sink>,
        config: &Config,
        otlp: &OtlpConfig,
        counts: Arc<Counts>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let decoder = OtlpDecoder::new(config, otlp);
        Arc::new(Self { sink, counts, clock, config: config.clone(), decoder })
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
    pub(super) async fn take(&self, signal: OtlpSignal, bytes: &[u8]) -> Result<Taken, Failed> {
        match signal {
            OtlpSignal::Metrics => {
                let decoded = self.decoder.metrics(bytes).map_err(|it| self.undecodable(&it))?;
                self.pass(decoded, |batch| self.sink.samples(Source::Otlp, batch)).await
            }
            OtlpSignal::Logs => {
                let decoded = self.decoder.logs(bytes, self.clock.now()).map_err(|it| self.undecodable(&it))?;
                self.pass(decoded, |batch| self.sink.logs(Source::Otlp, batch)).await
            }
            OtlpSignal::Traces => {
                let decoded = self.decoder.traces(bytes).map_err(|it| self.undecodable(&it))?;
                self.pass(decoded, |batch| self.sink.spans(Source::Otlp, batch)).await
            }
        }
    }

    /// Counts a request that could not be read, and says so.
    pub(super) fn undecodable(&self, error: &Error) -> Failed {
        self.counts.error(Source::Otlp, error.kind());
        error.into()
    }

    async fn pass<T, F>(&self, decoded: Decoded<T>, sink: impl FnOnce(Vec<T>) -> F) -> Result<Taken, Failed>
    where
        F: Future<Output = Result<Accepted, Refused>>,
    {
        let Decoded { batch, rejected, problems } = decoded;
        self.counts.received(Source::Otlp, batch.len() as u64);
        if !batch.is_empty() {
            match sink(batch).await {
                Ok(accepted) => self.counts.dropped(Source::Otlp, Reason::Store, accepted.dropped),
                Err(refused) => {
                    self.counts.error(Source::Otlp, refused.kind());
                    return Err((&refused).into());
                }
            }
        }
        // Only now: a batch that is refused comes again.
        self.counts.problems(Source::Otlp, &problems);
        Ok(Taken { rejected, message: problems.mistake().unwrap_or_default() })
    }
}
