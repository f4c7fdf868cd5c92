//! Do `sentinel diagnose` and `sentinel eval rca` name the service to blame by a user's own files?

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::offline::{Folder, sentinel, stderr, stdout};

/// Seconds since 1970 at which the fault begins.
const AT: i64 = 1_700_000_000;

/// A wide table of three services from `from` seconds to `to`, where the processor time of `pay` is `busy` from the fault on.
fn metrics(from: i64, to: i64, busy: f64) -> String {
    let mut text = "time,web_cpu,web_latency_p99,pay_cpu,pay_mem,db_cpu\n".to_owned();
    for second in from..to {
        let wave = (second % 7) as f64 / 7.0;
        let pay = if second >= AT { busy } else { 2.0 };
        writeln!(text, "{second},{},{},{},{},{}", 10.0 + wave, 0.2 + wave / 50.0, pay + wave, 2e8 + wave, 0.1).unwrap();
    }
    text
}

fn diagnose(arguments: &[&str]) -> Value {
    let output = sentinel(&[&["diagnose", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// Guarantees: MUST 550 and 551 of docs/specs/diagnosis.md.
#[test]
fn the_busy_service_is_first_from_one_file_or_two_and_a_minute_off() {
    let folder = Folder::new("rca-metrics");
    let whole = folder.write("whole.csv", metrics(AT - 600, AT + 300, 90.0).as_bytes());
    let normal = folder.write("normal.csv", metrics(AT - 600, AT, 2.0).as_bytes());
    let during = folder.write("during.csv", metrics(AT, AT + 300, 90.0).as_bytes());
    for at in [AT - 60, AT, AT + 60] {
        let at = at.to_string();
        for files in [vec!["--metrics", &whole], vec!["--metrics", &during, "--normal", &normal]] {
            let json = diagnose(&[files, vec!["--at", &at]].concat());
            let first = &json["causes"][0];
            assert_eq!(
                (&first["service"], &first["indicator"], &first["fault"]),
                (&"pay".into(), &"cpu".into(), &"cpu".into()),
                "{at}"
            );
            assert!(first["confidence"].as_f64().unwrap() > 0.5, "{json}");
            assert!(first["evidence"][0]["text"].as_str().unwrap().contains("cpu of pay is 9"), "{json}");
            assert!(json["no_cause_confidence"].as_f64().unwrap() < 0.5, "{json}");
        }
    }
}

/// Guarantees: MUST 552 of docs/specs/diagnosis.md.
#[test]
fn bad_files_are_told_with_line_and_column() {
    let folder = Folder::new("rca-bad");
    let good = folder.write("good.csv", metrics(AT - 10, AT + 10, 9.0).as_bytes());
    let metrics = folder.write("m.csv", b"time,a_cpu\n1,2\n2,oops\n");
    let traces = folder.write("t.ndjson", b"{\"service\":\"a\",\"start\":1}\n{\"start\":1}\n");
    let logs = folder.write("l.ndjson", b"{\"service\":\n");
    let changes = folder.write("c.json", b"[{\"id\":\"x\"}]");
    let graph = folder.write("g.csv", b",a,b\na,0,x\n");
    let at = AT.to_string();
    for (option, file, message) in [
        ("--metrics", &metrics, "m.csv, line 3, column 2 (a_cpu): found \"oops\""),
        ("--traces", &traces, "t.ndjson, line 2: a span has no service"),
        ("--logs", &logs, "l.ndjson, line 1, column"),
        ("--changes", &changes, "c.json, line 1: a change has no timestamp"),
        ("--graph", &graph, "g.csv, line 2, column 3 (b): found \"x\""),
    ] {
        let output = sentinel(&["diagnose", "--metrics", &good, option, file, "--at", &at, "--json"]);
        assert_eq!(output.status.code(), Some(2), "{option}");
        assert!(stderr(&output).contains(message), "{option}: {}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
}

/// A request of `web` to `pay` to `db` in each second; from the fault on `pay` says that it fails and asks `db` no more.
fn telemetry() -> (String, String) {
    let (mut spans, mut lines) = (String::new(), String::new());
    for second in AT - 300..AT + 120 {
        let is_broken = second >= AT;
        let mut span = |id: &str, parent: &str, service: &str, millis: i64| {
            writeln!(spans, r#"{{"trace_id":"t{second}","span_id":"{id}","parent_id":"{parent}","service":"{service}","name":"op","start":{second},"duration_ms":{millis},"status":"OK"}}"#).unwrap();
        };
        span("a", "", "web", 30);
        span("b", "a", "pay", 20);
        if !is_broken {
            span("c", "b", "db", 10);
        }
        let (level, said) = if is_broken { ("ERROR", "no card was found") } else { ("INFO", "card was found") };
        writeln!(lines, r#"{{"timestamp":{second},"service":"pay","severity_text":"{level}","msg":"{said}","trace_id":"t{second}","span_id":"b"}}"#).unwrap();
    }
    (spans, lines)
}

/// Guarantees: MUST 553 and 554 of docs/specs/diagnosis.md.
#[test]
fn who_does_otherwise_than_before_is_first_and_not_its_callers() {
    let folder = Folder::new("rca-traces");
    let (spans, lines) = telemetry();
    let (traces, logs) = (folder.write("t.ndjson", spans.as_bytes()), folder.write("l.ndjson", lines.as_bytes()));
    let json = diagnose(&["--traces", &traces, "--logs", &logs, "--at", &AT.to_string()]);
    assert_eq!(json["causes"][0]["service"], "pay", "{json}");
    let texts = json["causes"][0]["evidence"].to_string();
    assert!(texts.contains("no card was found"), "{texts}");
}

/// Guarantees: MUST 555 of docs/specs/diagnosis.md.
#[test]
fn the_guilty_change_is_named_and_not_the_newest() {
    let folder = Folder::new("rca-changes");
    let whole = folder.write("m.csv", metrics(AT - 3600, AT + 300, 90.0).as_bytes());
    let changes = folder.write(
        "c.json",
        format!(
            r#"{{"deploys":[{{"timestamp":{},"service":"pay","commit_sha":"bad"}},{{"timestamp":{},"service":"pay","commit_sha":"nice"}}],
            "commits":[{{"sha":"bad","timestamp":{},"message":"refactor: prices","files_changed":["pay/price.go"],
              "diff":" func f() {{\n+\tfor _, it := range items {{\n+\t\trow := db.Query(it)\n+\t}}"}},
             {{"sha":"nice","timestamp":{},"message":"docs: words","files_changed":["README.md"],"diff":"+words"}}]}}"#,
            AT - 120, AT - 30, AT - 200, AT - 100
        )
        .as_bytes(),
    );
    let json =
        diagnose(&["--metrics", &whole, "--changes", &changes, "--at", &(AT + 30).to_string(), "--symptom", "pay"]);
    assert_eq!(json["change"]["id"], "bad", "{json}");
    assert_eq!((&json["causes"][0]["service"], &json["causes"][0]["change"]), (&"pay".into(), &"bad".into()), "{json}");
}

/// Guarantees: MUST 560 of docs/specs/diagnosis.md.
#[test]
fn a_folder_of_cases_is_found_and_judged_beside_the_peers() {
    let folder = Folder::new("rca-eval");
    for run in 1..=3 {
        let path = |name: &str| format!("shop/pay-cpu/{run}/{name}.csv");
        folder.write(&path("normal"), metrics(AT - 600, AT, 2.0).as_bytes());
        folder.write(&path("anomalous"), metrics(AT, AT + 300, 90.0).as_bytes());
    }
    let output = sentinel(&["eval", "rca", &folder.path(""), "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&json["name"], &json["ours"]["ac1"], &json["ours"]["n_cases"]),
        (&"rca".into(), &1.0.into(), &3.0.into())
    );
    assert_eq!(json["ours"]["sets"]["rcd shop"]["ac1_low"], 1.0);
    assert_eq!(json["peers"]["N-sigma, rcd, raw columns"]["ac1"], 1.0);
    let output = sentinel(&["eval", "rca", &folder.path("shop/pay-cpu/1")]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
}

/// Guarantees: MUST 561 of docs/specs/diagnosis.md: the peers reach what their authors publish, which checks the
/// harness, and ours stays above what it promises.
#[test]
fn published_incidents_are_judged_as_published() {
    let folder = std::env::var_os("SENTINEL_TEST_DATA").map(|it| PathBuf::from(it).join("rca"));
    let Some(folder) = folder.filter(|it| it.is_dir()) else {
        eprintln!("SKIPPED: no incidents; set SENTINEL_TEST_DATA to a folder that has `rca`");
        return;
    };
    let output = sentinel(&["eval", "rca", folder.join("rcd-sock-shop").to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let peer = |name: &str| json["peers"][name]["avg5"].as_f64().unwrap();
    assert!((peer("BARO, rcd, its preparation") - 0.99).abs() <= 0.02, "{json}");
    assert!((peer("N-sigma, rcd, its preparation") - 0.985).abs() <= 0.02, "{json}");
    assert!(json["ours"]["ac1"].as_f64().unwrap() >= 0.9, "{json}");
}

/// Seconds of a run of RCAEval before and after the fault, and services with their names in metrics and in traces.
const RUN: (i64, i64) = (-300, 180);
const SHOP: [(&str, &str); 3] = [("front-end", "frontendservice"), ("cart", "cart"), ("stock", "stock")];

/// What stands in a run of RCAEval besides its metrics.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `data.csv` alone, its columns as cAdvisor and Istio name them (RE1).
    Raw,
    /// Lines and traces (RE2 and RE3 of Online Boutique and Train Ticket).
    Traced,
    /// Lines, and a file of traces without any (RE3 of Sock Shop), and series that were made of them.
    Untraced,
}

/// Names of columns, and what they show for a service that is busy or not.
const RAW: [&str; 7] = [
    "container-cpu-usage-seconds-total",
    "container-memory-working-set-bytes",
    "container-memory-failures-total",
    "istio-latency-50",
    "istio-latency-90",
    "istio-error-total",
    "istio-request-total",
];
const SIMPLE: [&str; 7] = ["cpu", "mem", "diskio", "latency-50", "latency-90", "error", "workload"];

fn rcaeval_metrics(guilty: &str, names: [&str; 7]) -> String {
    let services = || SHOP.iter().map(|it| it.0).chain(["auth"]);
    let headings: Vec<String> = services().flat_map(|it| names.map(|what| format!("{it}_{what}"))).collect();
    let mut text = format!("time,time.1,{}\n", headings.join(","));
    for second in RUN.0..RUN.1 {
        let wave = second.rem_euclid(7) as f64 / 7.0;
        write!(text, "{},{}", AT + second, AT + second).unwrap();
        for service in services() {
            let cpu = if service == guilty && second >= 0 { 95.0 } else { 5.0 + wave };
            let mem = if second == -50 { f64::INFINITY } else { 2e8 + wave };
            let (fast, slow) = (0.02 + wave / 1e3, 0.04 + wave / 1e3);
            write!(text, ",{cpu},{mem},{wave},{fast},{slow},0,{}", 50.0 + wave).unwrap();
        }
        text += "\n";
    }
    text
}

/// A run as RCAEval publishes it: a second per row, a time of day as text in the first column of lines and traces, and
/// messages in the middle of a row, some of them over several lines.
fn rcaeval_run(folder: &Folder, path: &str, guilty: &str, form: Form) {
    let mut traces = "time,traceID,spanID,serviceName,methodName,operationName,startTimeMillis,startTime,duration,statusCode,parentSpanID\n".to_owned();
    let mut logs = "time,timestamp,container_name,message,level,req_path,error\n".to_owned();
    let mut latencies = "time,cart_GET /cart,stock_shop.Stock/Get\n".to_owned();
    for second in RUN.0..RUN.1 {
        let is_off = |service: &str| service == guilty && second >= 0;
        let (micros, clock) = ((AT + second) * 1_000_000, format!("{:02}:{:02}", 22, 13 + (second + 300) / 60));
        let mut whole = 30_000 + if is_off("cart") || is_off("stock") { 200_000 } else { 0 };
        let mut parent = "";
        for (span, (service, name)) in ["a", "b", "c"].iter().zip(SHOP) {
            if form == Form::Traced {
                writeln!(
                    traces,
                    "{clock},t{second},{span},{name},op,GET /{name},{},{micros},{whole},0.0,{parent}",
                    micros / 1000
                )
                .unwrap();
            }
            whole -= 10_000 + if is_off(service) { 200_000 } else { 0 };
            parent = span;
            let said = format!("listed, {} \"\"things\"\"\n  at line {second}", second + 400);
            writeln!(logs, "{clock},{micros}000,{name},\"{said}\",info,/{name},").unwrap();
        }
        let wave = second.rem_euclid(7) as f64;
        let slow = |service: &str| if is_off(service) { 900.0 } else { 20.0 } + wave;
        writeln!(latencies, "{},{},{}", AT + second, slow("cart"), slow("stock")).unwrap();
    }
    folder.write(&format!("{path}/inject_time.txt"), format!("{AT}\n").as_bytes());
    if form == Form::Raw {
        folder.write(&format!("{path}/data.csv"), rcaeval_metrics(guilty, RAW).as_bytes());
        return;
    }
    let quiet = if form == Form::Untraced { "nobody" } else { guilty };
    folder.write(&format!("{path}/simple_metrics.csv"), rcaeval_metrics(quiet, SIMPLE).as_bytes());
    folder.write(&format!("{path}/metrics.csv"), b"time,other\n1,2\n");
    folder.write(&format!("{path}/traces.csv"), traces.as_bytes());
    folder.write(&format!("{path}/tracets_lat.csv"), latencies.as_bytes());
    folder.write(&format!("{path}/logs.csv"), logs.as_bytes());
    folder.write(&format!("{path}/cluster_info.json"), b"{}");
}

/// Scenario: the layouts of RCAEval (RE1, RE2, RE3) with what its readers trip over: times of day as text, a stray folder
/// beside the runs, another name of the frontend in traces, status codes that say nothing, a service without spans, a file
/// of traces with a heading alone, messages over several lines in the middle of a row, two columns of times, infinite values.
/// Guarantees: MUST 635, 636 and 782 of docs/specs/diagnosis.md.
#[test]
fn runs_of_rcaeval_are_found_and_their_traps_avoided() {
    let folder = Folder::new("rca-rcaeval");
    rcaeval_run(&folder, "RE2-OB/cart_cpu/1", "cart", Form::Traced);
    rcaeval_run(&folder, "RE2-OB/front-end_cpu/1", "front-end", Form::Traced);
    rcaeval_run(&folder, "RE2-OB/auth_cpu/2", "auth", Form::Traced);
    rcaeval_run(&folder, "RE3-SS/stock_f1/1", "stock", Form::Untraced);
    folder.write("RE2-OB/cart_cpu/multi-source-data/logs.csv", b"nothing,of,use\n");
    folder.write("RE2-OB/README.md", b"no folder\n");
    rcaeval_run(&folder, "RE1-SS/stock_cpu/3", "stock", Form::Raw);
    let output = sentinel(&["eval", "rca", &folder.path(""), "--json", "--cases"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&json["ours"]["n_cases"], &json["ours"]["ac1"]), (&5.0.into(), &1.0.into()), "{json}");
    assert_eq!(json["ours"]["sets"]["rcaeval RE2-OB"]["n_cases"], 3.0, "{json}");
    assert_eq!(json["ours"]["sets"]["rcaeval RE1-SS"]["n_cases"], 1.0, "{json}");
}

/// Guarantees: MUST 782 and 784 of docs/specs/diagnosis.md.
#[test]
fn without_a_time_the_begin_is_told_from_the_data_or_asked_for() {
    let folder = Folder::new("rca-begin");
    let pairs = |busy: f64| {
        let value = |it: i64| if it >= AT { busy } else { 2.0 } + (it % 7) as f64 / 7.0;
        let points: Vec<(i64, f64)> = (AT - 300..AT + 200).map(|it| (it, value(it))).collect();
        points
    };
    let json = serde_json::json!({ "pay_cpu": pairs(90.0), "pay_mem": pairs(2.0), "web_cpu": pairs(2.0) });
    let metrics = folder.write("metrics.json", json.to_string().as_bytes());
    let json = diagnose(&["--metrics", &metrics]);
    assert_eq!(json["causes"][0]["service"], "pay", "{json}");
    let onset = json["causes"][0]["evidence"][0]["onset_ms"].as_i64().unwrap();
    assert!((onset - AT * 1000).abs() <= 5000, "{json}");
    let still = folder.write("still.csv", metrics_of_nobody().as_bytes());
    let output = sentinel(&["diagnose", "--metrics", &still]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("nothing changes at any time") && stderr(&output).contains("--at"));
}

fn metrics_of_nobody() -> String {
    metrics(AT - 300, AT, 2.0)
}

/// Guarantees: MUST 630 to 632 of docs/specs/diagnosis.md.
#[test]
fn the_way_of_the_trouble_is_told_as_data_as_a_picture_and_in_words() {
    let folder = Folder::new("rca-way");
    let whole = folder.write("m.csv", metrics(AT - 600, AT + 300, 90.0).as_bytes());
    let graph = folder.write("g.csv", b"caller,callee\nweb,pay\npay,db\n");
    let (svg, dot) = (folder.path("way.svg"), folder.path("way.dot"));
    let at = AT.to_string();
    let json = diagnose(&[
        "--metrics",
        &whole,
        "--graph",
        &graph,
        "--symptom",
        "web",
        "--at",
        &at,
        "--svg",
        &svg,
        "--dot",
        &dot,
    ]);
    let nodes = json["graph"]["nodes"].as_array().unwrap();
    let of = |service: &str| nodes.iter().find(|it| it["service"] == service).unwrap_or_else(|| panic!("{json}"));
    let (cause, effect) = (of("pay"), of("web"));
    assert_eq!((&cause["what"], &cause["evidence"][0]), (&"cpu up".into(), &json["causes"][0]["evidence"][0]["id"]));
    let edges = json["graph"]["edges"].as_array().unwrap();
    assert!(
        edges.iter().any(|it| it["from"] == cause["id"] && it["to"] == effect["id"] && it["by"] == "calls"),
        "{json}"
    );
    assert_eq!(json["story"], "affected of web <- cpu up of pay");
    let picture = std::fs::read_to_string(svg).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("cpu up") && picture.contains("pay, "), "{picture}");
    assert!(std::fs::read_to_string(dot).unwrap().contains("\"N1\" -> \"N2\""));
}
