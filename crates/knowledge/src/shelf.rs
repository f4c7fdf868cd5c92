//! What does one tenant know? Documents with their indexes; nothing of another tenant is in them, not even as a count.

use std::collections::HashMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::document::{Document, Kind};
use crate::postings::Postings;
use crate::shapes::Shapes;
use crate::words::terms;

/// The title's words count this often.
const TITLE_WEIGHT: usize = 2;

/// A vector of a model, shared with the cache.
pub type Vector = Arc<[f32]>;

/// One tenant's documents.
#[derive(Default)]
pub struct Shelf {
    entries: Vec<Entry>,
    postings: Postings,
    shapes: Shapes,
}

/// A document with what was made of it.
pub struct Entry {
    /// The document.
    pub document: Document,
    /// Identity of its text: equal texts have equal vectors.
    pub digest: u64,
    words: Vec<String>,
    /// Of the model, once it was asked.
    pub vector: Option<Vector>,
}

impl Shelf {
    /// Puts `documents` in place of all of that kind; what has the same text keeps its vector. True if anything changed.
    pub fn replace(&mut self, kind: Kind, documents: Vec<Document>) -> bool {
        let of_kind = self.entries.iter().filter(|it| it.document.kind == kind).map(|it| &it.document);
        if of_kind.eq(documents.iter()) {
            return false;
        }
        let (old, kept): (Vec<Entry>, Vec<Entry>) =
            std::mem::take(&mut self.entries).into_iter().partition(|it| it.document.kind == kind);
        let mut old: HashMap<u64, Entry> = old.into_iter().map(|it| (it.digest, it)).collect();
        self.entries = kept;
        for document in documents {
            let digest = digest(&document);
            self.entries.push(match old.remove(&digest) {
                Some(known) => Entry { document, ..known },
                None => Entry { words: words(&document), digest, vector: None, document },
            });
        }
        self.index();
        true
    }

    fn index(&mut self) {
        let mut postings = Postings::default();
        self.entries.iter().for_each(|it| postings.push(&it.words));
        self.postings = postings;
        self.shapes = Shapes::of(self.entries.iter().map(|it| it.words.as_slice()));
    }

    /// All documents.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// All documents, to give them vectors.
    pub fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    /// BM25 of each document.
    pub fn by_words(&self, words: &[String]) -> Vec<f32> {
        self.postings.scores(words)
    }

    /// The cosine of each document by the built-in vectors.
    pub fn by_shape(&self, words: &[String]) -> Vec<f32> {
        self.shapes.cosines(words)
    }
}

fn digest(document: &Document) -> u64 {
    xxh3_64(document.whole().as_bytes())
}

fn words(document: &Document) -> Vec<String> {
    let title = terms(&document.title);
    let names = document.services.iter().chain(&document.faults).flat_map(|it| terms(it));
    let mut words = terms(&document.text);
    words.extend(names);
    for _ in 0..TITLE_WEIGHT {
        words.extend(title.iter().cloned());
    }
    words
}
