//! How likely does a diff break something, read line by line without knowing its language?
//!
//! Most changes are harmless: words for people, tests, moved code, a later patch of a library. What breaks things is
//! small: a bound with another number, a guard that is gone, a query inside of a loop, a list that only grows.

use std::collections::BTreeSet;

/// What was found in a diff.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Risk {
    /// How likely it breaks something, in logits; 0 is an ordinary change.
    pub(crate) logit: f64,
    /// The most telling reason, in words.
    pub(crate) reason: Option<&'static str>,
    /// Whether it is about a number or a setting and not about a program.
    pub(crate) is_setting: bool,
}

/// Endings and names of files that do not run.
const INERT: &[&str] = &[
    ".md",
    ".txt",
    ".css",
    ".scss",
    ".svg",
    ".png",
    ".html",
    ".rst",
    "codeowners",
    "license",
    ".golden",
    ".gitignore",
    ".editorconfig",
];
const INERT_PARTS: &[&str] =
    &["docs/", "test/", "tests/", "testdata/", "_test.", ".test.", "_spec.", ".github/", "golangci", "/staging/"];
/// Files that list libraries.
const LIBRARIES: &[&str] = &[
    "go.mod",
    "go.sum",
    "package.json",
    "package-lock.json",
    "cargo.toml",
    "cargo.lock",
    "requirements.txt",
    "pom.xml",
    "yarn.lock",
];
/// Words of calls that leave the process.
const OUTSIDE: &[&str] =
    &["query", "select", "fetch", "getitem", "find", "http", "rpc", "exec", "client", "select", "lookup", "request"];
/// Words of what protects a program; a diff that only takes them away leaves it without.
const GUARDS: &[&str] = &[
    "timeout",
    "withtimeout",
    "deadline",
    "limit",
    "ratelimit",
    "retry",
    "backoff",
    "batch",
    "index",
    "pool",
    "validate",
    "mutex",
    "lock",
    "unlock",
    "close",
    "rollback",
    "cache",
    "evict",
    "leeway",
    "tolerance",
    "fallback",
    "breaker",
];
const LOOPS: &[&str] = &["for ", "for(", "while ", "while(", ".foreach(", ".map(", "loop {"];
const BOUNDS: &[&str] = &["lru", "max", "evict", "cap(", "limit", "ttl", "expire", "truncate"];
/// What names a bound: with less of it, less works.
const CAPACITIES: &[&str] = &[
    "max", "limit", "pool", "conn", "ttl", "size", "replica", "worker", "thread", "buffer", "quota", "memory", "cpu",
    "rate", "capacity", "timeout", "interval", "expir",
];

/// Reads a change.
pub(crate) fn risk(title: &str, files: &[String], diff: &str) -> Risk {
    let names: Vec<String> = files.iter().map(|it| it.to_ascii_lowercase()).collect();
    if !names.is_empty() && names.iter().all(|it| is_inert(it)) {
        return Risk { logit: -3.0, ..Risk::default() };
    }
    if diff.trim().is_empty() {
        return Risk { logit: of_title(title) - 1.0, ..Risk::default() };
    }
    let removed = lines(diff, '-');
    let added = lines(diff, '+');
    if !names.is_empty() && names.iter().all(|it| LIBRARIES.iter().any(|name| it.ends_with(name))) {
        return Risk { logit: if is_patch(&removed, &added) { -2.0 } else { 0.5 }, ..Risk::default() };
    }
    let mut risk = Risk { logit: of_title(title), ..Risk::default() };
    let mut worst = 0.0;
    let mut add = |weight: f64, reason: &'static str, is_setting: bool| {
        risk.logit += weight;
        if weight > worst {
            worst = weight;
            risk.reason = Some(reason);
            risk.is_setting = is_setting;
        }
    };
    let numbers = changed_numbers(&removed, &added);
    if numbers > 0.0 {
        add(numbers, "it changes a bound by much", true);
    }
    if has_outside_call_in_loop(diff) {
        add(2.5, "it asks somebody else inside of a loop", false);
    }
    if grows_without_bound(&added) {
        add(2.5, "it keeps a list that only grows", false);
    }
    if loses_definition(&removed, &added) || shortens_condition(&removed, &added) {
        add(2.0, "it takes a condition or a constant away", false);
    } else if loses_guard(&removed, &added) {
        add(1.0, "it takes a guard away", false);
    }
    if flips_switch(&removed, &added) {
        add(1.5, "it switches something", true);
    }
    if waits(&added, &removed) {
        add(1.5, "it waits or takes a lock", false);
    }
    if harms_schema(&added) {
        add(1.5, "it changes tables", false);
    }
    if worst == 0.0 {
        risk.logit += if only_tells(&added) { -1.5 } else { -0.7 };
    }
    risk
}

fn is_inert(name: &str) -> bool {
    INERT.iter().any(|it| name.ends_with(it)) || INERT_PARTS.iter().any(|it| name.contains(it))
}

/// Conventional titles tell what people thought they did.
fn of_title(title: &str) -> f64 {
    let title = title.to_ascii_lowercase();
    let kind = title.split([':', '(', ' ']).next().unwrap_or_default();
    match kind {
        "docs" | "doc" | "test" | "tests" | "ci" | "style" => -2.0,
        "revert" => 0.5,
        _ => 0.0,
    }
}

/// Lines of one side without comments.
fn lines(diff: &str, side: char) -> Vec<String> {
    let is_of = |it: &&str| it.starts_with(side) && !it.starts_with("+++") && !it.starts_with("---");
    let code = diff.lines().filter(is_of).filter_map(|it| it.get(1..)).map(|it| it.trim().to_owned());
    code.filter(|it| !it.is_empty() && !is_comment(it)).collect()
}

fn is_comment(line: &str) -> bool {
    ["//", "#", "/*", "*", "--", "<!--"].iter().any(|it| line.starts_with(it))
}

/// Libraries of which only the last part of the version went up.
fn is_patch(removed: &[String], added: &[String]) -> bool {
    let version = |line: &str| {
        let last = line.rsplit([' ', '"', '=']).find(|it| it.contains('.'))?;
        let (major_minor, _) = last.trim_end_matches([',', '"']).rsplit_once('.')?;
        Some(major_minor.to_owned())
    };
    removed.len() == added.len() && removed.iter().zip(added).all(|(old, new)| version(old) == version(new))
}

/// How much bounds changed: lines that are the same but for numbers and units.
fn changed_numbers(removed: &[String], added: &[String]) -> f64 {
    let mut worst: f64 = 0.0;
    for old in removed {
        for new in added {
            let (old_words, new_words) = (without_numbers(old), without_numbers(new));
            if old == new || old_words != new_words {
                continue;
            }
            let (Some(before), Some(after)) = (quantity(old), quantity(new)) else { continue };
            let ratio = (after / before).ln();
            let is_capacity = CAPACITIES.iter().any(|it| old_words.contains(it));
            if before > 0.0 && after > 0.0 && ratio.abs() >= 2f64.ln() {
                worst = worst.max((1.0 + ratio.abs()).min(3.0) + if is_capacity { 0.5 } else { 0.0 });
            }
        }
    }
    worst
}

const UNITS: &[(&str, f64)] = &[
    ("millisecond", 1e-3),
    ("second", 1.0),
    ("minute", 60.0),
    ("hour", 3600.0),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("ki", 1e3),
    ("kb", 1e3),
    ("mi", 1e6),
    ("mb", 1e6),
    ("gi", 1e9),
    ("gb", 1e9),
];

fn without_numbers(line: &str) -> String {
    let mut kept = String::new();
    for word in line.to_ascii_lowercase().split(|it: char| !it.is_ascii_alphanumeric() && it != '_') {
        let bare = word.trim_start_matches(|it: char| it.is_ascii_digit());
        let is_unit = UNITS.iter().any(|(name, _)| bare == *name || bare.strip_suffix('s') == Some(name));
        if !bare.is_empty() && !(is_unit && (bare.len() < word.len() || bare.len() > 2)) {
            kept.push_str(bare);
            kept.push(' ');
        }
    }
    kept
}

/// The last number of a line, in the unit that stands with it.
fn quantity(line: &str) -> Option<f64> {
    let lower = line.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|it: char| !it.is_ascii_alphanumeric() && it != '_').filter(|it| !it.is_empty()).collect();
    let at = words.iter().rposition(|it| it.starts_with(|it: char| it.is_ascii_digit()))?;
    let word = words.get(at)?;
    let digits = word.trim_end_matches(|it: char| !it.is_ascii_digit());
    let number: f64 = digits.replace('_', "").parse().ok()?;
    let unit = |name: &str| {
        UNITS.iter().find(|(unit, _)| name == *unit || name.strip_suffix('s') == Some(unit)).map(|it| it.1)
    };
    let own = unit(word.get(digits.len()..).unwrap_or_default());
    let next = words.get(at + 1..).unwrap_or_default().iter().find_map(|it| unit(it));
    Some(number * own.or(next).unwrap_or(1.0))
}

/// Added lines that leave the process, within a loop that the new version has.
fn has_outside_call_in_loop(diff: &str) -> bool {
    let removed = lines(diff, '-').join("\n").to_ascii_lowercase();
    let mut loops: Vec<usize> = vec![];
    for line in diff.lines().filter(|it| !it.starts_with('-') && !it.starts_with("@@")) {
        let code = line.get(1..).unwrap_or_default();
        let indent = code.len() - code.trim_start().len();
        let lower = code.trim().to_ascii_lowercase();
        if lower.is_empty() || is_comment(&lower) {
            continue;
        }
        loops.retain(|it| *it < indent);
        let calls = line.starts_with('+') && lower.contains('(') && OUTSIDE.iter().any(|it| lower.contains(it));
        let is_new = lower.split('(').next().is_some_and(|it| !removed.contains(it));
        if !loops.is_empty() && calls && is_new {
            return true;
        }
        if LOOPS.iter().any(|it| lower.starts_with(it) || (it.starts_with('.') && lower.contains(it))) {
            loops.push(indent);
        }
    }
    false
}

/// Something at the top level is appended to, and nothing bounds it.
fn grows_without_bound(added: &[String]) -> bool {
    let lower = added.join("\n").to_ascii_lowercase();
    let is_bounded = BOUNDS.iter().any(|it| lower.contains(it));
    let appended = |line: &String| {
        let name = line.split([' ', '.', '=', '[']).next().unwrap_or_default().to_owned();
        let grows = line.contains("append(")
            || line.contains(".push(")
            || line.contains(".append(")
            || line.contains(".add(")
            || line.contains(".put(")
            || line.contains("] = ");
        (grows && !name.is_empty()).then_some(name)
    };
    let declared = |name: &str| {
        added.iter().any(|it| {
            let words: Vec<&str> = it.split([' ', ':', '=']).filter(|it| !it.is_empty()).collect();
            let is_made = ["var", "let", "const", "static", "private", "public", "final"]
                .iter()
                .any(|keyword| words.first() == Some(keyword));
            is_made && words.iter().take(5).any(|it| *it == name)
        })
    };
    !is_bounded && added.iter().filter_map(appended).any(|name| declared(&name))
}

fn identifiers(lines: &[String]) -> BTreeSet<String> {
    let words = lines.iter().flat_map(|it| it.split(|it: char| !it.is_ascii_alphanumeric() && it != '_'));
    words.filter(|it| it.len() > 2).map(str::to_ascii_lowercase).collect()
}

/// A constant is gone.
fn loses_definition(removed: &[String], added: &[String]) -> bool {
    let kept = identifiers(added);
    removed.iter().any(|it| {
        let mut words = it.split([' ', ':', '=']).filter(|it| !it.is_empty());
        let keyword = words.next().unwrap_or_default();
        let name = words.next().unwrap_or_default().to_ascii_lowercase();
        ["const", "static", "final", "define"].contains(&keyword) && !name.is_empty() && !kept.contains(&name)
    })
}

/// A condition has become shorter and says nothing new.
fn shortens_condition(removed: &[String], added: &[String]) -> bool {
    let is_condition = |it: &&String| it.starts_with("if ") || it.starts_with("if(") || it.starts_with("while");
    let words = |line: &String| identifiers(std::slice::from_ref(line));
    removed.iter().filter(is_condition).any(|old| {
        let before = words(old);
        added.iter().filter(is_condition).any(|new| {
            let after = words(new);
            after.len() < before.len() && after.is_subset(&before) && after.len() * 2 >= before.len()
        })
    })
}

fn loses_guard(removed: &[String], added: &[String]) -> bool {
    let parts = |lines: &[String]| -> BTreeSet<String> { identifiers(lines) };
    let (old, new) = (parts(removed), parts(added));
    let has = |words: &BTreeSet<String>, guard: &str| words.iter().any(|it| it.contains(guard));
    GUARDS.iter().any(|it| has(&old, it) && !has(&new, it))
}

fn flips_switch(removed: &[String], added: &[String]) -> bool {
    let flipped = |line: &String| {
        let (yes, no) = (line.contains("true"), line.contains("false"));
        if yes { Some(line.replace("true", "false")) } else { no.then(|| line.replace("false", "true")) }
    };
    removed.iter().filter_map(flipped).any(|it| added.contains(&it))
}

fn waits(added: &[String], removed: &[String]) -> bool {
    let is_wait = |it: &String| {
        let lower = it.to_ascii_lowercase();
        lower.contains("sleep(")
            || lower.contains(".lock()")
            || lower.contains("synchronized")
            || lower.contains("for update")
    };
    added.iter().any(is_wait) && !removed.iter().any(is_wait)
}

fn harms_schema(added: &[String]) -> bool {
    added.iter().any(|it| {
        let lower = it.to_ascii_lowercase();
        lower.contains("drop ")
            || (lower.contains("alter table") && !lower.contains("concurrently"))
            || (lower.contains("create index") && !lower.contains("concurrently"))
            || lower.contains("lock table")
    })
}

/// Only logs, traces or numbers about the program itself.
fn only_tells(added: &[String]) -> bool {
    let tells = |it: &String| {
        let lower = it.to_ascii_lowercase();
        ["log", "metric", "counter", "histogram", "span", "trace", "prometheus", "header()"]
            .iter()
            .any(|word| lower.contains(word))
            || it.len() < 4
    };
    !added.is_empty() && added.iter().all(tells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(title: &str, file: &str, diff: &str) -> Risk {
        risk(title, &[file.to_owned()], diff)
    }

    #[test]
    fn what_breaks_things_is_told_from_what_does_not() {
        let risky = [
            of("chore: adjust ttl", "cache.go", "-\tTTL: 15 * time.Minute,\n+\tTTL: 15 * time.Second,"),
            of("refactor: defaults", "pool.go", "-const maxConns = 50\n+const maxConns = 10"),
            of(
                "refactor: assemble",
                "order.go",
                " func f() {\n+\tfor _, it := range items {\n+\t\trow, err := db.Query(ctx, it)\n+\t}",
            ),
            of(
                "feat: record",
                "history.go",
                "+var seen []record\n+func keep(it record) {\n+\tseen = append(seen, it)\n+}",
            ),
            of("refactor: simplify", "auth.go", "-\tif exp.Add(slack).Before(now) {\n+\tif exp.Before(now) {"),
        ];
        let harmless = [
            of("docs: words", "README.md", "+more words"),
            of("chore: bump", "go.mod", "-\tx/y v1.2.3\n+\tx/y v1.2.4"),
            of("chore: tune", "cache.yaml", "-  entries: 50000\n+  entries: 60000"),
            of("feat: counters", "metrics.go", "+var hits = prometheus.NewCounter(opts)"),
            of("chore: index", "1.sql", "+CREATE INDEX CONCURRENTLY x ON y (z);"),
            of("fix: rounding", "tax.go", "-\treturn math.Round(net * rate)\n+\treturn math.Round(net*rate*100) / 100"),
            of("feat: prefetch", "p.go", "+var trending = lru.New(256)\n+trending.Add(it.SKU, it)"),
        ];
        for it in &risky {
            assert!(it.logit >= 1.5 && it.reason.is_some(), "{it:?}");
        }
        for it in &harmless {
            assert!(it.logit <= 0.0, "{it:?}");
        }
    }

    #[test]
    fn quantities_are_compared_in_one_unit() {
        assert_eq!(quantity("TTL: 15 * time.Minute,"), Some(900.0));
        assert_eq!(quantity("timeout: 250ms"), Some(0.25));
        assert_eq!(quantity("max = 50"), Some(50.0));
        assert_eq!(quantity("nothing"), None);
    }
}
