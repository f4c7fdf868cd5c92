//! Which rules hold for each file? Tables of data first, then the few rules that need to look closer.

use super::Finding;
use super::source::{Source, closing};

/// Text that must not occur in Rust code (comments and literals do not count), and what to do instead.
const REFUSED_IN_CODE: [(&str, &str, &str); 6] = [
    ("ignored-test", "#[ignore", "fix the test, or assert the wrong behavior and say FIXME"),
    ("should-panic", "#[should_panic", "return an error and assert it"),
    ("todo", "todo!", "write it or leave it out"),
    ("todo", "unimplemented!", "write it or leave it out"),
    ("dbg", "dbg!", "use tracing, or take it out"),
    ("local-use", "\n        use ", "put `use` at the top of the file or of the test module"),
];

/// Text that must not occur in any file.
const REFUSED_ANYWHERE: [(&str, &str); 2] = [("machine-path", "/root/"), ("machine-path", "/home/")];

/// File and module names that say nothing.
const EMPTY_NAMES: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "manager", "misc", "stuff"];

/// Endings of files that are source and therefore ASCII.
const SOURCE_ENDINGS: [&str; 6] = [".rs", ".toml", ".scn", ".css", ".js", ".service"];

const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 60;
const MAX_SIGNAL_LINES: usize = 2_000;

/// Why each rule is there.
const REASONS: [(&str, &str); 17] = [
    ("layers", "stages that do not know each other can be read, tested and replaced alone"),
    ("pure", "what depends on its arguments only can be replayed and tested without waiting"),
    ("map", "a map that names what is gone is worse than none"),
    ("link", "a link that leads nowhere costs every reader a minute"),
    ("stale-exception", "a list of exceptions that is not needed hides the next breach"),
    ("module-doc", "the first line says which question the file answers, so that readers can stop there"),
    ("file-length", "a file one cannot read in one sitting holds more than one thing"),
    ("function-length", "a function that does not fit on a screen needs a reason for its reader"),
    ("ignored-test", "a test that does not run protects nothing"),
    ("should-panic", "it passes on any panic, also on the wrong one"),
    ("todo", "it is a crash that waits for a user"),
    ("dbg", "it writes into a user's terminal"),
    ("local-use", "what a file depends on stands at its top"),
    ("bare-matches", "its result is thrown away: it looks like an assertion and asserts nothing"),
    ("ascii", "what looks alike is alike; use escapes for other characters"),
    ("machine-path", "a path of one machine means nothing on another one"),
    ("empty-name", "the name of shared code says what it does"),
];

/// Why a rule is there.
pub fn reason(rule: &str) -> Option<&'static str> {
    let more = [("signal-size", "every crate imports it: what is in it is everybody's concern")];
    REASONS.iter().chain(&more).find(|it| it.0 == rule).map(|it| it.1)
}

/// Checks one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |rule: &'static str, text: String| {
        findings.push(Finding { rule, path: source.path.clone(), text });
    };
    for (rule, refused) in REFUSED_ANYWHERE {
        if let Some(offset) = source.text.find(refused) {
            report(rule, format!("line {} has {refused}", line_of(&source.text, offset)));
        }
    }
    if SOURCE_ENDINGS.iter().any(|it| source.path.ends_with(it))
        && let Some((offset, it)) = source.text.char_indices().find(|it| !it.1.is_ascii())
    {
        report("ascii", format!("line {} has {}", line_of(&source.text, offset), it.escape_unicode()));
    }
    if source.is_rust() {
        check_rust(source, &mut report);
    }
    findings
}

fn check_rust(source: &Source, report: &mut impl FnMut(&'static str, String)) {
    if !source.text.starts_with("//!") {
        report("module-doc", "does not begin with `//!` and the question it answers".to_owned());
    }
    for (rule, refused, instead) in REFUSED_IN_CODE {
        for (offset, _) in source.code.match_indices(refused) {
            let line = line_of(&source.code, offset + usize::from(refused.starts_with('\n')));
            report(rule, format!("line {line} has {}: {instead}", refused.trim()));
        }
    }
    for line in bare_matches(&source.code) {
        report("bare-matches", format!("line {line}: put it into assert!(..)"));
    }
    let n_lines = source.n_code_lines();
    if n_lines > MAX_FILE_LINES {
        report("file-length", format!("{n_lines} lines of code, at most {MAX_FILE_LINES}: split it by question"));
    }
    for function in source.functions().into_iter().filter(|it| it.n_code_lines > MAX_FUNCTION_LINES) {
        // The reason may stand in the doc comment above or in the body.
        let from = function.first_line.saturating_sub(12);
        let mut lines = source.text.lines().skip(from).take(function.last_line + 1 - from);
        if !lines.any(|it| it.contains("// Long because")) {
            let (name, n_lines) = (function.name, function.n_code_lines);
            report("function-length", format!("{name} has {n_lines} lines: split it or say `// Long because ..`"));
        }
    }
    let name = source.path.trim_end_matches(".rs").trim_end_matches("/mod").rsplit('/').next().unwrap_or_default();
    if EMPTY_NAMES.contains(&name) {
        report("empty-name", format!("{name:?} does not say what is in it"));
    }
}

/// Lines where `matches!(..);` stands as a statement.
fn bare_matches(code: &str) -> Vec<usize> {
    let is_bare = |start: usize| {
        let before = code.get(..start)?.trim_end().chars().next_back()?;
        let after = code.get(start + "matches!".len()..)?;
        let rest = after.get(closing(after)? + 1..)?;
        (matches!(before, ';' | '{' | '}') && rest.trim_start().starts_with(';')).then_some(line_of(code, start))
    };
    code.match_indices("matches!(").filter_map(|(start, _)| is_bare(start)).collect()
}

/// The crate that all others import stays small.
pub fn check_signal(sources: &[Source]) -> Option<Finding> {
    let n_lines: usize =
        sources.iter().filter(|it| it.path.starts_with("crates/signal/src/")).map(Source::n_code_lines).sum();
    (n_lines > MAX_SIGNAL_LINES).then(|| Finding {
        rule: "signal-size",
        path: "crates/signal".to_owned(),
        text: format!("{n_lines} lines of code, at most {MAX_SIGNAL_LINES}"),
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(0, |it| it.matches('\n').count()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> Vec<&'static str> {
        check(&Source::new(path, text)).into_iter().map(|it| it.rule).collect()
    }

    fn with_doc(code: &str) -> Vec<&'static str> {
        broken("crates/x/src/y.rs", &format!("//! What?\n{code}\n"))
    }

    #[test]
    fn refused_text_is_found_in_code_only() {
        assert_eq!(with_doc("#[ignore]\nfn a() {}"), ["ignored-test"]);
        assert_eq!(with_doc("#[should_panic(expected = \"x\")]\nfn a() {}"), ["should-panic"]);
        assert_eq!(with_doc("fn a() { todo!() }"), ["todo"]);
        assert_eq!(with_doc("fn a() { dbg!(1); }"), ["dbg"]);
        assert_eq!(with_doc("// todo! dbg!\nconst A: &str = \"#[ignore]\";"), [""; 0]);
    }

    #[test]
    fn matches_as_statement_is_found() {
        assert_eq!(with_doc("fn a() { b();\n    matches!(x, Some(_));\n}"), ["bare-matches"]);
        assert_eq!(with_doc("fn a() -> bool { b();\n    matches!(x, Some(_))\n}"), [""; 0]);
        assert_eq!(with_doc("fn a() { let b = matches!(x, Some(_)); }"), [""; 0]);
        assert_eq!(with_doc("fn a() { assert!(matches!(x, Some(_))); }"), [""; 0]);
    }

    #[test]
    fn every_file_says_what_it_answers() {
        assert_eq!(broken("crates/x/src/y.rs", "fn a() {}\n"), ["module-doc"]);
        assert_eq!(broken("README.md", "text\n"), [""; 0]);
    }

    #[test]
    fn length_is_limited() {
        let long = format!("fn a() {{\n{}}}", "    b();\n".repeat(59));
        assert_eq!(with_doc(&long), ["function-length"]);
        assert_eq!(with_doc(&format!("// Long because it is a table.\n{long}")), [""; 0]);
        assert_eq!(with_doc(&long.replacen("    b();\n", "", 1)), [""; 0]);
        let many = "const A: u8 = 1;\n".repeat(501);
        assert_eq!(with_doc(&many), ["file-length"]);
        assert_eq!(with_doc(&format!("#[cfg(test)]\nmod tests {{\n{many}}}")), [""; 0]);
    }

    #[test]
    fn source_is_ascii_and_knows_no_machine() {
        assert_eq!(with_doc("// caf\u{e9}"), ["ascii"]);
        assert_eq!(broken("docs/a.md", "caf\u{e9} in /ro\u{6f}t/x"), ["machine-path"]);
    }

    #[test]
    fn names_say_something() {
        assert_eq!(broken("crates/x/src/utils.rs", "//! What?\n"), ["empty-name"]);
        assert_eq!(broken("crates/x/src/common/mod.rs", "//! What?\n"), ["empty-name"]);
    }

    #[test]
    fn every_rule_has_a_reason() {
        let rules = REFUSED_IN_CODE.iter().map(|it| it.0).chain(REFUSED_ANYWHERE.iter().map(|it| it.0));
        for rule in rules.chain(["layers", "pure", "map", "link", "signal-size", "bare-matches", "function-length"]) {
            assert!(reason(rule).is_some(), "{rule}");
        }
    }
}
