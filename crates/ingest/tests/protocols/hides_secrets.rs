//! Is any secret of a known kind left over, wherever it stands? Kinds and places are tables; each kind is tried in each
//! place.

use ingest::redacted;

use crate::kinds::{KINDS, Kind, made};
use crate::places::{OF_NAMES, OF_VALUES};

/// What must not be seen of a secret that was put into a text; None if nothing of it is seen.
fn leak(text: &str, parts: &[String]) -> Option<String> {
    let safe = redacted(text, &mut |_| {}).into_owned();
    parts.iter().any(|it| safe.contains(it.as_str())).then_some(safe)
}

/// Guarantees: MUST 730 of docs/specs/ingest.md.
#[test]
fn no_secret_of_a_known_kind_is_left_in_any_place() {
    let (mut tried, mut leaks) = (0, vec![]);
    for kind in KINDS {
        for seed in 1..=3 {
            let (value, parts) = made(kind.pattern, seed);
            assert!(!parts.is_empty(), "{} has no secret part", kind.name);
            let places = if kind.key.is_empty() { OF_VALUES } else { OF_NAMES };
            for place in places.iter().filter(|it| fits(kind, it)) {
                tried += 1;
                let text = place.replace("KEY", kind.key).replace("VALUE", &value);
                leaks.extend(leak(&text, &parts).map(|safe| format!("{}: {safe:?}", kind.name)));
            }
        }
    }
    println!("{} kinds, {tried} texts, {} leaks", KINDS.len(), leaks.len());
    assert!(KINDS.len() >= 60 && tried >= 3000, "{} kinds, {tried} texts", KINDS.len());
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks[..leaks.len().min(40)].join("\n"));
}

/// A value of several lines cannot stand in a place of one line.
fn fits(kind: &Kind, place: &str) -> bool {
    !kind.pattern.contains('\n') || !place.contains(['`', '%', '<']) && !place.contains("\\\"")
}

/// Guarantees: MUST 731 of docs/specs/ingest.md.
#[test]
fn redacting_again_changes_nothing() {
    for kind in KINDS {
        let (value, _) = made(kind.pattern, 5);
        let places = if kind.key.is_empty() { OF_VALUES } else { OF_NAMES };
        for place in places {
            let text = place.replace("KEY", kind.key).replace("VALUE", &value);
            let once = redacted(&text, &mut |_| {}).into_owned();
            assert_eq!(redacted(&once, &mut |_| {}), once, "{text:?}");
        }
    }
}

/// Guarantees: MUST 151 of docs/specs/ingest.md. Words that begin as keys do, and names that are like those of secrets.
#[test]
fn what_only_looks_like_a_secret_stays() {
    for text in [
        "sk-learn, hf_hub and npm_config are names",
        "the patient pattern pathology patched",
        "re_compile of key-value stores, akid and cio",
        "monkey=banana; turkey: yes",
        "compass=north bypass=on passed=7 surpass: 3",
        "exit code=137 code: 0x80070005",
        "session=main auth=none sig: SIGTERM",
        "GET /a?b=c:d@e and mailto:a@b.example",
        "http://example.org:8080/a@b",
        "docker run -p 8080:80 -u 1000:1000 nginx",
        "--verbose --name value --count 3",
        "<name>hunter</name> <pass/>",
        "price $1,000.00 and $HOME",
        "blk_-1608999687919862906 to /10.251.73.220:50010",
        "uuid 123e4567-e89b-12d3-a456-426614174000 sha 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "value: 17 and name=pool value=3",
        "token: identifier expected",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "x.attribute ~user Q~ $var ${x}",
        "\u{1b}[31mred\u{1b}[0m text",
        "%20 %3D %zz \\u003d \\n \\",
    ] {
        assert_eq!(redacted(text, &mut |_| {}), text);
    }
}
