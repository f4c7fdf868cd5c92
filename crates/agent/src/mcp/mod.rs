//! How are tools shared with other programs? The Model Context Protocol, both ways: `server` answers programs that want to
//! read what Sentinel knows, `client` lets a model call the tools of the user's own servers, each pinned by a digest.
//!
//! Reading order: `message` is JSON-RPC; `server` has no transport of its own; `client` keeps a connection over `stdio` or
//! `http`; `pin` says whether a tool is still what it was; `foreign` makes tools of ours of it.
//! Protocol: <https://modelcontextprotocol.io/specification/>; docs/adr/025-own-mcp.md says why it is ours.

mod client;
mod foreign;
pub(crate) mod fuzzing;
mod http;
mod message;
mod pin;
mod server;
mod stdio;

pub use self::client::ClientError;
pub use self::foreign::{ForeignStatus, ForeignTools};
pub use self::pin::{Pins, digest};
pub use self::server::{Propose, Served, status_of};
