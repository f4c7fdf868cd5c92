//! Are headers found in the formats of well-known programs? All lines are made up; no format is known to the code.

use proptest::prelude::*;

use learn::evaluate::grouping::grouping;
use learn::logs::{HeaderFinder, TemplateMiner, TemplateMinerConfig};

/// What the program says.
const MESSAGES: [&str; 12] = [
    "Accepted order 17 of customer 4711",
    "Accepted order 3 of customer 12",
    "Connection to 10.0.0.7:5432 lost after 3 attempts",
    "Connection to 10.0.0.9:5432 lost after 11 attempts",
    "Cache warmed in 15 ms",
    "Shutting down",
    "user alice logged in",
    "retry: backing off for 200 ms",
    "retry: backing off for 400 ms",
    "Worker 7 is idle",
    "Worker 9 is idle",
    "no route to host db-1",
];
const LEVELS: [&str; 4] = ["INFO", "WARN", "ERROR", "DEBUG"];
/// Components, bare and in parts.
const PARTS: [&str; 5] = ["cart", "pay", "stock", "search", "ui"];
const LINES: usize = 240;
/// Texts that look like pieces of headers, and others.
const LIKE_HEADERS: &str =
    "(<34>1? ?)?(\\[|\\(|INFO:|E0102|- |12:01:02|2026-01-02| |\t|\\||\\]|:|\"|\u{fc}|[a-z]{1,3}|\\PC){0,12}";

/// One of a list, by the number of the line, without a period shared with the messages.
fn pick<'a>(list: &[&'a str], idx: usize, salt: usize) -> &'a str {
    list.get((idx * 7 + idx / 5 + salt) % list.len()).copied().unwrap_or_default()
}

/// Each line as `header` writes it, with the message that was put in.
fn lines(header: impl Fn(usize) -> String) -> (Vec<String>, Vec<&'static str>) {
    let messages: Vec<&str> = (0..LINES).map(|idx| pick(&MESSAGES, idx, idx / 11)).collect();
    let lines = messages.iter().enumerate().map(|(idx, it)| format!("{}{it}", header(idx))).collect();
    (lines, messages)
}

/// How the lines are grouped without their headers, against how their messages are.
fn accuracy(found: &[&str], messages: &[&str]) -> f64 {
    let groups = |lines: &[&str]| {
        let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
        let ids: Vec<_> = lines.iter().map(|it| miner.learn_one(it)).collect();
        miner.settle();
        ids.into_iter().map(|it| miner.current(it)).collect::<Vec<_>>()
    };
    grouping(&groups(found), &groups(messages)).accuracy
}

/// What stands before the message is gone, and nothing of the message is.
fn check(name: &str, header: impl Fn(usize) -> String) {
    let (lines, messages) = lines(header);
    let finder = HeaderFinder::of(lines.iter().map(String::as_str));
    let found: Vec<&str> = lines.iter().map(|it| finder.message(it)).collect();
    for (line, (found, message)) in lines.iter().zip(found.iter().zip(&messages)) {
        assert_eq!(found, message, "{name}: {line}\n{finder:?}");
    }
    let mut stream = HeaderFinder::default();
    for line in &lines {
        stream.learn_one(line);
    }
    assert_eq!(lines.iter().map(|it| stream.message(it)).collect::<Vec<_>>(), found, "{name}, line by line");
}

fn clock(idx: usize) -> String {
    format!("{:02}:{:02}:{:02}", 3 + idx / 100, idx / 60 % 60, idx % 60)
}

#[test]
fn programs_with_a_date_and_a_level() {
    let (level, part) = (|idx| pick(&LEVELS, idx, 1), |idx| pick(&PARTS, idx, 3));
    check("nginx", |idx| {
        format!("2026/01/02 {} [{}] {}#{}: ", clock(idx), level(idx).to_lowercase(), 100 + idx, idx % 9)
    });
    check("logback", |idx| {
        format!("{}.{:03} [pool-{}] {:5} c.shop.{}.Main - ", clock(idx), idx, idx % 5, level(idx), part(idx))
    });
    check("logback of one package", |idx| {
        format!("{}.{:03} [main] {:5} {} - ", clock(idx), idx, level(idx), part(idx))
    });
    check("log4j", |idx| {
        format!(
            "2026-01-02 {},{:03} {} [{} thread] com.shop.{}: ",
            clock(idx),
            idx,
            level(idx),
            part(idx),
            part(idx + 1)
        )
    });
    check("spring", |idx| {
        format!(
            "2026-01-02T{}.{:03}+01:00 {:>5} {} --- [exec-{}] c.shop.{:20} : ",
            clock(idx),
            idx,
            level(idx),
            7000 + idx,
            idx % 4,
            part(idx)
        )
    });
    check("elasticsearch", |idx| {
        format!("[2026-01-02T{},{:03}][{:5}][o.e.{:20}] [node-{}] ", clock(idx), idx, level(idx), part(idx), idx % 3)
    });
    check("python", |idx| format!("2026-01-02 {},{:03} - shop.{} - {} - ", clock(idx), idx, part(idx), level(idx)));
    check("python with bare names", |idx| {
        format!("2026-01-02 {},{:03} - {} - {} - ", clock(idx), idx, part(idx), level(idx))
    });
    check("python's basic format", |idx| format!("{}:{}:", level(idx), part(idx)));
    check("mysql", |idx| {
        format!(
            "2026-01-02T{}.{:06}Z {} [{}] [MY-0{}] [{}] ",
            clock(idx),
            idx,
            idx % 30,
            pick(&["Note", "Warning", "System"], idx, 0),
            10_000 + idx,
            part(idx)
        )
    });
    check("postgres", |idx| {
        format!(
            "2026-01-02 {}.{:03} UTC [{}] {}:  ",
            clock(idx),
            idx,
            900 + idx,
            pick(&["LOG", "ERROR", "DETAIL", "STATEMENT", "HINT"], idx, 0)
        )
    });
    check("go", |idx| format!("2026/01/02 {} {}.go:{}: ", clock(idx), part(idx), idx));
    check("rust", |idx| format!("2026-01-02T{}.{:06}Z {:>5} shop::{}: ", clock(idx), idx, level(idx), part(idx)));
    check("openstack", |idx| {
        format!(
            "2026-01-02 {}.{:03} {} {} nova.{}.server [req-{:08x} - - -] ",
            clock(idx),
            idx,
            25_000 + idx,
            level(idx),
            part(idx),
            idx * 7919
        )
    });
}

#[test]
fn programs_with_formats_of_their_own() {
    let (level, part) = (|idx| pick(&LEVELS, idx, 1), |idx| pick(&PARTS, idx, 3));
    let letter = |idx| pick(&["I", "W", "E"], idx, 0);
    check("klog", |idx| {
        format!("{}0102 {}.{:06} {:7} {}.go:{}] ", letter(idx), clock(idx), idx, idx % 77, part(idx), idx)
    });
    check("glog", |idx| {
        format!("{}20260102 {}.{:06} {:7} {}.cc:{}] ", letter(idx), clock(idx), idx, idx % 77, part(idx), idx)
    });
    check("logcat", |idx| {
        format!(
            "01-02 {}.{:03} {:5} {:5} {} {}Manager: ",
            clock(idx),
            idx,
            1000 + idx,
            2000 + idx,
            letter(idx),
            part(idx)
        )
    });
    check("padded tags", |idx| {
        format!("01-02 {}.{:03} {:5} {:5} {} {:8}: ", clock(idx), idx, 1000 + idx, 2000 + idx, letter(idx), part(idx))
    });
    check("servicing", |idx| {
        format!(
            "2026-01-02 {}, {:21} {:6} ",
            clock(idx),
            pick(&["Info", "Error"], idx, 0),
            pick(&["CBS", "CSI"], idx, 0)
        )
    });
    check("bars", |idx| format!("20260102-{}:{:03}|{}|300{}|", clock(idx), idx, part(idx), idx));
    check("columns", |idx| format!("2026-01-02 {} | {} | {} | ", clock(idx), level(idx), part(idx)));
    check("redis", |idx| {
        format!("{}:M 02 Jan 2026 {}.{:03} {} ", 100 + idx % 2, clock(idx), idx, pick(&["*", "#", "-"], idx, 0))
    });
    check("proxy", |idx| format!("[01.02 {}] {}.exe - ", clock(idx), part(idx)));
    check("supercomputer", |idx| {
        format!(
            "- {} 2026.01.02 R0{}-M1 2026-01-02-{} R0{}-M1 RAS {} {} ",
            1_767_300_000 + idx,
            idx % 7,
            clock(idx).replace(':', "."),
            idx % 7,
            part(idx).to_uppercase(),
            level(idx)
        )
    });
}

#[test]
fn fields_that_not_all_lines_have() {
    let (level, part) = (|idx| pick(&LEVELS, idx, 1), |idx| pick(&PARTS, idx, 3));
    // Programs with and without a note behind their names; threads with spaces; a file's name before all else.
    check("proxy with notes", |idx| {
        format!("[01.02 {}] {}.exe{} - ", clock(idx), part(idx), if idx % 3 == 0 { " *64" } else { "" })
    });
    check("threads", |idx| {
        let thread = pick(&["main", "IPC handler 0 on 62270", "Launcher #3"], idx, 0);
        format!("2026-01-02 {},{:03} {} [{thread}] org.shop.{}: ", clock(idx), idx, level(idx), part(idx))
    });
    check("collected files", |idx| {
        let request = if idx % 4 == 0 { "-".to_owned() } else { format!("req-{idx:08x} {idx:032x} - - -") };
        let time = clock(idx);
        format!(
            "shop-{}.log.1.2026-01-02_03:04:05 2026-01-02 {time}.{idx:03} {idx} {} shop.{}.api [{request}] ",
            part(idx),
            level(idx),
            part(idx + 1)
        )
    });
    check("cluster", |idx| {
        let node = format!("dn{}", idx % 40);
        let pid = if idx % 5 == 0 { String::new() } else { format!("(pam_unix)[{idx}]") };
        format!("- {} 2026.01.02 {node} Jan 2 {} {node}/{node} {}{pid}: ", 1_767_300_000 + idx, clock(idx), part(idx))
    });
}

#[test]
fn syslog() {
    let part = |idx| pick(&PARTS, idx, 3);
    let host = |idx| pick(&["alpha", "beta", "gamma"], idx, 0);
    check("rsyslog", |idx| format!("Jan {:2} {} {} {}[{}]: ", 1 + idx / 60, clock(idx), host(idx), part(idx), idx));
    check("kernel among others", |idx| match idx % 4 {
        0 => format!("Jan  2 {} {} kernel: ", clock(idx), host(idx)),
        _ => format!("Jan  2 {} {} {}(pam_unix)[{}]: ", clock(idx), host(idx), part(idx), idx),
    });
    check("names with spaces", |idx| {
        format!("Jan  2 {} {} {}[{}]: ", clock(idx), host(idx), pick(&["Mail", "Web Content", "dns"], idx, 0), idx)
    });
    check("RFC 3164", |idx| format!("<{}>Jan  2 {} {} {}: ", 30 + idx % 9, clock(idx), host(idx), part(idx)));
    check("ISO time", |idx| {
        format!("2026-01-02T{}.{:06}+01:00 {} {}[{}]: ", clock(idx), idx, host(idx), part(idx), idx)
    });
    check("RFC 5424", |idx| {
        format!(
            "<{}>1 2026-01-02T{}.{:03}Z {}.example.com {} {} ID{} - ",
            30 + idx % 9,
            clock(idx),
            idx,
            host(idx),
            part(idx),
            idx,
            idx % 50
        )
    });
    check("RFC 5424 with data", |idx| {
        format!(
            "<{}>1 2026-01-02T{}.{:03}Z {}.example.com {} - ID{} [a@1 x=\"{}\" y=\"z\"] ",
            30 + idx % 9,
            clock(idx),
            idx,
            host(idx),
            part(idx),
            idx % 50,
            idx
        )
    });
}

#[test]
fn a_line_of_another_kind_is_whole_and_one_odd_field_is_forgiven() {
    let header = |idx: usize| {
        format!("- {} alpha Jan 2 {} alpha {}[{idx}]: ", 1_767_300_000 + idx, clock(idx), pick(&PARTS, idx, 3))
    };
    let (lines, _) = lines(header);
    let finder = HeaderFinder::of(lines.iter().map(String::as_str));
    for line in [
        "\tat shop.Cart.put(Cart.java:7)",
        "",
        "   ",
        "Traceback (most recent call last):",
        "{\"a\":1}",
        "\u{fc}: \u{fc}",
    ] {
        assert_eq!(finder.message(line), line);
    }
    assert_eq!(finder.message("ALERT 1767300001 alpha Jan 2 03:00:01 alpha pay[7]: no money"), "no money");
    assert_eq!(
        finder.message("- 1767300001 alpha Jan 2 03:00:01 last message repeated 3 times"),
        "last message repeated 3 times"
    );
}

#[test]
fn lines_without_a_header_stay_as_they_are() {
    let quoted =
        |it: &str, idx: usize| format!(r#"{{"time":"2026-01-02T{}Z","level":"info","msg":"{it}"}}"#, clock(idx));
    let logfmt = |it: &str, idx: usize| format!(r#"time=2026-01-02T{}Z level=info msg="{it}""#, clock(idx));
    let plain = |it: &str, _: usize| it.to_owned();
    let numbered = |it: &str, idx: usize| format!("{idx} {it}");
    let tagged = |it: &str, idx: usize| format!("{}: {it}", pick(&PARTS, idx, 3));
    for write in [&quoted as &dyn Fn(&str, usize) -> String, &logfmt, &plain, &numbered, &tagged] {
        let lines: Vec<String> = (0..LINES).map(|idx| write(pick(&MESSAGES, idx, idx / 11), idx)).collect();
        let finder = HeaderFinder::of(lines.iter().map(String::as_str));
        for line in &lines {
            assert_eq!(finder.message(line), line);
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(lines in prop::collection::vec(LIKE_HEADERS, 1..60)) {
        let finder = HeaderFinder::of(lines.iter().map(String::as_str));
        let mut stream = HeaderFinder::default();
        for line in &lines {
            stream.learn_one(line);
            prop_assert!(line.ends_with(finder.message(line)) && line.ends_with(stream.message(line)));
            prop_assert!(line.is_empty() || !finder.message(line).is_empty());
        }
    }
}

#[test]
fn an_access_log_begins_with_its_request() {
    let line = |idx: usize| {
        format!(
            r#"10.0.0.{} - - [02/Jan/2026:{} +0100] "GET /cart/{idx} HTTP/1.1" 200 {}"#,
            idx % 9,
            clock(idx),
            idx * 3
        )
    };
    let lines: Vec<String> = (0..LINES).map(line).collect();
    let finder = HeaderFinder::of(lines.iter().map(String::as_str));
    assert_eq!(finder.message(&lines[7]), r#""GET /cart/7 HTTP/1.1" 200 21"#);
}

#[test]
fn headers_cost_no_accuracy() {
    let header =
        |idx: usize| format!("Jan  2 {} beta {}[{idx}]: {} ", clock(idx), pick(&PARTS, idx, 3), pick(&LEVELS, idx, 1));
    let (lines, messages) = lines(header);
    let finder = HeaderFinder::of(lines.iter().map(String::as_str));
    let found: Vec<&str> = lines.iter().map(|it| finder.message(it)).collect();
    assert_eq!(accuracy(&found, &messages), 1.0);
    let whole: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert!(accuracy(&whole, &messages) < 0.5, "the test would show nothing");
}

#[test]
fn a_source_that_changes_its_format_is_learned_anew() {
    let mut finder = HeaderFinder::default();
    let old = |idx: usize| format!("2026-01-02 {} INFO cart: {}", clock(idx % 300), pick(&MESSAGES, idx, 0));
    let new = |idx: usize| format!("Jan 2 {} beta pay[{idx}]: {}", clock(idx % 300), pick(&MESSAGES, idx, 0));
    let changes: Vec<usize> =
        (0..20_000).filter(|idx| finder.learn_one(&if *idx < 9000 { old(*idx) } else { new(*idx) })).collect();
    assert_eq!(changes.first(), Some(&15));
    assert!(changes.len() == 2 && changes[1] > 9000, "{changes:?}");
    assert_eq!(finder.message(&new(0)), MESSAGES[0]);
}
