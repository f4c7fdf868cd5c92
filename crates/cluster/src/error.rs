//! What can go wrong between the roles?

/// Why something of the cluster did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A record does not hold what its topic says. It is counted and passed over; look for another writer to the topic.
    #[error("a record is not readable at byte {offset}: {expected} expected")]
    Unreadable {
        /// Where reading stopped.
        offset: usize,
        /// What should have been there.
        expected: &'static str,
    },
    /// A record was written by a release whose layout this one does not know. Update the readers before the writers.
    #[error("a record has layout {found}, this release reads layout {known}")]
    Layout {
        /// The layout of the record.
        found: u8,
        /// The layout of this release.
        known: u8,
    },
    /// The brokers did not do what was asked. The text says what; it is tried again where that can help.
    #[error("cannot {operation}")]
    Kafka {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        #[source]
        source: rdkafka::error::KafkaError,
    },
    /// The brokers answered, but not with what is needed. The operator changes the topic or the configuration.
    #[error("{0}")]
    Unfit(String),
}

impl Error {
    /// Says what was tried when Kafka failed.
    pub fn kafka(operation: &'static str) -> impl FnOnce(rdkafka::error::KafkaError) -> Self {
        move |source| Self::Kafka { operation, source }
    }
}
