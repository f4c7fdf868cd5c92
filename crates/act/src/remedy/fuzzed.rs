//! Does any value become more than a value? A million of them, made of pieces that mean something to shells, addresses,
//! JSON and templates, through every step that has placeholders.

use serde_json::Value;
use signal::{IncidentId, StepKind};

use crate::config::Config;
use crate::placeholder::{Facts, Process, is_safe};
use crate::remedy::{Command, Template as _, TerminateProcess, Webhook, remedy};

const VALUES: usize = 1_000_000;
/// Pieces at the begin of `PIECES` that mean nothing to anybody.
const N_PLAIN: usize = 8;
const PIECES: [&str; 56] = [
    "a",
    "pay",
    "payments-db",
    "Z9",
    "0",
    "1.2.3",
    "v1",
    "x",
    "-",
    "--",
    "-rf",
    ".",
    "..",
    "/",
    "\\",
    ":",
    "_",
    "+",
    " ",
    "\t",
    "\n",
    "\r",
    "\0",
    "\u{1b}[31m",
    "$",
    "$(id)",
    "`id`",
    "${IFS}",
    ";",
    "|",
    "&",
    "&&",
    ">",
    "<",
    "*",
    "?",
    "~",
    "!",
    "#",
    "%",
    "%2f",
    "%00",
    "'",
    "\"",
    "=",
    "@",
    ",",
    "{",
    "}",
    "{service}",
    "{{",
    "\u{200b}",
    "\u{202e}",
    "\u{e9}",
    "\u{ff0d}",
    "http://evil.example/",
];

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Every second value is of plain pieces, so that some are planned.
    fn value(&mut self) -> String {
        let n_pieces = if self.below(2) == 0 { N_PLAIN } else { PIECES.len() };
        (0..=self.below(5)).map(|_| PIECES[self.below(n_pieces)]).collect()
    }
}

/// Guarantees: MUST 756 of docs/specs/untrusted-text.md.
#[test]
// Long because each value goes through every step.
fn no_value_becomes_more_than_a_value() {
    let config = Config {
        allowed_commands: vec!["/usr/bin/act".to_owned()],
        allowed_webhook_prefixes: vec!["http://127.0.0.1:9/hooks/".to_owned()],
        host_name: "web-1".to_owned(),
        ..Config::default()
    };
    let words = ["/usr/bin/act", "{service}", "--host={host}", "{version}"].map(str::to_owned);
    let command = Command { argv: words.to_vec() };
    let webhook: Webhook =
        serde_json::from_str(r#"{"url":"http://127.0.0.1:9/hooks/{service}/{version}","body":{"who":"{host}"}}"#)
            .unwrap();
    let mut dice = Dice(7);
    let (mut planned, mut refused) = (0, 0);
    for _ in 0..VALUES / 4 {
        let [service, host, version, line] = [dice.value(), dice.value(), dice.value(), dice.value()];
        let process = Process { host: "web-1".to_owned(), pid: 4242, start_time: 7, command: line.clone() };
        let facts = Facts {
            incident: IncidentId(7),
            service: service.clone(),
            host: Some(host.clone()),
            process: Some(process),
            version: Some(version.clone()),
        };
        let is_all_safe = [&service, &host, &version].into_iter().all(|it| is_safe(it));
        match command.plan(&facts, &config) {
            Ok(StepKind::Command { argv }) => {
                planned += 1;
                assert!(is_all_safe, "{facts:?}");
                assert_eq!(
                    argv,
                    ["/usr/bin/act".to_owned(), service.clone(), format!("--host={host}"), version.clone()]
                );
                assert!(
                    !argv[1].starts_with('-') && !argv[3].starts_with('-') && argv.iter().all(|it| plain(it)),
                    "{argv:?}"
                );
            }
            Ok(other) => panic!("{other:?}"),
            Err(_) => refused += 1,
        }
        match webhook.plan(&facts, &config) {
            Ok(StepKind::Webhook { url, body, .. }) => {
                assert!(is_all_safe, "{facts:?}");
                let parsed = reqwest::Url::parse(&url).unwrap();
                let segments: Vec<&str> = parsed.path_segments().unwrap().collect();
                assert_eq!(segments, ["hooks", &service, &version], "{url}");
                assert_eq!((parsed.host_str(), parsed.port(), parsed.query()), (Some("127.0.0.1"), Some(9), None));
                assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), serde_json::json!({ "who": host }));
            }
            Ok(other) => panic!("{other:?}"),
            Err(_) => refused += 1,
        }
        // What a process is called changes neither which one it is nor what is done.
        match TerminateProcess::default().plan(&facts, &config) {
            Ok(StepKind::TerminateProcess { pid, start_time, command }) => {
                assert_eq!((pid, start_time), (4242, 7));
                assert!(line.starts_with(&command), "{command:?}");
            }
            other => panic!("{other:?}"),
        }
        // The store may have been altered: what is carried out is judged again.
        let altered = StepKind::Command { argv: vec![line.clone(), service] };
        assert_eq!(remedy(&altered).permit(&config).is_ok(), line == "/usr/bin/act");
    }
    assert!(planned > 1000 && refused > 100_000, "{planned} planned, {refused} refused");
}

fn plain(word: &str) -> bool {
    word.bytes().all(|it| it.is_ascii_alphanumeric() || b"._:-+/=".contains(&it))
}
