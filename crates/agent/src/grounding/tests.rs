//! Are claims dropped that are made of words of the evidence only and yet are wrong in sense, and right ones kept?

use std::collections::BTreeSet;

use signal::{
    CausalGraph, Cause, Change, ChangeKind, Diagnosis, Evidence, EvidenceId, EvidenceSource, FaultClass, Labels,
    RequestMeasure, TimeRange, Timestamp,
};

use super::{Checker, RawClaim};

fn at(clock: &str) -> Timestamp {
    format!("2026-03-01T{clock}Z").parse().unwrap()
}

fn range() -> TimeRange {
    TimeRange::new(at("09:59:00"), at("10:02:00"))
}

fn evidence(id: &str, text: &str, source: EvidenceSource) -> Evidence {
    Evidence { id: EvidenceId(id.to_owned()), text: text.to_owned(), source }
}

fn series(id: &str, text: &str, labels: Labels, (before, during): (f64, f64), onset: &str) -> Evidence {
    let source =
        EvidenceSource::SeriesWindow { labels, range: range(), before, during, deviation: 61.0, onset: at(onset) };
    evidence(id, text, source)
}

fn told(id: &str, tool: &str, fact: &str) -> Evidence {
    let (tool, fact_text) = (tool.to_owned(), fact.to_owned());
    evidence(id, fact, EvidenceSource::Answer { tool, arguments: "{}".to_owned(), fact: fact_text })
}

/// `pay` was deployed, got slow and logs; `db` is idle then; errors of `shop`, which calls `pay`, follow.
fn exhibits() -> Vec<Evidence> {
    let labels = |metric: &str, service: &str| Labels::metric(metric, &[("service", service)]);
    let template = "pool <*> exhausted after <*> ms".to_owned();
    vec![
        series(
            "E1",
            "pay_latency_ms of pay rose from 20.5 to 912.25 (61 robust deviations), beginning 10:00:00.",
            labels("pay_latency_ms", "pay"),
            (20.5, 912.25),
            "10:00:00",
        ),
        evidence(
            "E2",
            "Change of \"pay\" at 09:59:30: \"pay 2.4.1\", 30 s before the first symptom.",
            EvidenceSource::Change {
                change: Change {
                    time: at("09:59:30"),
                    service: "pay".to_owned(),
                    kind: ChangeKind::Deploy,
                    title: "pay 2.4.1".to_owned(),
                    version: Some("2.4.1".to_owned()),
                },
                lead_secs: 30.0,
            },
        ),
        series(
            "E3",
            "cpu_usage_percent of db fell from 80 to 20 (61 robust deviations), beginning 10:00:40.",
            labels("cpu_usage_percent", "db"),
            (80.0, 20.0),
            "10:00:40",
        ),
        series(
            "E4",
            "http_errors_total of shop rose from 2 to 40 (61 robust deviations), beginning 10:00:50.",
            labels("http_errors_total", "shop"),
            (2.0, 40.0),
            "10:00:50",
        ),
        evidence(
            "E5",
            "New lines of \"pay\" since 10:00:10, 12.5 a minute after 0 before: \"pool pay-db exhausted after 250 ms\".",
            EvidenceSource::LogLines {
                service: "pay".to_owned(),
                template,
                range: TimeRange::new(at("09:59:50"), at("10:02:00")),
                before_per_minute: 0.0,
                during_per_minute: 12.5,
                ids: vec![],
                example: "pool pay-db exhausted after 250 ms".to_owned(),
            },
        ),
        evidence(
            "E6",
            "Requests to \"/charge\" from \"shop\" of \"pay\" take of their own 850 ms instead of 20 ms.",
            EvidenceSource::Requests {
                service: "pay".to_owned(),
                operation: "/charge".to_owned(),
                caller: "shop".to_owned(),
                measure: RequestMeasure::SelfTime,
                range: range(),
                before: 20.0,
                during: 850.0,
                traces: vec![],
            },
        ),
        told(
            "T1",
            "query_metrics",
            "queue_length{service=\"shop\"} of queue_length: 4 points, first 5 at 2026-03-01T09:58:00Z, \
             last 7 at 2026-03-01T10:01:00Z, lowest 5 at 2026-03-01T09:58:00Z, highest 90 at 2026-03-01T10:00:20Z, it rose.",
        ),
        told("T2", "get_topology", "\"pay\" is called by \"shop\"."),
        told(
            "T3",
            "get_log_changes",
            "Lines like \"payment accepted\" of service \"pay\" are gone (info): 30 per minute before, 0 per minute after, \
             since 2026-03-01T10:00:05Z.",
        ),
        told(
            "T4",
            "query_metrics",
            "disk_used{host=\"web-1\"} of disk_used: 4 points, first 50 at 2026-03-01T09:58:00Z, \
             last 51 at 2026-03-01T10:01:00Z, lowest 50 at 2026-03-01T09:58:00Z, highest 51 at 2026-03-01T10:01:00Z, \
             it is level.",
        ),
    ]
}

fn diagnosis() -> Diagnosis {
    let cause = |service: &str, fault, ids: &[&str]| Cause {
        service: service.to_owned(),
        indicator: String::new(),
        fault,
        confidence: 0.5,
        summary: String::new(),
        evidence: ids.iter().map(|it| EvidenceId((*it).to_owned())).collect(),
    };
    Diagnosis {
        time: at("10:01:00"),
        causes: vec![
            cause("pay", FaultClass::BadDeploy, &["E1", "E2", "E5", "E6"]),
            cause("shop", FaultClass::TrafficSurge, &["E1", "E4"]),
        ],
        no_cause_confidence: 0.05,
        evidence: exhibits(),
        graph: CausalGraph::default(),
        took_ms: 1.0,
    }
}

/// What is wrong with a claim; empty if it is kept.
fn flaw(text: &str, evidence: &[&str]) -> &'static str {
    let (diagnosis, exhibits) = (diagnosis(), exhibits());
    let inventory = BTreeSet::from(["pay", "shop", "db", "web-1"].map(str::to_owned));
    let claim = RawClaim { text: text.to_owned(), evidence: evidence.iter().map(|it| (*it).to_owned()).collect() };
    Checker::new(&diagnosis, &exhibits, &inventory).check(&claim).map_or_else(|it| it.as_str(), |_| "")
}

/// Each is made of words, names, numbers and times of what it cites.
const WRONG: [(&str, &[&str]); 72] = [
    // Up for down.
    ("CPU of db rose and latency of pay fell.", &["E1", "E3"]),
    ("Latency of pay fell while CPU of db rose.", &["E1", "E3"]),
    ("CPU of db rose to 20.", &["E1", "E3"]),
    ("CPU of db and latency of pay rose.", &["E1", "E3"]),
    ("Latency of pay was higher before.", &["E1"]),
    ("Latency of pay was lower than the usual 20.5.", &["E1"]),
    ("CPU of db climbed from 20 to 80.", &["E3"]),
    ("http_errors_total of shop halved.", &["E4"]),
    ("http_errors_total of shop doubled.", &["E4"]),
    ("Latency of pay plunged.", &["E1"]),
    ("Latency of pay recovered.", &["E1"]),
    ("Latency of pay is stable.", &["E1"]),
    ("Latency of pay is normal at 912.25.", &["E1"]),
    ("The disk of web-1 rose to 51.", &["T4"]),
    // One number for another.
    ("Latency of pay rose from 912.25 to 20.5.", &["E1"]),
    ("Latency of pay rose by 912.25.", &["E1"]),
    ("Latency of pay rose to 61.", &["E1"]),
    ("The lowest queue_length of shop was 90.", &["T1"]),
    ("The highest value of queue_length was 7.", &["T1"]),
    ("The highest value of queue_length was 90 at 10:01:00.", &["T1"]),
    ("The last value of queue_length was 90.", &["T1"]),
    ("The first value of queue_length was 7.", &["T1"]),
    ("Lines of pay fell from 12.5 to 0 per minute.", &["E5"]),
    ("Lines of pay are new, 0 per minute after 12.5 before.", &["E5"]),
    ("Requests from shop took 20 ms instead of 850 ms.", &["E6"]),
    ("At 10:00:00 latency of pay was 20.5.", &["E1"]),
    ("Latency of pay is 20.5.", &["E1"]),
    ("CPU of db fell from 80 to 20 seconds.", &["E3"]),
    ("Requests of pay rose from 20 to 850.", &["E6"]),
    // Of one fact for another.
    ("CPU of db fell to 912.25.", &["E1", "E3"]),
    ("Latency of shop rose to 40.", &["E1", "E4"]),
    ("Latency of pay rose at 10:00:50.", &["E1", "E4"]),
    ("CPU of pay fell from 80 to 20.", &["E1", "E3"]),
    ("Latency of shop rose.", &["E1"]),
    ("Latency of pay rose, and reached 40.", &["E1", "E4"]),
    // There for gone.
    ("Lines like \"payment accepted\" are new since 10:00:05.", &["T3"]),
    ("Lines like \"payment accepted\" appeared at 10:00:05.", &["T3"]),
    ("Lines of pay about a pool are gone.", &["E5"]),
    ("The lines of pay stopped at 10:00:10.", &["E5"]),
    ("Lines say \"pool accepted\".", &["E5", "T3"]),
    // The wrong order.
    ("Latency of pay rose before the deploy of pay.", &["E1", "E2"]),
    ("The deploy of pay followed the rise of latency.", &["E1", "E2"]),
    ("Version 2.4.1 of pay was deployed 30 s after the first symptom.", &["E2"]),
    ("Version 2.4.1 of pay was deployed 30 s later.", &["E2"]),
    ("http_errors_total of shop rose, then latency of pay rose.", &["E1", "E4"]),
    ("http_errors_total of shop rose first, and latency of pay rose.", &["E1", "E4"]),
    ("After CPU of db fell, latency of pay rose.", &["E1", "E3"]),
    ("Latency of pay rose before 10:00:00.", &["E1"]),
    ("Latency of pay rose until 10:00:00.", &["E1"]),
    ("Latency of pay rose at 10:02:00.", &["E1"]),
    ("The deploy of pay was preceded by new lines of pay.", &["E2", "E5"]),
    ("Before the deploy of pay, latency rose.", &["E1", "E2"]),
    ("Errors of shop rose before latency of pay.", &["E1", "E4"]),
    ("The fall of CPU of db preceded the rise of latency of pay.", &["E1", "E3"]),
    ("Latency of pay rose and then fell.", &["E1"]),
    // Cause for victim.
    ("New lines of pay led to the deploy of pay.", &["E2", "E5"]),
    ("The cause of the deploy of pay is shop.", &["E2", "E4"]),
    ("Latency of pay rose because errors of shop rose.", &["E1", "E4"]),
    ("Errors of shop caused the latency of pay.", &["E1", "E4"]),
    ("Latency of pay led to the deploy of pay.", &["E1", "E2"]),
    ("The deploy of pay was caused by the latency of pay.", &["E1", "E2"]),
    ("The root cause is shop.", &["E1", "E4"]),
    ("Errors of pay were caused by shop.", &["E1", "E4", "E6"]),
    ("Latency rose because of a traffic surge.", &["E1"]),
    // Caller for called.
    ("pay calls shop.", &["T2"]),
    ("shop is called by pay.", &["T2"]),
    ("Requests from pay to shop take 850 ms.", &["E6"]),
    ("shop depends on pay, and pay depends on shop.", &["T2"]),
    // What is not, in other words.
    ("Latency of pay failed to rise.", &["E1"]),
    ("Latency of pay stopped.", &["E1"]),
    ("Only latency of pay rose.", &["E1", "E4"]),
    ("Latency of pay would have risen.", &["E1"]),
];

const RIGHT: [(&str, &[&str]); 48] = [
    ("Latency of pay rose and CPU of db fell.", &["E1", "E3"]),
    ("Latency of pay rose while CPU of db fell.", &["E1", "E3"]),
    ("CPU of db fell from 80 to 20.", &["E3"]),
    ("CPU of db fell from 80 % to 20 % at 10:00:40.", &["E3"]),
    ("pay_latency_ms of service pay rose from 20.5 to 912.25 at 10:00:00 UTC.", &["E1"]),
    ("Latency of pay was lower before.", &["E1"]),
    ("Latency of pay is higher than before.", &["E1"]),
    ("Latency of pay rose above the usual 20.5.", &["E1"]),
    ("Latency of pay and http_errors_total of shop rose.", &["E1", "E4"]),
    ("Latency of pay rose by 891.75 ms.", &["E1"]),
    ("Latency of pay rose 44.5 times.", &["E1"]),
    ("Latency of pay rose sharply, 61 robust deviations.", &["E1"]),
    ("http_errors_total of shop rose from 2 to 40, beginning at 10:00:50.", &["E4"]),
    ("http_errors_total of shop rose 20 times.", &["E4"]),
    ("The lowest queue_length of shop was 5.", &["T1"]),
    ("The highest value of queue_length was 90 at 10:00:20.", &["T1"]),
    ("The last value of queue_length was 7 at 10:01:00.", &["T1"]),
    ("queue_length of shop rose from 5 to 90.", &["T1"]),
    ("disk_used of web-1 is level.", &["T4"]),
    ("Lines of pay are new since 10:00:10, 12.5 per minute after 0 before.", &["E5"]),
    ("New lines of pay say \"pool pay-db exhausted after 250 ms\".", &["E5"]),
    ("Lines like \"pool <*> exhausted after <*> ms\" appeared at 10:00:10.", &["E5"]),
    ("Lines like \"payment accepted\" of pay are gone since 10:00:05.", &["T3"]),
    ("Lines like \"payment accepted\" stopped, from 30 per minute to 0.", &["T3"]),
    ("Requests from shop to pay take 850 ms instead of 20 ms.", &["E6"]),
    ("Requests to /charge of pay took 850 ms.", &["E6"]),
    ("pay is called by shop.", &["T2"]),
    ("shop calls pay.", &["T2"]),
    ("shop depends on pay.", &["T2"]),
    ("Version 2.4.1 of pay was deployed 30 s before.", &["E2"]),
    ("Version 2.4.1 of pay was deployed at 09:59:30, 30 s before the first symptom.", &["E2"]),
    ("Version 2.4.1 of pay was deployed before latency of pay rose.", &["E1", "E2"]),
    ("Latency of pay rose after the deploy of pay.", &["E1", "E2"]),
    ("After the deploy of pay, latency rose.", &["E1", "E2"]),
    ("30 s after the deploy of pay, latency rose.", &["E1", "E2"]),
    ("The deploy of pay was followed by new lines of pay.", &["E2", "E5"]),
    ("Latency of pay rose, then http_errors_total of shop rose.", &["E1", "E4"]),
    ("Latency of pay rose first, and http_errors_total of shop rose.", &["E1", "E4"]),
    ("Latency of pay rose before CPU of db fell.", &["E1", "E3"]),
    ("Latency of pay rose when 2.4.1 was deployed.", &["E1", "E2"]),
    ("Latency of pay rose after 09:59:30.", &["E1", "E2"]),
    ("Latency of pay rose because of the deploy of 2.4.1.", &["E1", "E2"]),
    ("The deploy of pay caused latency to rise.", &["E1", "E2"]),
    ("The rise of latency was caused by the deploy of pay.", &["E1", "E2"]),
    ("Latency of pay led to errors of shop.", &["E1", "E4"]),
    ("The root cause is the deploy of pay.", &["E2"]),
    ("The cause is pay.", &["E1"]),
    ("Two facts agree: latency of pay rose, and 2.4.1 was deployed.", &["E1", "E2"]),
];

/// Guarantees: MUST 800 to 802 of docs/specs/agent.md.
#[test]
fn claims_that_are_wrong_in_sense_are_dropped() {
    let kept: Vec<&str> = WRONG.iter().filter(|it| flaw(it.0, it.1).is_empty()).map(|it| it.0).collect();
    assert_eq!(kept, [""; 0]);
}

/// Guarantees: MUST 800 of docs/specs/agent.md: what is right is not dropped along with the rest.
#[test]
fn right_claims_are_kept() {
    let dropped = RIGHT.iter().map(|it| (flaw(it.0, it.1), it.0)).filter(|it| !it.0.is_empty());
    assert_eq!(dropped.collect::<Vec<_>>(), []);
}

/// Guarantees: MUST 801 of docs/specs/agent.md: each kind of wrong sense is found as what it is, not by chance.
#[test]
fn flaws_are_told_apart() {
    for (text, evidence, expected) in [
        ("CPU of db rose to 20.", &["E3"][..], "direction"),
        ("Latency of pay rose from 912.25 to 20.5.", &["E1"], "role"),
        ("CPU of db fell to 912.25.", &["E1", "E3"], "binding"),
        ("Latency of pay rose before the deploy of pay.", &["E1", "E2"], "order"),
        ("Errors of shop caused the latency of pay.", &["E1", "E4"], "why"),
        ("pay calls shop.", &["T2"], "relation"),
        ("Latency of pay plunged.", &["E1"], "word"),
        ("Lines say \"pool accepted\".", &["E5", "T3"], "quote"),
    ] {
        assert_eq!(flaw(text, evidence), expected, "{text}");
    }
}

/// Guarantees: MUST 801 of docs/specs/agent.md: the order of evidence does not matter.
#[test]
fn the_order_in_which_evidence_is_cited_does_not_matter() {
    for (text, evidence) in RIGHT.iter().chain(&WRONG) {
        let mut turned = evidence.to_vec();
        turned.reverse();
        assert_eq!(flaw(text, evidence).is_empty(), flaw(text, &turned).is_empty(), "{text}");
    }
}
