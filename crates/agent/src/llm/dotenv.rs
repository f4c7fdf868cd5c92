//! Which key stands in the file `.env` of the working directory?
//!
//! Only the one that is asked for is taken from there: a file that came with a folder must not be able to set anything else.

use std::path::Path;

/// The file that is read.
pub const FILE: &str = ".env";

/// The last value of a variable in the file; none if there is no such file.
pub fn variable(file: &Path, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().filter_map(parsed).rfind(|it| it.0 == name).map(|it| it.1)
}

/// `NAME=value`, with `export`, quotes, and a comment behind a space.
fn parsed(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    if !is_name {
        return None;
    }
    let quoted = |quote: char| value.strip_prefix(quote)?.split_once(quote).map(|it| it.0);
    let plain = || value.split_once(" #").map_or(value, |it| it.0).trim_end();
    let value = quoted('"').or_else(|| quoted('\'')).unwrap_or_else(plain);
    Some((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_names_and_values() {
        let check = |line: &str, wanted: Option<(&str, &str)>| {
            let found = parsed(line);
            assert_eq!(found.as_ref().map(|it| (it.0.as_str(), it.1.as_str())), wanted, "{line}");
        };
        check("GEMINI_API_KEY=abc", Some(("GEMINI_API_KEY", "abc")));
        check("  export A = \"b c # d\"  # why", Some(("A", "b c # d")));
        check("A='x=y'", Some(("A", "x=y")));
        check("A=b#c # d", Some(("A", "b#c")));
        check("A=", Some(("A", "")));
        for line in ["", "# A=b", "A", "A B=c", "=c"] {
            check(line, None);
        }
    }

    #[test]
    fn the_last_value_counts() {
        let file = std::env::temp_dir().join(format!("agent-dotenv-{}", std::process::id()));
        assert_eq!(variable(&file, "A"), None);
        std::fs::write(&file, "A=1\n# A=2\nB=3\nA='4'\n").unwrap();
        assert_eq!((variable(&file, "A"), variable(&file, "C")), (Some("4".to_owned()), None));
        std::fs::remove_file(file).unwrap();
    }
}
