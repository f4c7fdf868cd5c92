//! Is a prediction lost or doubled when the server is killed again and again while predictions come?
//!
//! Guarantees: MUST 515 of docs/specs/predict.md, with the real binary. `sentinel bench predict --dead-sink` does the same
//! at full speed and with a sink that is dead meanwhile.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::send;
use crate::support::server::{QUIET, Server};
use crate::support::wait_for;

const N_KILLS: usize = 6;
/// Predictions of a request.
const BATCH: u64 = 20;
/// Requests that must be answered between two kills.
const ANSWERED: u64 = 10;

#[test]
fn what_was_acknowledged_is_there_once() {
    let mut server = Server::start("predictions-survive-kill", QUIET);
    let address = Arc::new(Mutex::new(server.address));
    let (answered, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (its_address, its_answered, its_end) = (Arc::clone(&address), Arc::clone(&answered), Arc::clone(&is_over));
    let sender = std::thread::spawn(move || post(&its_address, &its_answered, &its_end));
    for _ in 0..N_KILLS {
        let before = answered.load(Ordering::SeqCst);
        wait_for(Duration::from_secs(120), "requests are answered", || {
            (answered.load(Ordering::SeqCst) >= before + ANSWERED).then_some(())
        });
        server.kill();
        server.restart();
        *address.lock().unwrap() = server.address;
        server.wait_until_ready();
    }
    is_over.store(true, Ordering::SeqCst);
    let acknowledged = sender.join().unwrap();
    let found = logged(&server);
    assert!(acknowledged.len() as u64 >= N_KILLS as u64 * ANSWERED * BATCH);
    let lost: Vec<&String> = acknowledged.iter().filter(|it| !found.contains_key(*it)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {:?}", lost.len(), acknowledged.len(), &lost[..lost.len().min(5)]);
    // No request is sent twice here, so nothing may be there twice, answered or not.
    let twice: Vec<&String> = found.iter().filter(|it| *it.1 > 1).map(|it| it.0).collect();
    assert!(twice.is_empty(), "twice: {:?}", &twice[..twice.len().min(5)]);
}

/// Sends until it is over; the ids that were acknowledged.
fn post(address: &Mutex<SocketAddr>, answered: &AtomicU64, is_over: &AtomicBool) -> Vec<String> {
    let mut acknowledged = vec![];
    for request in 0_u64.. {
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let ids: Vec<String> = (0..BATCH).map(|it| format!("p{}", request * BATCH + it)).collect();
        let row = |id: &String| json!({"id": id, "model": "m", "prediction": 1, "features": {"x": 1.5, "y": "a"}});
        let body = Value::from(ids.iter().map(row).collect::<Vec<_>>()).to_string();
        let to = *address.lock().unwrap();
        let headers = [("content-type", "application/json")];
        let answer = send(to, "POST", "/sentinel/v1/inferences", &headers, body.as_bytes());
        if answer.is_ok_and(|it| it.status == 202) {
            acknowledged.extend(ids);
            answered.fetch_add(1, Ordering::SeqCst);
        }
    }
    acknowledged
}

/// How often each id is in the log.
fn logged(server: &Server) -> HashMap<String, u32> {
    let answer = server.send("GET", "/sentinel/v1/inferences?limit=0&format=ndjson", &[], b"");
    let mut found = HashMap::new();
    for line in answer.text().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        *found.entry(row["id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    found
}
