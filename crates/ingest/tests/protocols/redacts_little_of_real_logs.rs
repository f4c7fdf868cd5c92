//! Do lines that hold no secret stay as they are? Published logs have none, so each line that is changed is a mistake.

use std::io::Read;
use std::path::Path;

use ingest::redacted;

/// Guarantees: MUST 151 of docs/specs/ingest.md. Runs where `SENTINEL_TEST_DATA` names the folder with the loghub samples, and says so where not.
#[test]
fn at_most_one_line_in_two_hundred_is_changed() {
    let Ok(folder) = std::env::var("SENTINEL_TEST_DATA") else {
        eprintln!("SKIPPED: SENTINEL_TEST_DATA is not set");
        return;
    };
    let (mut n_lines, mut changed) = (0, vec![]);
    for entry in std::fs::read_dir(Path::new(&folder).join("templates")).expect("the folder has templates") {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        let Ok(file) = std::fs::File::open(entry.unwrap().path().join(format!("{name}_2k.log.gz"))) else { continue };
        let mut text = vec![];
        flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text).unwrap();
        for line in String::from_utf8_lossy(&text).lines() {
            n_lines += 1;
            let safe = redacted(line, &mut |_| {});
            if safe != line {
                changed.push(safe.into_owned());
            }
        }
    }
    println!("{} of {n_lines} lines were changed", changed.len());
    assert!(n_lines >= 16_000, "{n_lines}");
    assert!(changed.len() * 200 <= n_lines, "{:?}", &changed[..changed.len().min(10)]);
}
