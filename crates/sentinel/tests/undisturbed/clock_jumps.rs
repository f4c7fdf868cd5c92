//! Does anything go wrong when the clock of the server's machine is set an hour forward and an hour back while it runs? The
//! server's clock is made by libfaketime from a file; the clocks of its senders are right.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::support::load::{CATCH_UP, Found, Sender, look_up, service};
use crate::support::server::{Launch, QUIET, Server};
use crate::support::services::skip;
use crate::support::wait_for;

/// Where Debian and others keep the library.
const PLACES: [&str; 3] =
    ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime"];
/// An anomaly that has lasted so long is an incident; the library looks at the file every second.
const SOON: Duration = Duration::from_secs(120);

#[test]
fn an_hour_forward_and_an_hour_back_lose_nothing_and_tell_nothing_wrong() {
    let _alone = crate::support::alone();
    let Some(library) = library() else { return };
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("clock-{}", std::process::id()));
    let set = |offset: &str| std::fs::write(&file, offset).expect("the target folder can be written");
    set("+0");
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_CACHE_DURATION", "1"),
        // What counts the time that passes is right on a machine whose clock jumps.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let config = format!("{QUIET}serve:\n  max_page_size: 100000\n  max_chart_points: 100000\n");
    let server = Server::launch(Launch { environment, ..Launch::role("all") }, "clock", &config);
    server.wait_until_ready();
    let sender = Sender::start(server.address);
    wait_for(CATCH_UP, "the history is taken", || (sender.acknowledged().n_traces > 2).then_some(()));

    // Each hour is long enough for points, silence and windows to be looked at.
    let (first, second) = (Some(7), Some(11));
    for (offset, jumps, slow) in [("+3600", 1.0, first), ("+0", 1.0, None), ("-3600", 2.0, second), ("+0", 2.0, None)] {
        set(offset);
        wait_for(SOON, "the jump is seen", || {
            let off = server.metric("sentinel_clock_off_seconds", &[]);
            let wanted: f64 = offset.parse().unwrap();
            ((off - wanted).abs() < 5.0 && server.metric("sentinel_clock_jumps_total", &[]) == jumps).then_some(())
        });
        let n_before = incidents(&server).len();
        sender.set_slow(slow);
        let state = if slow.is_some() { "open" } else { "resolved" };
        wait_for(SOON * 2, &format!("with {offset} the incident is {state}"), || {
            let all = incidents(&server);
            let newest = all.first()?;
            let is_enough = all.len() == n_before + usize::from(slow.is_some());
            (is_enough && newest["status"] == state).then_some(())
        });
    }
    let all = incidents(&server);
    let services: Vec<_> = all.iter().map(|it| it["services"].clone()).collect();
    assert_eq!(services, [second, first].map(|it| json!([service(it.unwrap())])), "newest first");

    let sent = sender.acknowledged();
    let Found { found, doubled } = look_up(&server, &sent);
    eprintln!(
        "acknowledged {}, found again {found}, duplicates {doubled}; {} incidents of 2 faults",
        sent.n_all(),
        all.len()
    );
    assert_eq!((found, doubled, all.len()), (sent.n_all(), 0, 2));
    for of in ["samples", "lines", "spans"] {
        let dropped = server.metric(&format!("sentinel_store_{of}_dropped_total"), &[]);
        assert_eq!(dropped, 0.0, "{of} are counted as dropped");
    }
    std::fs::remove_file(&file).expect("it was written");
}

fn incidents(server: &Server) -> Vec<serde_json::Value> {
    server.list("/sentinel/v1/incidents?limit=100")
}

fn library() -> Option<PathBuf> {
    let found = PLACES.iter().map(|it| Path::new(it).join("libfaketime.so.1")).find(|it| it.exists());
    if found.is_none() {
        skip("libfaketime is not installed; not tested: a clock that jumps");
    }
    found
}
