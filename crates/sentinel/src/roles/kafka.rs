//! How do a gateway's records get into Kafka? All parts of a batch at once; the batch is there when all of them are.

use std::sync::Arc;

use cluster::{Counts, NotSent, Outlet, Refusal, Topics};
use futures_util::future::{BoxFuture, try_join_all};
use ingest::Refused;

use crate::roles::gateway::{Carrier, To};

/// Seconds that a sender is asked to wait when the brokers are behind.
const RETRY_AFTER_SECS: u64 = 2;

/// Brings records to the brokers.
pub struct KafkaCarrier {
    /// Where records go.
    pub topics: Topics,
    /// The way there.
    pub outlet: Outlet,
    /// Counters.
    pub counts: Arc<Counts>,
}

impl KafkaCarrier {
    async fn bring(&self, records: Vec<(To, Vec<u8>)>) -> Result<(), NotSent> {
        let count = records.len() as u64;
        let mut ways = Vec::with_capacity(records.len());
        for (to, record) in &records {
            // The partition is the hash already; the key only tells people which it was.
            ways.push(match to {
                To::Partition(number) => self.outlet.send(&self.topics.signals, *number, "", record)?,
                To::Responder => self.outlet.send(&self.topics.findings, 0, "", record)?,
            });
        }
        try_join_all(ways.into_iter().map(cluster::OnItsWay::arrived)).await?;
        self.counts.served();
        self.counts.sent(count);
        Ok(())
    }
}

impl Carrier for KafkaCarrier {
    fn carry(&self, records: Vec<(To, Vec<u8>)>) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            self.bring(records).await.map_err(|error| match error {
                NotSent::Busy => {
                    self.counts.busy();
                    Refused::Busy { retry_after_secs: RETRY_AFTER_SECS }
                }
                NotSent::Failed(error) => {
                    let cause = std::error::Error::source(&error).map_or_else(String::new, |it| format!(": {it}"));
                    let reason = format!("the brokers refuse records: {error}{cause}");
                    tracing::error!(topic = self.topics.signals, reason, "Signals cannot be passed on.");
                    self.counts.refused(Refusal { reason: reason.clone(), is_of_group: false });
                    Refused::Failed(reason)
                }
            })
        })
    }
}
