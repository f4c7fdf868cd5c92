//! The line protocol of `InfluxDB`, which Telegraf speaks: lines (`line`), and the series they make (`decode`).

mod decode;
mod line;

pub(crate) use decode::decode_with;
pub use decode::{Frame, Precision, decode};
