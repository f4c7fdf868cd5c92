//! Bytes to signals, one file per protocol.
