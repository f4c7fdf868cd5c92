//! What is a message? JSON-RPC 2.0 as the Model Context Protocol uses it: <https://www.jsonrpc.org/specification>.

use serde_json::{Value, json};

/// Not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// Not a request.
pub const INVALID_REQUEST: i64 = -32600;
/// No such method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// Wrong parameters, such as a tool that does not exist.
pub const INVALID_PARAMS: i64 = -32602;
/// A version of the protocol that is not spoken here.
pub const UNSUPPORTED_VERSION: i64 = -32022;

/// Versions that begin with `initialize`, the oldest first.
pub const WITH_HANDSHAKE: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", NEWEST_WITH_HANDSHAKE];
/// The newest of them.
pub const NEWEST_WITH_HANDSHAKE: &str = "2025-11-25";
/// The version whose requests stand for themselves.
pub const WITHOUT_HANDSHAKE: &str = "2026-07-28";

/// A request.
pub fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// A message that wants no answer.
pub fn notification(method: &str) -> Value {
    json!({ "jsonrpc": "2.0", "method": method })
}

/// The answer to a request.
pub fn response(id: &Value, result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// An error in answer to a request.
pub fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}
