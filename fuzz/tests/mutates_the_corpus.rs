//! Do decoders of models and predictions, and readers of what models and people say, survive small changes of the saved
//! inputs? Without libFuzzer and without looking at coverage, so quickly enough for every `cargo test`;
//! `FUZZ_MUTATIONS=100000` looks for longer.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use fuzz::TARGETS;
use learn::random::Random;

/// Changes of each saved input, unless the environment says otherwise.
const MUTATIONS: u64 = 300;
/// Bytes that mean something to the decoders.
const TELLING: &[u8] = b"{}[]\",:$#-0+.eE=\n\t iUIlLdDSTFZN\x00\x01\x7f\x80\xff";
const CHANGED: [&str; 12] = [
    "claims",
    "cloudevents",
    "mcp_client",
    "mcp_server",
    "model_files",
    "payloads",
    "profiles",
    "provider_streams",
    "questions",
    "runbooks",
    "table_cells",
    "tensors",
];

/// Guarantees: whatever a few changed, doubled or lost bytes make of a real input, the decoder's promises hold.
#[test]
fn changed_inputs_break_nothing() {
    let wanted = std::env::var("FUZZ_MUTATIONS").ok().and_then(|it| it.parse().ok()).unwrap_or(MUTATIONS);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in TARGETS.iter().filter(|it| CHANGED.contains(&it.0)) {
        let mut paths: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|it| it.unwrap().path()).collect();
        paths.sort();
        let inputs: Vec<Vec<u8>> = paths.iter().map(|it| fs::read(it).unwrap()).collect();
        for (idx, input) in inputs.iter().enumerate() {
            for round in 0..wanted {
                let mut random = Random::for_part(idx as u64, round);
                let changed = mutated(input, &inputs, &mut random);
                let outcome = catch_unwind(|| target(&changed));
                assert!(
                    outcome.is_ok(),
                    "{name}: {}, change {round}: {:?}",
                    paths[idx].display(),
                    changed.escape_ascii()
                );
            }
        }
    }
}

fn mutated(input: &[u8], others: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len() + 1);
        let telling = TELLING[random.below(TELLING.len())];
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = telling,
            2 => bytes.insert(at, telling),
            3 => bytes.truncate(at),
            4 => {
                let end = (at + random.below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + random.below(20)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = &others[random.below(others.len())];
                let from = random.below(other.len() + 1);
                let to = (from + random.below(30)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    bytes
}
