//! The scenario runner, the simulated shop, fakes and conformance checks.
