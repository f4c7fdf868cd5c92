//! Did a stream change? Detectors that take one value after the other in constant memory.
//!
//! `monitor` is ours: it knows the reference and is tuned by the run time without drift that the user expects.
//! The others are the published ones, number for number as River has them, for those who move from it; their parameters
//! are not false-alarm rates.

mod adwin;
mod catalog;
mod ddm;
mod eddm;
mod fhddm;
mod hddm_a;
mod hddm_w;
mod kswin;
mod monitor;
mod page_hinkley;
mod running;

pub use adwin::Adwin;
pub use catalog::{Detector, DetectorKind};
pub use ddm::Ddm;
pub use eddm::Eddm;
pub use fhddm::Fhddm;
pub use hddm_a::HddmA;
pub use hddm_w::HddmW;
pub use kswin::Kswin;
pub use monitor::{Change, ChangeKind, Direction, Monitor};
pub use page_hinkley::PageHinkley;

use serde::{Deserialize, Serialize};

/// What a detector says after a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Nothing.
    #[default]
    Steady,
    /// A change may be coming; few detectors say this.
    Warning,
    /// The stream changed: the detector begins anew with the next value.
    Drift,
}

/// One after the other.
pub trait OnlineDetector {
    /// Takes a value; what is not finite is left out and changes nothing.
    fn update(&mut self, value: f64) -> State;
}
