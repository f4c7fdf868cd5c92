//! How long does a diagnosis take?
fn main() {}
