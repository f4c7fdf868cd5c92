//! What is known about this? All shelves behind one lock, searched by words and by meaning.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use serde::Serialize;

use crate::document::{Document, Kind};
use crate::embedder::{EmbedError, Embedder, cosine};
use crate::fuse::{BESIDE_BUILT_IN, BESIDE_MODEL, fuse};
use crate::shelf::{Shelf, Vector};
use crate::vectors::Vectors;
use crate::words::terms;

/// Less alike than this is not told: it is chance.
const LEAST_COSINE: f64 = 0.12;
/// Built-in cosines are lower than a model's; a document that waits for its vector is judged by them, a little less.
const WAITING_SHARE: f64 = 0.8;
/// What a service or a fault that fits adds.
const FIT_SHARE: f64 = 0.5;
/// A question is read up to so many bytes.
const MAX_QUESTION_BYTES: usize = 8_192;

/// Documents of all tenants.
pub struct Library {
    shelves: RwLock<BTreeMap<String, Shelf>>,
    model: Option<Arc<dyn Embedder>>,
    max_documents: usize,
    /// Vectors of texts that were known in an earlier process, or are no longer on a shelf.
    recalled: RwLock<Vectors>,
    counts: Counters,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// The operator of the whole: all shelves.
    #[default]
    Operator,
    /// A tenant: its own shelf and what belongs to everybody.
    Tenant(String),
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// In the words of whoever asks.
    pub text: String,
    /// Only these kinds; all if empty.
    pub kinds: Vec<Kind>,
    /// Documents about one of these services come first.
    pub services: Vec<String>,
    /// Documents about one of these faults come first.
    pub faults: Vec<String>,
    /// Not these documents.
    pub without: Vec<String>,
    /// At most this many.
    pub limit: usize,
    /// Who asks.
    pub reader: Reader,
}

/// A document that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Passage {
    /// The document. Its text is data from outside.
    #[serde(flatten)]
    pub document: Document,
    /// How well it fits, 0 to 1 and a little above where service or fault fit too.
    pub score: f64,
    /// BM25 of its words; 0 if it has none of them.
    pub words: f64,
    /// Cosine of its vector.
    pub similarity: f64,
}

/// How much is on the shelves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Documents.
    pub documents: usize,
    /// Of them those with a vector of the model.
    pub with_vector: usize,
}

/// What was done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Searches.
    pub searches: u64,
    /// Documents left out because there are too many.
    pub left_out: u64,
    /// Texts that a model made vectors of.
    pub embedded: u64,
    /// Calls of a model that failed; the built-in vectors were used.
    pub fallbacks: u64,
    /// Documents whose vector was kept from an earlier process.
    pub recalled: u64,
}

#[derive(Default)]
struct Counters {
    searches: AtomicU64,
    left_out: AtomicU64,
    embedded: AtomicU64,
    fallbacks: AtomicU64,
    recalled: AtomicU64,
}

impl Library {
    /// Empty; with a model its vectors are used wherever it answers.
    pub fn new(max_documents: usize, model: Option<Arc<dyn Embedder>>) -> Self {
        let (shelves, recalled) = (RwLock::default(), RwLock::default());
        Self { shelves, model, max_documents, recalled, counts: Counters::default() }
    }

    /// What makes vectors, for people.
    pub fn vectors(&self) -> String {
        self.model.as_ref().map_or_else(|| "built-in".to_owned(), |it| it.name())
    }

    /// What makes vectors, by what it is made of; none if they are the built-in ones.
    pub fn identity(&self) -> Option<String> {
        self.model.as_ref().map(|it| it.identity())
    }

    /// Takes up vectors that the model made in an earlier process.
    pub fn recall(&self, vectors: Vectors) {
        *self.recalled.write().unwrap_or_else(PoisonError::into_inner) = vectors;
    }

    /// All vectors of documents that are on the shelves, to be kept.
    pub fn made_vectors(&self) -> Vectors {
        let shelves = self.read();
        let entries = shelves.values().flat_map(Shelf::entries);
        entries.filter_map(|it| Some((it.digest, Arc::clone(it.vector.as_ref()?)))).collect()
    }

    /// Puts `documents` in place of all of that kind, each on its tenant's shelf. Of too many the first are kept.
    pub fn replace(&self, kind: Kind, mut documents: Vec<Document>) {
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        let others = shelves.values().flat_map(Shelf::entries).filter(|it| it.document.kind != kind).count();
        let room = self.max_documents.saturating_sub(others);
        self.counts.left_out.fetch_add(documents.len().saturating_sub(room) as u64, Relaxed);
        documents.truncate(room);
        let mut by_tenant: BTreeMap<String, Vec<Document>> = BTreeMap::new();
        for document in documents {
            by_tenant.entry(document.tenant.clone()).or_default().push(document);
        }
        for tenant in shelves.keys() {
            by_tenant.entry(tenant.clone()).or_default();
        }
        for (tenant, documents) in by_tenant {
            shelves.entry(tenant).or_default().replace(kind, documents);
        }
        shelves.retain(|_, it| !it.entries().is_empty());
        let recalled = self.recalled.read().unwrap_or_else(PoisonError::into_inner);
        if recalled.is_empty() {
            return;
        }
        for entry in shelves.values_mut().flat_map(Shelf::entries_mut).filter(|it| it.vector.is_none()) {
            entry.vector = recalled.get(&entry.digest).map(Arc::clone);
            self.counts.recalled.fetch_add(u64::from(entry.vector.is_some()), Relaxed);
        }
    }

    /// Asks the model for vectors of up to `limit` documents that have none; how many got one.
    ///
    /// # Errors
    /// If the model does not answer; searches use the built-in vectors meanwhile.
    pub fn embed_waiting(&self, limit: usize) -> Result<usize, EmbedError> {
        let Some(model) = &self.model else { return Ok(0) };
        // Equal texts are asked for once.
        let waiting: BTreeMap<u64, String> = {
            let shelves = self.read();
            let entries = shelves.values().flat_map(Shelf::entries).filter(|it| it.vector.is_none());
            entries.take(limit).map(|it| (it.digest, it.document.whole())).collect()
        };
        if waiting.is_empty() {
            return Ok(0);
        }
        let texts: Vec<&str> = waiting.values().map(String::as_str).collect();
        let vectors = self.ask(&**model, &texts)?;
        let made: BTreeMap<u64, Vector> =
            waiting.keys().zip(vectors).map(|(digest, vector)| (*digest, Vector::from(vector))).collect();
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        for entry in shelves.values_mut().flat_map(Shelf::entries_mut) {
            if let Some(vector) = made.get(&entry.digest) {
                entry.vector = Some(Arc::clone(vector));
            }
        }
        Ok(made.len())
    }

    fn ask(&self, model: &dyn Embedder, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let answer = model.embed(texts).and_then(|it| match it.len() == texts.len() {
            true => Ok(it),
            false => Err(EmbedError(format!("{} texts got {} vectors", texts.len(), it.len()))),
        });
        match &answer {
            Ok(_) => self.counts.embedded.fetch_add(texts.len() as u64, Relaxed),
            Err(_) => self.counts.fallbacks.fetch_add(1, Relaxed),
        };
        answer
    }

    /// What fits best, best first.
    pub fn search(&self, query: &Query) -> Vec<Passage> {
        self.search_weighing(query, None)
    }

    /// The same with another weight of the words beside the vectors: 1 finds by words alone, 0 by vectors alone.
    pub fn search_weighing(&self, query: &Query, words_share: Option<f64>) -> Vec<Passage> {
        self.counts.searches.fetch_add(1, Relaxed);
        let text = signal::shortened(&query.text, MAX_QUESTION_BYTES);
        let words = terms(text);
        let wants_vector = self.size().with_vector > 0 && !words.is_empty() && words_share != Some(1.0);
        let vector = self.model.as_ref().filter(|_| wants_vector).and_then(|it| self.ask(&**it, &[text]).ok()?.pop());
        let shelves = self.read();
        let (mut found, mut by_words, mut by_vector) = (vec![], vec![], vec![]);
        for (_, shelf) in shelves.iter().filter(|(tenant, _)| query.reader.may_read(tenant)) {
            let scores = shelf.by_words(&words);
            let shapes = shelf.by_shape(&words);
            for ((entry, score), shape) in shelf.entries().iter().zip(scores).zip(shapes) {
                if !query.wants(&entry.document) {
                    continue;
                }
                found.push(&entry.document);
                by_words.push(f64::from(score));
                by_vector.push(similarity(vector.as_deref(), entry.vector.as_deref(), f64::from(shape)));
            }
        }
        let mut passages: Vec<Passage> = vec![];
        let usual = if vector.is_some() { BESIDE_MODEL } else { BESIDE_BUILT_IN };
        for it in fuse(&by_words, &by_vector, words_share.unwrap_or(usual)) {
            let Some(document) = found.get(it.document) else { continue };
            let score = it.score + FIT_SHARE * query.fit(document);
            passages.push(Passage { document: (*document).clone(), score, words: it.words, similarity: it.vector });
            // Fits can bring a document forward by no more than their share.
            if passages.len() >= query.limit.saturating_mul(4).saturating_add(32) {
                break;
            }
        }
        passages.extend(self.fitting(query, &found, &passages));
        passages.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.document.id.cmp(&b.document.id)));
        passages.truncate(query.limit);
        passages
    }

    /// Documents without a word in common whose service and fault fit.
    fn fitting(&self, query: &Query, found: &[&Document], passages: &[Passage]) -> Vec<Passage> {
        if query.services.is_empty() && query.faults.is_empty() {
            return vec![];
        }
        let is_listed = |it: &&&Document| passages.iter().any(|passage| passage.document.id == it.id);
        let others = found.iter().filter(|it| query.fit(it) > 0.0).filter(|it| !is_listed(it));
        let passage = |it: &&Document| Passage {
            score: FIT_SHARE * query.fit(it),
            document: (*it).clone(),
            words: 0.0,
            similarity: 0.0,
        };
        others.take(query.limit).map(passage).collect()
    }

    /// How much there is.
    pub fn size(&self) -> Size {
        let shelves = self.read();
        let entries = || shelves.values().flat_map(Shelf::entries);
        Size { documents: entries().count(), with_vector: entries().filter(|it| it.vector.is_some()).count() }
    }

    /// Documents of a kind.
    pub fn documents(&self, kind: Kind, reader: &Reader) -> Vec<Document> {
        let shelves = self.read();
        let visible = shelves.iter().filter(|(tenant, _)| reader.may_read(tenant));
        let entries = visible.flat_map(|(_, it)| it.entries()).filter(|it| it.document.kind == kind);
        entries.map(|it| it.document.clone()).collect()
    }

    /// What was done since the start.
    pub fn counts(&self) -> Counts {
        let read = |it: &AtomicU64| it.load(Relaxed);
        Counts {
            searches: read(&self.counts.searches),
            left_out: read(&self.counts.left_out),
            embedded: read(&self.counts.embedded),
            fallbacks: read(&self.counts.fallbacks),
            recalled: read(&self.counts.recalled),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Shelf>> {
        self.shelves.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The model's cosine where both have a vector of it, else the built-in one; chance is 0.
fn similarity(question: Option<&[f32]>, document: Option<&[f32]>, shape: f64) -> f64 {
    let cosine = match (question, document) {
        (Some(a), Some(b)) => cosine(a, b),
        (Some(_), None) => WAITING_SHARE * shape,
        (None, _) => shape,
    };
    if cosine < LEAST_COSINE { 0.0 } else { cosine }
}

impl Reader {
    fn may_read(&self, tenant: &str) -> bool {
        match self {
            Self::Operator => true,
            Self::Tenant(name) => tenant.is_empty() || tenant == name,
        }
    }
}

impl Query {
    /// A search for words in everything.
    pub fn new(text: impl Into<String>, limit: usize) -> Self {
        Self { text: text.into(), limit, ..Self::default() }
    }

    /// The same for one kind.
    pub fn of(kind: Kind, text: impl Into<String>, limit: usize) -> Self {
        Self { kinds: vec![kind], ..Self::new(text, limit) }
    }

    fn wants(&self, document: &Document) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&document.kind)) && !self.without.contains(&document.id)
    }

    /// 1 if service and fault fit, a half for one of them.
    fn fit(&self, document: &Document) -> f64 {
        let shares =
            |a: &[String], b: &[String]| a.iter().any(|it| b.iter().any(|other| it.eq_ignore_ascii_case(other)));
        let services = shares(&self.services, &document.services);
        let faults = shares(&self.faults, &document.faults);
        f64::midpoint(f64::from(u8::from(services)), f64::from(u8::from(faults)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runbook(id: &str, tenant: &str, text: &str) -> Document {
        Document { tenant: tenant.to_owned(), ..Document::new(Kind::Runbook, id, id, text) }
    }

    fn ids(passages: &[Passage]) -> Vec<&str> {
        passages.iter().map(|it| it.document.id.as_str()).collect()
    }

    /// Knows two directions: pools and disks.
    struct Toy {
        is_down: std::sync::atomic::AtomicBool,
    }

    impl Embedder for Toy {
        fn name(&self) -> String {
            "toy".to_owned()
        }

        fn identity(&self) -> String {
            "toy 1".to_owned()
        }

        fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
            if self.is_down.load(Relaxed) {
                return Err(EmbedError("down".to_owned()));
            }
            let of = |it: &&str| {
                let has = |word: &str| f32::from(u8::from(it.contains(word)));
                crate::embedder::unit(vec![has("pool") + has("swimming"), has("disk"), 0.01])
            };
            Ok(texts.iter().map(of).collect())
        }
    }

    /// Guarantees: MUST 653 of docs/specs/knowledge.md.
    #[test]
    fn a_tenant_sees_its_own_and_what_is_everybodys() {
        let library = Library::new(100, None);
        let texts = [("a", "red"), ("b", "blue"), ("c", "")];
        library.replace(Kind::Runbook, texts.map(|(id, it)| runbook(id, it, "pool exhausted")).to_vec());
        let seen = |reader: Reader| {
            let mut found = library.search(&Query { reader, ..Query::new("exhausted pool", 10) });
            found.sort_by(|a, b| a.document.id.cmp(&b.document.id));
            ids(&found).join(" ")
        };
        assert_eq!(seen(Reader::Tenant("red".to_owned())), "a c");
        assert_eq!(seen(Reader::Tenant("green".to_owned())), "c");
        assert_eq!(seen(Reader::Operator), "a b c");
    }

    /// Guarantees: MUST 654 of docs/specs/knowledge.md.
    #[test]
    fn a_model_that_fails_is_counted_and_the_built_in_vectors_answer() {
        let toy = Arc::new(Toy { is_down: false.into() });
        let library = Library::new(100, Some(Arc::clone(&toy) as _));
        library.replace(
            Kind::Runbook,
            vec![runbook("p", "", "the pool is exhausted"), runbook("d", "", "the disk is full")],
        );
        assert_eq!(library.embed_waiting(10), Ok(2));
        let asked = Query::new("swimming", 10);
        assert_eq!(ids(&library.search(&asked)), ["p"], "only the model knows that");
        toy.is_down.store(true, Relaxed);
        assert_eq!(ids(&library.search(&asked)), [""; 0]);
        assert_eq!(ids(&library.search(&Query::new("exhausted", 10))), ["p"]);
        assert_eq!(library.counts().fallbacks, 2);
        library.replace(Kind::Runbook, vec![runbook("p", "", "the pool is empty")]);
        assert!(library.embed_waiting(10).is_err());
        assert_eq!(library.size(), Size { documents: 1, with_vector: 0 });
    }

    /// Guarantees: MUST 806 of docs/specs/knowledge.md: after a restart the model is not asked again for the same texts.
    #[test]
    fn vectors_outlive_the_process_by_their_text() {
        let of = |id: &str, tenant: &str| Document {
            tenant: tenant.to_owned(),
            ..Document::new(Kind::Runbook, id, "Pools", "the pool is exhausted")
        };
        let documents = || vec![of("p", ""), of("q", "red")];
        let toy = || Some(Arc::new(Toy { is_down: false.into() }) as _);
        let first = Library::new(100, toy());
        first.replace(Kind::Runbook, documents());
        assert_eq!(first.embed_waiting(10), Ok(1), "the same text is asked for once");
        let second = Library::new(100, toy());
        second.recall(first.made_vectors());
        second.replace(Kind::Runbook, [documents(), vec![runbook("d", "", "the disk is full")]].concat());
        assert_eq!(second.size(), Size { documents: 3, with_vector: 2 });
        assert_eq!((second.embed_waiting(10), second.counts().embedded, second.counts().recalled), (Ok(1), 1, 2));
        assert_eq!(
            ids(&second.search(&Query { reader: Reader::Tenant("blue".into()), ..Query::new("swimming", 9) })),
            ["p"]
        );
    }

    #[test]
    fn service_and_fault_bring_forward_and_kinds_are_kept_apart() {
        let library = Library::new(100, None);
        let about = |id: &str, service: &str, fault: &str| Document {
            services: vec![service.to_owned()],
            faults: vec![fault.to_owned()],
            ..Document::new(Kind::Runbook, id, "Latency", "latency is high")
        };
        library.replace(Kind::Runbook, vec![about("web", "web", "network"), about("pay", "pay", "bad_deploy")]);
        library.replace(Kind::Template, vec![Document::new(Kind::Template, "t", "", "latency high")]);
        let query = Query {
            services: vec!["Pay".to_owned()],
            faults: vec!["bad_deploy".to_owned()],
            ..Query::of(Kind::Runbook, "latency", 10)
        };
        assert_eq!(ids(&library.search(&query)), ["pay", "web"]);
        let nothing_in_common = Query { text: "zebra".to_owned(), ..query };
        assert_eq!(ids(&library.search(&nothing_in_common)), ["pay"]);
        assert_eq!(
            ids(&library.search(&Query { without: vec!["pay".to_owned()], ..Query::of(Kind::Runbook, "latency", 9) })),
            ["web"]
        );
    }

    /// Guarantees: MUST 652 of docs/specs/knowledge.md.
    #[test]
    fn too_many_documents_are_left_out_and_counted() {
        let library = Library::new(3, None);
        library.replace(Kind::Runbook, (0..2).map(|it| runbook(&it.to_string(), "", "text")).collect());
        library.replace(
            Kind::Template,
            (0..5).map(|it| Document::new(Kind::Template, it.to_string(), "", "line")).collect(),
        );
        assert_eq!((library.size().documents, library.counts().left_out), (3, 4));
    }

    #[test]
    fn strange_questions_find_nothing_and_break_nothing() {
        let library = Library::new(3, None);
        library.replace(Kind::Runbook, vec![runbook("r", "", "pool")]);
        for text in ["", "   ", "\u{0}\u{1}", "\"((*", &"\u{e9}".repeat(20_000), "the of and"] {
            assert!(library.search(&Query::new(text, 5)).is_empty(), "{text:.20}");
        }
    }
}
