//! Is the right kind of log line found for a question in plain words? Words alone, vectors alone, and both together, on the
//! templates that loghub publishes.
//!
//! The questions (`retrieval_questions.tsv`) were written for this by reading the templates; a second part asks with real
//! lines of which words are left out and misspelled. Documents are all templates of all sets, each with its first line.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use knowledge::evaluate::{Hits, hits};
use knowledge::{Document, Embedder, Kind, Library, Query, SentenceModel};
use learn::random::Random;

use super::templates::files;
use super::{Breakdown, DataArgs, Figure, Report, Row};
use crate::bad_input::BadInput;
use crate::table::Table;

const QUESTIONS: &str = include_str!("retrieval_questions.tsv");
const FIGURES: [Figure; 5] = [
    Figure::new("questions", "questions", 0),
    Figure::new("hit_at_1", "hit@1", 3),
    Figure::new("hit_at_5", "hit@5", 3),
    Figure::new("hit_at_10", "hit@10", 3),
    Figure::new("mrr", "MRR", 3),
];
/// Sets by which the weights of the two parts were chosen; the others were left out.
const CHOSEN_BY: [&str; 4] = ["Apache", "BGL", "HDFS", "HPC"];
/// The three ways: what words weigh beside vectors.
const WAYS: [(&str, Option<f64>); 3] = [("hybrid", None), ("words (BM25)", Some(1.0)), ("vectors", Some(0.0))];
/// Lines of each template that are asked for, with words left out.
const LINES_PER_TEMPLATE: usize = 1;
/// Of how many words one is left out.
const LEFT_OUT: f64 = 0.5;

/// Options of `eval retrieval`.
#[derive(Clone, Debug, Args)]
pub struct RetrievalArgs {
    /// Where, and how to print.
    #[command(flatten)]
    pub data: DataArgs,
    /// A sentence-embedding model, which makes the vectors instead of the built-in way.
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
}

/// A question, and the documents that answer it.
struct Asked {
    set: String,
    text: String,
    right: Vec<String>,
}

/// `sentinel eval retrieval`.
///
/// # Errors
/// `BadInput` if the folder has no set, or the model cannot be read.
pub fn evaluate(args: &RetrievalArgs) -> anyhow::Result<Report> {
    let model = args.model.as_ref().map(|it| SentenceModel::read(it)).transpose()?;
    let name = model.as_ref().map_or_else(|| "built-in vectors".to_owned(), Embedder::name);
    let library = Library::new(100_000, model.map(|it| Arc::new(it) as _));
    let (documents, lines) = documents(&args.data.folder)?;
    let known: Vec<String> = documents.iter().map(|it| it.id.clone()).collect();
    library.replace(Kind::Template, documents);
    while library.embed_waiting(64)? > 0 {}
    let questions = questions(&known);
    if questions.is_empty() {
        let folder = args.data.folder.display().to_string();
        return Err(
            BadInput::of_file(&folder, "it has none of the sets that are asked about", "give loghub's sets").into()
        );
    }
    let mut report = Report {
        name: "retrieval",
        title: format!("Retrieval: {} templates, {name}", known.len()),
        figures: FIGURES.to_vec(),
        notes: vec![
            "Questions in plain words; hit@k: a right template is among the first k; MRR: mean of 1/place, to place 10.".to_owned(),
            format!("The weights of words and vectors were chosen by the questions about {}.", CHOSEN_BY.join(", ")),
        ],
        ..Report::default()
    };
    let is_left_out = |it: &&Asked| !CHOSEN_BY.contains(&it.set.as_str());
    let left_out: Vec<&Asked> = questions.iter().filter(is_left_out).collect();
    let all: Vec<&Asked> = questions.iter().collect();
    let lines: Vec<&Asked> = lines.iter().collect();
    report.ours = rows(&library, &all);
    report.breakdowns = vec![
        table("left_out", "Questions about sets that no weight was chosen by", rows(&library, &left_out)),
        table("lines", "Real lines, half of whose words are left out and one misspelled", rows(&library, &lines)),
    ];
    Ok(report)
}

fn table(key: &'static str, title: &str, rows: Vec<Row>) -> Breakdown {
    Breakdown { key, title: title.to_owned(), rows_are: "way", figures: FIGURES.to_vec(), rows }
}

fn rows(library: &Library, asked: &[&Asked]) -> Vec<Row> {
    let measured = |share: Option<f64>| {
        let places: Vec<Option<usize>> = asked.iter().map(|it| place(library, it, share)).collect();
        hits(&places)
    };
    let values = |it: Hits| vec![Some(it.n as f64), Some(it.at_1), Some(it.at_5), Some(it.at_10), Some(it.mrr)];
    WAYS.iter().map(|(name, share)| Row::new(*name, values(measured(*share)))).collect()
}

/// Where the first right document is.
fn place(library: &Library, asked: &Asked, share: Option<f64>) -> Option<usize> {
    let found = library.search_weighing(&Query::new(asked.text.clone(), 10), share);
    found.iter().position(|it| asked.right.contains(&it.document.id))
}

/// The templates of all sets, and lines to ask for them by.
fn documents(folder: &std::path::Path) -> anyhow::Result<(Vec<Document>, Vec<Asked>)> {
    let (mut documents, mut asked) = (vec![], vec![]);
    let mut random = Random::new(7);
    for (set, file) in files(folder)? {
        let table = Table::read(&file)?;
        let (content, id, template) = (table.find("Content")?, table.find("EventId")?, table.find("EventTemplate")?);
        let mut lines: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
        for row in 0..table.n_rows() {
            let cell = |column| table.cell(row, column).into_owned();
            let entry = lines.entry(cell(id)).or_insert_with(|| (cell(template), vec![]));
            entry.1.push(cell(content));
        }
        for (id, (template, lines)) in lines {
            let first = lines.first().cloned().unwrap_or_default();
            let id = format!("{set}/{id}");
            let text = format!("{}\n{first}", template.replace("<*>", " "));
            for line in lines.iter().skip(1).take(LINES_PER_TEMPLATE) {
                let text = damaged(line, &mut random);
                asked.push(Asked { set: set.clone(), text, right: vec![id.clone()] });
            }
            documents.push(Document::new(Kind::Template, id, "", text));
        }
    }
    Ok((documents, asked))
}

/// A line with half of its words left out, and two letters swapped in one of the others.
fn damaged(line: &str, random: &mut Random) -> String {
    let mut words: Vec<String> =
        line.split_whitespace().filter(|_| random.uniform() > LEFT_OUT).map(str::to_owned).collect();
    if words.is_empty() {
        words = line.split_whitespace().map(str::to_owned).collect();
    }
    let which = random.below(words.len());
    if let Some(word) = words.get_mut(which).filter(|it| it.is_ascii() && it.len() > 4) {
        let at = 1 + random.below(word.len() - 2);
        let mut bytes = word.clone().into_bytes();
        bytes.swap(at, at - 1);
        *word = String::from_utf8_lossy(&bytes).into_owned();
    }
    words.join(" ")
}

/// The questions whose set is there.
fn questions(known: &[String]) -> Vec<Asked> {
    let mut asked = vec![];
    for line in QUESTIONS.lines() {
        let mut cells = line.split('\t');
        let (Some(set), Some(ids), Some(text)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let right: Vec<String> =
            ids.split('|').map(|id| format!("{set}/{id}")).filter(|id| known.contains(id)).collect();
        if !right.is_empty() {
            asked.push(Asked { set: set.to_owned(), text: text.to_owned(), right });
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_whole() {
        for line in QUESTIONS.lines() {
            assert_eq!(line.split('\t').count(), 3, "{line}");
        }
    }
}
