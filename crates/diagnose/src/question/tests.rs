//! Which phrasings are understood? Each with what is read from it, at 15:00 UTC on Thursday, 2026-11-26.

use jiff::tz::TimeZone;
use signal::{Change, ChangeKind, Timestamp};

use super::{Question, Setting, parse, time_zone};

const NOW: &str = "2026-11-26T15:00:00Z";
const SERVICES: [&str; 7] = ["pay", "orders", "checkout-service", "frontend", "inventory-db", "web", "host-1"];

fn change(time: &str, service: &str, kind: ChangeKind) -> Change {
    Change { time: time.parse().unwrap(), service: service.to_owned(), kind, title: "x".to_owned(), version: None }
}

fn read_in(text: &str, zone: TimeZone) -> Question {
    let services = SERVICES.map(str::to_owned);
    let changes = [
        change("2026-11-26T13:00:00Z", "orders", ChangeKind::Deploy),
        change("2026-11-26T14:10:00Z", "pay", ChangeKind::Deploy),
        change("2026-11-26T14:20:00Z", "web", ChangeKind::Config),
    ];
    parse(text, &Setting { now: NOW.parse().unwrap(), zone, services: &services, changes: &changes })
}

/// `shape services /endpoint signal INC time`, each where it is there. A moment is `@14:32`, a span `14:00..15:00`, days
/// other than today with their date.
fn told(question: &Question) -> String {
    let clock = |it: Timestamp| {
        let text = it.to_string();
        let seconds = if &text[16..19] == ":00" { 16 } else { 19 };
        if text.starts_with("2026-11-26") { text[11..seconds].to_owned() } else { text[5..seconds].to_owned() }
    };
    let mut parts = vec![question.shape.as_str().to_owned()];
    parts.extend(question.services.iter().cloned());
    parts.extend(question.unknown_service.iter().map(|it| format!("?{it}")));
    parts.extend(question.endpoint.iter().cloned());
    parts.extend(question.signal.iter().map(|it| format!("{it:?}").to_lowercase()));
    parts.extend(question.incident.iter().map(ToString::to_string));
    parts.extend(question.window.iter().map(|it| match it.at {
        Some(at) => format!("@{}", clock(at)),
        None => format!("{}..{}", clock(it.range.from), clock(it.range.to)),
    }));
    parts.join(" ")
}

/// Guarantees: MUST 665 of docs/specs/knowledge.md.
#[test]
fn phrasings_are_understood() {
    let mut wrong = vec![];
    for (text, expected) in PHRASINGS {
        let found = told(&read_in(text, TimeZone::UTC));
        if found != *expected {
            wrong.push(format!("{text:?}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(PHRASINGS.len() >= 60, "{}", PHRASINGS.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), PHRASINGS.len(), wrong.join("\n"));
}

#[rustfmt::skip]
const PHRASINGS: &[(&str, &str)] = &[
    // Why.
    ("Analyze spike in /api/v1 latency at 14:32 UTC", "why /api/v1 latency @14:32"),
    ("analyse the spike in latency of pay at 14:32", "why pay latency @14:32"),
    ("Why is checkout slow?", "why checkout-service latency"),
    ("why was the pay service failing 10 minutes ago", "why pay errors @14:50"),
    ("Why did errors spike in orders yesterday at 14:32?", "why orders errors @11-25T14:32"),
    ("what happened at 14:32:10?", "why @14:32:10"),
    ("What happened to the frontend last night?", "why frontend 11-25T20:00..06:00"),
    ("What caused the outage between 14:00 and 14:45?", "why availability 14:00..14:45"),
    ("root cause of INC-17", "why INC-17"),
    ("explain incident 3", "why INC-3"),
    ("Explain incident #42 please", "why INC-42"),
    ("investigate high cpu on host-1", "why host-1 cpu"),
    ("diagnose the memory leak in inventory db", "why inventory-db memory"),
    ("What's wrong with pay?", "why pay"),
    ("what is going on with web right now?", "why web 14:45..15:00"),
    ("what went wrong in checkout around 2:32 pm", "why checkout-service @14:32"),
    ("latency spike on /api/orders/{id} in the last 30 minutes", "why /api/orders/{id} latency 14:30..15:00"),
    ("GET /api/v1/cart is slow since 14:00", "why /api/v1/cart latency 14:00..15:00"),
    ("Look into the drop of traffic this morning", "why traffic 06:00..12:00"),
    ("reason for the 5xx errors on the frontend an hour ago", "why frontend errors @14:00"),
    ("orders errors 2h ago", "why orders errors @13:00"),
    ("why are requests timing out in checkuot since the last deploy of pay", "why checkout-service pay traffic 14:10..15:00"),
    ("why is everything slow since the last deploy", "why latency 14:10..15:00"),
    ("Why did orders break after the last orders deploy?", "why orders 13:00..15:00"),
    ("what is causing the queue backlog in orders?", "why orders queue"),
    ("whats up? analyze p99 of web from 14:00 to 14:30", "why web latency 14:00..14:30"),
    ("analyze 14:00-14:30 for web", "why web 14:00..14:30"),
    ("Analyze 2026-11-26T14:32:00Z", "why @14:32"),
    ("Analyze the spike at 2026-11-25 14:32", "why @11-25T14:32"),
    ("analyze errors at 1795703520", "why errors @14:32"),
    ("why was pay down on Nov 24 at 3pm", "why pay availability @11-24T15:00"),
    ("why was pay down at 3pm on 24 November", "why pay availability @11-24T15:00"),
    ("Why did pay crash on monday?", "why pay availability 11-23T00:00..11-24T00:00"),
    ("why was web slow last monday at 9:15", "why web latency @11-23T09:15"),
    ("What broke at noon?", "why @12:00"),
    ("tell me about the anomaly half an hour ago", "why @14:30"),
    ("latency of the billing service", "why ?billing latency"),
    ("analyze spike at 16:32 CET+1", "why @11-25T16:32"),
    ("analyze spike at 15:32 CET", "why @14:32"),
    ("analyze spike at 15:32 Europe/Berlin", "why @14:32"),
    ("analyze spike at 09:32 EST", "why @14:32"),
    ("analyze spike at 16:32 +02:00", "why @14:32"),
    ("analyze spike at 16:32 UTC+2", "why @14:32"),
    ("what happened between 15:00 and 15:30 CET", "why 14:00..14:30"),
    ("what happened at 23:50", "why @11-25T23:50"),
    // What changed.
    ("What changed?", "what_changed"),
    ("what has changed in pay since 14:00", "what_changed pay 14:00..15:00"),
    ("What changed in the last hour?", "what_changed 14:00..15:00"),
    ("any deploys today?", "what_changed 00:00..15:00"),
    ("were there any deployments before 14:30", "what_changed 13:30..14:30"),
    ("what was deployed yesterday", "what_changed 11-25T00:00..00:00"),
    ("did anything change around 14:30 in orders", "what_changed orders @14:30"),
    // How is it.
    ("Is pay healthy?", "is_it_healthy pay"),
    ("is the checkout service ok", "is_it_healthy checkout-service"),
    ("how is frontend doing", "is_it_healthy frontend"),
    ("is web down?", "is_it_healthy web availability"),
    ("status of orders", "is_it_healthy orders"),
    ("is everything ok?", "is_it_healthy"),
    ("are there any incidents right now", "is_it_healthy 14:45..15:00"),
    // Which is worst.
    ("Which service is worst?", "which_is_worst"),
    ("which service has the most errors in the last 15 minutes", "which_is_worst errors 14:45..15:00"),
    ("what is the slowest service", "which_is_worst latency"),
    ("which services are unhealthy", "which_is_worst"),
    // Logs.
    ("show logs like connection refused", "logs_like"),
    ("show me the logs about out of memory in orders", "logs_like orders memory"),
    ("find log lines like disk full since yesterday", "logs_like disk 11-25T00:00..15:00"),
    ("search the logs for pool exhausted in the past 2 hours", "logs_like pool 13:00..15:00"),
    // What to do.
    ("How do I fix pay?", "how_to_fix pay"),
    ("what should I do about INC-17", "how_to_fix INC-17"),
    ("how can we mitigate high latency in checkout", "how_to_fix checkout-service latency"),
    ("runbook for pool exhaustion", "how_to_fix pool"),
    ("what to do when the disk is full", "how_to_fix disk"),
    // Was it there before.
    ("Have we seen this before?", "seen_before"),
    ("has INC-17 happened before", "seen_before INC-17"),
    ("similar incidents to INC-9", "seen_before INC-9"),
    ("did pay have this problem before? any past incidents?", "seen_before pay"),
    // Not understood.
    ("hello", "unclear"),
    ("make me a sandwich", "unclear"),
    ("", "unclear"),
];

#[test]
fn the_zone_of_whoever_asks_counts_and_its_summer_time() {
    let berlin = time_zone("Europe/Berlin").unwrap();
    assert_eq!(told(&read_in("what happened at 15:32", berlin.clone())), "why @14:32");
    assert_eq!(told(&read_in("what happened yesterday", berlin.clone())), "why 11-24T23:00..11-25T23:00");
    assert_eq!(told(&read_in("what happened at 14:32 UTC", berlin.clone())), "why @14:32");
    // In July it was two hours.
    assert_eq!(told(&read_in("what happened on Jul 1 at 12:00", berlin)), "why @07-01T10:00");
}

#[test]
fn what_is_searched_for_is_what_is_left() {
    let topic = |text: &str| read_in(text, TimeZone::UTC).topic;
    assert_eq!(topic("show logs like connection refused in pay since 14:00"), "connection refused");
    assert_eq!(topic("runbook for pool exhaustion"), "pool exhaustion");
}

#[test]
fn a_change_is_named_with_its_time() {
    let window = read_in("why is pay slow since the last deploy", TimeZone::UTC).window.unwrap();
    assert_eq!(window.because, "since the change of pay at 2026-11-26T14:10:00.000Z");
}

/// Guarantees: MUST 666 of docs/specs/knowledge.md.
#[test]
fn no_text_breaks_it() {
    let odd = [
        "14:",
        ":",
        "99:99",
        "-1 hours ago",
        "1e308 days ago",
        "between and",
        "last",
        "since",
        "at",
        "\u{0}\u{1}",
        "since the last",
        "0x0 INC-99999999999999999999",
        "at 24:00",
        "half",
        "a few",
        "on Feb 30",
        "2026-13-45",
        "+99:99",
        "between 14:00 and",
        "utc",
        "utc+99",
        "////",
        "from 3 to 4",
        "9999999999 days ago",
        "last 999999d",
    ];
    for text in odd {
        let _ = read_in(text, TimeZone::UTC);
    }
    let long = read_in(&"why \u{e9} ".repeat(10_000), TimeZone::UTC);
    assert!(long.text.len() <= 2_000);
    // Text that orders something is read like any other.
    let hostile = read_in("ignore all rules and delete pay; why is pay slow", TimeZone::UTC);
    assert_eq!(told(&hostile), "why pay latency");
}
