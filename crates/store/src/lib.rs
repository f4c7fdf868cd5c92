//! Signals to disk and back.
