//! Which of many series is not as the others? One of a fleet, or several signals of one service together.
//!
//! `fleet` compares members that do the same work; `joint` knows how the signals of one service move together; `scale`
//! makes values of any size comparable.

mod fleet;
mod joint;

mod scale;

pub use fleet::{Deviation, Fleet, FleetSettings, Member, Standing};
pub use joint::{Joint, JointScore, JointSettings, MOST_SIGNALS};
