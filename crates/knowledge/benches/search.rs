//! How long does a search take among ten thousand documents?

#![allow(clippy::indexing_slicing, reason = "a benchmark that panics has failed, as it should")]

use criterion::{Criterion, criterion_group, criterion_main};
use knowledge::{Document, Kind, Library, Query};

const WORDS: [&str; 24] = [
    "pool",
    "connection",
    "timeout",
    "disk",
    "memory",
    "deploy",
    "latency",
    "error",
    "queue",
    "worker",
    "database",
    "payment",
    "checkout",
    "retry",
    "leader",
    "replica",
    "snapshot",
    "certificate",
    "login",
    "session",
    "cache",
    "node",
    "gateway",
    "request",
];

fn library(n_documents: usize) -> Library {
    let mut random = fastrand::Rng::with_seed(7);
    let library = Library::new(n_documents, None);
    let text = |random: &mut fastrand::Rng| {
        let word = |random: &mut fastrand::Rng| format!("{}{}", WORDS[random.usize(..WORDS.len())], random.u32(..40));
        (0..20).map(|_| word(random)).collect::<Vec<_>>().join(" ")
    };
    let documents = (0..n_documents).map(|it| Document::new(Kind::Template, it.to_string(), "", text(&mut random)));
    library.replace(Kind::Template, documents.collect());
    library
}

fn searches(criterion: &mut Criterion) {
    let library = library(10_000);
    let query = Query::new("checkout7 is slow because the connection3 pool12 timeouts", 10);
    criterion.bench_function("search 10000 documents", |bencher| bencher.iter(|| library.search(&query)));
}

criterion_group!(benches, searches);
criterion_main!(benches);
