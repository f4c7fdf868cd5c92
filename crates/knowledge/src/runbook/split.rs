//! Which parts has a Markdown text? One for each heading, long ones cut at empty lines.

/// A longer part is cut at the next empty line.
const MAX_BYTES: usize = 1_600;
/// Headings deeper than this do not begin a part.
const MAX_DEPTH: usize = 4;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The headings above it, outermost first, and its own.
    pub headings: Vec<String>,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Its text without the heading.
    pub text: String,
}

/// The parts of a Markdown text that have words.
pub fn split(text: &str) -> Vec<Section> {
    let mut sections = vec![];
    let mut open = Section { headings: vec![], line: 1, text: String::new() };
    let mut fence: Option<&str> = None;
    for (idx, line) in text.lines().enumerate() {
        fence = fenced(fence, line);
        match heading(line).filter(|_| fence.is_none()) {
            Some((depth, title)) => {
                let mut headings = open.headings.clone();
                headings.truncate(depth - 1);
                // A level that is left out stands empty, so that depths stay true.
                headings.resize(depth - 1, String::new());
                headings.push(title);
                close(
                    &mut sections,
                    std::mem::replace(&mut open, Section { headings, line: idx + 1, text: String::new() }),
                );
            }
            None => {
                if open.text.len() > MAX_BYTES && line.trim().is_empty() && fence.is_none() {
                    let next = Section { headings: open.headings.clone(), line: idx + 1, text: String::new() };
                    close(&mut sections, std::mem::replace(&mut open, next));
                }
                open.text.push_str(line);
                open.text.push('\n');
            }
        }
    }
    close(&mut sections, open);
    sections
}

fn close(sections: &mut Vec<Section>, mut section: Section) {
    section.text = section.text.trim().to_owned();
    section.headings.retain(|it| !it.is_empty());
    if !section.text.is_empty() {
        sections.push(section);
    }
}

/// The fence that is open after the line.
fn fenced<'a>(open: Option<&'a str>, line: &'a str) -> Option<&'a str> {
    let line = line.trim_start();
    let mark = ["```", "~~~"].into_iter().find(|it| line.starts_with(it));
    match (open, mark) {
        (None, mark) => mark,
        (Some(open), Some(mark)) if open == mark => None,
        (open, _) => open,
    }
}

fn heading(line: &str) -> Option<(usize, String)> {
    let depth = line.bytes().take_while(|it| *it == b'#').count();
    let rest = line.get(depth..)?;
    let is_heading = (1..=MAX_DEPTH).contains(&depth) && rest.starts_with([' ', '\t']);
    is_heading.then(|| (depth, rest.trim().trim_end_matches('#').trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<String> {
        split(text).iter().map(|it| format!("{} {}: {}", it.line, it.headings.join(">"), it.text)).collect()
    }

    #[test]
    fn each_heading_begins_a_part() {
        let text = "intro\n# Pool\n## Check\nlook\n## Fix\ndo it\n#### Deep\nmore\n# Other\nend\n";
        let expected =
            ["1 : intro", "3 Pool>Check: look", "5 Pool>Fix: do it", "7 Pool>Fix>Deep: more", "9 Other: end"];
        assert_eq!(parts(text), expected);
    }

    #[test]
    fn comments_in_code_are_no_headings() {
        assert_eq!(parts("# A\n```sh\n# not a heading\nls\n```\nrest"), ["1 A: ```sh\n# not a heading\nls\n```\nrest"]);
        assert_eq!(parts("#hash\n####### seven"), ["1 : #hash\n####### seven"]);
    }

    #[test]
    fn long_parts_are_cut_at_empty_lines() {
        let paragraph = format!("{}\n\n", "word ".repeat(250));
        let sections = split(&format!("# A\n{}", paragraph.repeat(5)));
        assert_eq!(sections.len(), 3);
        assert!(sections.iter().all(|it| it.headings == ["A"]));
    }
}
