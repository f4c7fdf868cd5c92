//! How is each provider spoken to? One file for each wire.
