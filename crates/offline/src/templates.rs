//! `sentinel templates`: which lines of a log file say the same thing, and which values do they carry?

use std::borrow::Cow;
use std::path::PathBuf;

use clap::Args;
use learn::logs::{HeaderFinder, TemplateId, TemplateMiner, TemplateMinerConfig, mask, parameters};

use super::bad_input::{BadInput, quoted};
use super::input::Input;
use super::output::{Output, write_error};
use super::progress::Progress;

/// The field of a format that is looked at.
const CONTENT: &str = "Content";
/// What stands for a field in the format as a template.
const WILD: &str = "<*>";
/// Formats that one with optional parts stands for.
const MAX_VARIANTS: usize = 16;
/// Lines between two moves of the progress bar.
const LINES_PER_STEP: usize = 4096;
/// A file may have more kinds of line than a server keeps.
const MAX_TEMPLATES: usize = 65_536;

/// Options of `templates`.
#[derive(Debug, Args)]
pub struct TemplatesArgs {
    /// A log file, one message a line, also packed with gzip; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What stands before the message, for example `<Date> <Time> <Level> <Component>: <Content>`. Without it the header
    /// is found: timestamps, levels, hosts, processes and components that nearly all lines begin with.
    #[arg(long, value_name = "FORMAT", value_parser = Format::parse)]
    pub format: Option<Format>,
    /// From this many different words on in one place, while the rest of the line stays, the place is a variable.
    #[arg(long, value_name = "COUNT", default_value_t = TemplateMinerConfig::default().variable_words)]
    pub variable_words: usize,
    /// Where to write the result; it appears when it is complete. Standard output if left out.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Where in a line the message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// With and without the optional parts.
    headers: Vec<Header>,
}

/// A line as a template, and which of its variables is the message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Header {
    template: String,
    content: usize,
}

impl Format {
    /// Reads field names in angle brackets with the text between them, as loghub writes its formats: a part in `(` and
    /// `)?` may be absent, and punctuation may have a backslash before it.
    ///
    /// # Errors
    /// If there is no `<Content>`, or two fields touch, so that it is not known where one ends.
    pub fn parse(text: &str) -> Result<Self, String> {
        let headers: Result<Vec<Header>, String> = variants(text)?.iter().map(|it| Header::parse(it)).collect();
        Ok(Self { headers: headers? })
    }

    /// The message of a line; None if the line is not of this format. Fields before it are as short as they can be.
    pub fn content<'a>(&self, line: &'a str) -> Option<&'a str> {
        let found = self.headers.iter().filter_map(|it| parameters(&it.template, line).get(it.content).copied());
        found.max_by_key(|it| it.len())
    }
}

/// The format with and without each optional part.
fn variants(text: &str) -> Result<Vec<String>, String> {
    let mut all = vec![text.to_owned()];
    while let Some((head, tail)) = all.first().and_then(|it| it.split_once(")?")) {
        let is_begin = |at: &usize| !head.get(..*at).is_some_and(|it| it.ends_with('\\'));
        let begin = head.rmatch_indices('(').map(|(at, _)| at).find(is_begin).ok_or("`)?` has no `(` before it")?;
        if all.len() >= MAX_VARIANTS {
            return Err("it has too many optional parts".to_owned());
        }
        let (before, inside) = (head.get(..begin).unwrap_or_default(), head.get(begin + 1..).unwrap_or_default());
        let (with, without) = (format!("{before}{inside}{tail}"), format!("{before}{tail}"));
        all.remove(0);
        all.extend([with, without]);
        // Those with optional parts left come first.
        all.sort_by_key(|it| !it.contains(")?"));
    }
    Ok(all)
}

impl Header {
    fn parse(text: &str) -> Result<Self, String> {
        let (mut template, mut content, mut n_fields) = (String::new(), None, 0);
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let after = rest.get(letter.len_utf8()..).unwrap_or_default();
            match field(rest) {
                Some(name) if template.ends_with(WILD) => {
                    return Err(format!("nothing stands before <{name}> to tell where the field before it ends"));
                }
                Some(name) => {
                    content = content.or((name == CONTENT).then_some(n_fields));
                    n_fields += 1;
                    template.push_str(WILD);
                    rest = after.get(name.len() + 1..).unwrap_or_default();
                }
                None => {
                    let is_escape = letter == '\\' && after.starts_with(|it: char| it.is_ascii_punctuation());
                    template.extend((!is_escape).then_some(letter));
                    rest = after;
                }
            }
        }
        let template = template.split_whitespace().collect::<Vec<_>>().join(" ");
        let content = content.ok_or("it must have a field <Content>, the message")?;
        Ok(Self { template, content })
    }
}

/// The name of the field that a text begins with.
fn field(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let is_name = !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    is_name.then_some(name)
}

/// `sentinel templates`: one row out for each line in.
///
/// # Errors
/// `BadInput` if the file cannot be read or is empty; else if the result cannot be written.
pub fn run(args: &TemplatesArgs) -> anyhow::Result<()> {
    let config = TemplateMinerConfig { max_templates: MAX_TEMPLATES, variable_words: args.variable_words };
    if let Some(problem) = config.validate().first() {
        anyhow::bail!("{problem}");
    }
    let (file, bytes) = Input::open(&args.file)?.read_all()?;
    let text = String::from_utf8_lossy(&bytes);
    let messages = messages(&file, &text, args.format.as_ref())?;
    let mut miner = TemplateMiner::new(config);
    let ids = learn(&mut miner, &messages);
    write(&miner, &messages, &ids, Output::create(args.out.as_deref())?)
}

/// The message of each line. A line that is not of the format, such as the second one of a stack trace, is taken whole.
fn messages<'a>(file: &str, text: &'a str, format: Option<&Format>) -> Result<Vec<&'a str>, BadInput> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return Err(BadInput::of_file(file, "it is empty", "give a file with a message on each line"));
    }
    let Some(format) = format else {
        let headers = HeaderFinder::of(lines.iter().copied());
        return Ok(lines.iter().map(|it| headers.message(it)).collect());
    };
    let mut first_other = None;
    let mut n_other = 0;
    let mut message = |(idx, line): (usize, &'a str)| {
        format.content(line).unwrap_or_else(|| {
            first_other = first_other.or(Some((idx, line)));
            n_other += 1;
            line
        })
    };
    let found: Vec<&str> = lines.iter().copied().enumerate().map(&mut message).collect();
    match first_other {
        Some((idx, line)) if n_other == found.len() => {
            let found = format!("no line is of the format; this one is {}", quoted(line));
            Err(BadInput::of_line(file, idx as u64 + 1, found, "correct --format, or leave it out"))
        }
        Some((idx, _)) => {
            eprintln!(
                "note: {n_other} lines are not of the format, the first is line {}; they are taken whole",
                idx + 1
            );
            Ok(found)
        }
        None => Ok(found),
    }
}

/// Learns all lines first, so that each gets the template that was known in the end.
fn learn(miner: &mut TemplateMiner, messages: &[&str]) -> Vec<TemplateId> {
    let progress = Progress::new(messages.len(), "reading");
    let mut ids = Vec::with_capacity(messages.len());
    for part in messages.chunks(LINES_PER_STEP) {
        ids.extend(part.iter().map(|it| miner.learn_one(it)));
        progress.advance(part.len());
    }
    miner.settle();
    ids
}

fn write(miner: &TemplateMiner, messages: &[&str], ids: &[TemplateId], mut out: Output) -> anyhow::Result<()> {
    let mut rows = csv::Writer::from_writer(&mut out);
    rows.write_record(["line", "template_id", "template", "parameters"]).map_err(write_error)?;
    for (idx, (message, id)) in messages.iter().zip(ids).enumerate() {
        // Of a template that made room for others the line's own mask is left.
        let template = miner.template(*id).map_or_else(|| Cow::Owned(mask(message)), Cow::Borrowed);
        let values = serde_json::to_string(&parameters(&template, message))?;
        rows.write_record([&(idx + 1).to_string(), &format!("{:016x}", miner.current(*id).0), &*template, &values])
            .map_err(write_error)?;
    }
    rows.flush()?;
    drop(rows);
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content<'a>(format: &str, line: &'a str) -> Option<&'a str> {
        Format::parse(format).unwrap().content(line)
    }

    #[test]
    fn the_message_is_what_follows_the_header() {
        let format = "<Date> <Time> <Level> <Component>: <Content>";
        assert_eq!(content(format, "2026-01-02 03:04:05 INFO shop.Cart: put 3: done"), Some("put 3: done"));
        assert_eq!(content(format, "  at shop.Cart.put(Cart.java:7)"), None);
        assert_eq!(content("[<Time>] [<Level>] <Content>", "[Sun Jan 02] [warn] low <memory>"), Some("low <memory>"));
        let optional = "<Day>  <Host> <Component>(\\[<Pid>\\])?( \\(<Address>\\))?: <Content>";
        for line in
            ["Jan 2 web cron: ran [7]: ok", "Jan 2 web cron[5]: ran [7]: ok", "Jan 2 web cron[5] (0x1): ran [7]: ok"]
        {
            assert_eq!(content(optional, line), Some("ran [7]: ok"), "{line}");
        }
        assert_eq!(content("<A>|<Content>|<B>", "1|two|3"), Some("two"));
    }

    #[test]
    fn a_format_that_says_too_little_is_refused() {
        assert!(Format::parse("<Date> <Time>").unwrap_err().contains("<Content>"));
        assert!(Format::parse("<Date><Content>").unwrap_err().contains("<Content>"));
    }

    #[test]
    fn each_line_gets_the_template_known_in_the_end() {
        let text = "a pot of tea\na pot of ink\na pot of oil\na pot of rum\na pot of gin\nand 7 pots\n";
        let messages = messages("f", text, None).unwrap();
        let mut miner = TemplateMiner::new(TemplateMinerConfig::default());
        let ids = learn(&mut miner, &messages);
        let path = std::env::temp_dir().join(format!("sentinel-templates-{}.csv", std::process::id()));
        write(&miner, &messages, &ids, Output::create(Some(&path)).unwrap()).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let rows: Vec<(&str, &str)> = written
            .lines()
            .skip(1)
            .map(|it| (it.split(',').nth(1).unwrap(), it.splitn(3, ',').nth(2).unwrap()))
            .collect();
        assert_eq!(rows.len(), 6);
        assert!(rows[..5].iter().all(|it| it.0 == rows[0].0) && rows[5].0 != rows[0].0);
        assert_eq!(rows[3].1, r#"a pot of <*>,"[""rum""]""#);
        assert_eq!(rows[5].1, r#"and <*> pots,"[""7""]""#);
    }

    #[test]
    fn a_format_that_fits_no_line_is_a_problem_of_the_input() {
        let format = Format::parse("[<Time>] <Content>").unwrap();
        let problem = messages("f.log", "one\ntwo\n", Some(&format)).unwrap_err().to_string();
        assert!(problem.starts_with("f.log, line 1: no line is of the format; this one is \"one\""), "{problem}");
        assert_eq!(messages("f.log", "[1] one\ntwo\n", Some(&format)).unwrap(), ["one", "two"]);
        assert!(messages("f.log", "", None).is_err());
    }

    #[test]
    fn without_a_format_the_header_is_found() {
        let text = "10:00:01 INFO cart: put 3\n10:00:02 WARN cart: low\n  at line 7\n10:00:02 INFO pay: paid\n";
        let text = text.repeat(9).replace("\n  at line 7\n10:00:02 INFO", "\n10:00:02 INFO") + "  at line 7\n";
        let found = messages("f.log", &text, None).unwrap();
        assert_eq!((&found[..3], found.last()), (&["put 3", "low", "paid"][..], Some(&"  at line 7")));
    }
}
