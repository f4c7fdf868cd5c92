//! Why could evidence not be opened again?

use signal::PortError;

/// Reading evidence again failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A store did not answer. The operator looks at the store's own log; the diagnosis can be repeated.
    #[error("cannot read {what} again")]
    Port {
        /// What was read.
        what: &'static str,
        /// What the store said.
        #[source]
        source: PortError,
    },
}
