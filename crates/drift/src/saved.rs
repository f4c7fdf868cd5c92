//! How is a profile kept in a file? A magic, a version, then postcard packed with deflate; bounded when it is read.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use learn::sketch::Distinct;

use crate::column::{ColumnProfile, Data};
use crate::numbers::NumberForm;
use crate::profile::Profile;
use crate::texts::Text;

/// The first bytes of a stored profile.
pub const MAGIC: &[u8] = b"SNTLPROF";
/// Changes when older builds cannot read what is written.
const VERSION: u8 = 1;
/// A profile of ten thousand columns is smaller than this.
const LARGEST: u64 = 1 << 30;
/// Words of a column that are kept.
const WORDS: usize = 200;

/// Why bytes are not a profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// They begin with something else.
    #[error("it is not a stored profile")]
    Magic,
    /// Another build wrote them.
    #[error("it is a profile of version {0}, and this build reads version {VERSION}")]
    Version(u8),
    /// They end early or were changed.
    #[error("the profile is damaged: {0}")]
    Damaged(String),
}

impl Profile {
    /// The profile in some hundred kilobytes: distributions become sketches whose ranks are right to 1 %, and rare words
    /// are counted together.
    pub fn to_bytes(&self) -> Vec<u8> {
        let columns = self.columns.iter().map(|it| it.condensed(WORDS)).collect();
        let condensed = Self { columns, ..self.head() };
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        // Writing into memory does not fail, and every type of a profile can be written.
        let mut plain = postcard::to_allocvec(&condensed).unwrap_or_default();
        // Behind the rest, where builds before this one do not look.
        let texts: Vec<&[Text]> = condensed.columns.iter().map(|it| it.texts.as_slice()).collect();
        plain.extend(postcard::to_allocvec(&texts).unwrap_or_default());
        let mut packed = DeflateEncoder::new(bytes, Compression::best());
        let _ = packed.write_all(&plain);
        packed.finish().unwrap_or_default()
    }

    /// Reads what [`Profile::to_bytes`] wrote.
    ///
    /// # Errors
    /// If it is something else, of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProfileError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(ProfileError::Magic)?;
        let (version, packed) = rest.split_first().ok_or_else(|| ProfileError::Damaged("it ends early".to_owned()))?;
        if *version != VERSION {
            return Err(ProfileError::Version(*version));
        }
        let mut plain = Vec::new();
        let read = DeflateDecoder::new(packed).take(LARGEST).read_to_end(&mut plain);
        read.map_err(|error| ProfileError::Damaged(error.to_string()))?;
        let damaged = |error: postcard::Error| ProfileError::Damaged(error.to_string());
        let (mut profile, rest) = postcard::take_from_bytes::<Self>(&plain).map_err(damaged)?;
        if !rest.is_empty() {
            let texts: Vec<Vec<Text>> = postcard::from_bytes(rest).map_err(damaged)?;
            profile.columns.iter_mut().zip(texts).for_each(|(column, it)| column.texts = it);
        }
        // Earlier versions kept flags as they were written.
        for column in &mut profile.columns {
            if let Data::Words(words) = &mut column.data {
                words.plain_flags();
            }
        }
        match profile.columns.iter().find(|it| !is_sound(it)) {
            Some(it) => Err(ProfileError::Damaged(format!("the counts of column {} do not add up", it.name))),
            None => Ok(profile),
        }
    }

    /// The same without columns.
    fn head(&self) -> Self {
        Self { name: self.name.clone(), rows: self.rows, duplicates: self.duplicates, columns: Vec::new() }
    }
}

/// Whether the counts of a column add up and its values ascend, which everything later relies on.
fn is_sound(column: &ColumnProfile) -> bool {
    let is_sound = match &column.data {
        Data::Empty => true,
        Data::Numbers(it) => {
            let is_of_numbers = match &it.form {
                NumberForm::Sorted(all) => {
                    all.is_sorted() && all.iter().all(|it| it.is_finite()) && all.len() as u64 == it.count
                }
                NumberForm::Counted(all) => {
                    let ascends = all.is_sorted_by(|a, b| a.0 < b.0) && all.iter().all(|it| it.0.is_finite());
                    ascends && sum(all.iter().map(|it| it.1)) == Some(it.count)
                }
                NumberForm::Sketched(sketch) => sketch.is_sound() && sketch.count() == it.count,
            };
            is_of_numbers && it.distinct.is_sound()
        }
        Data::Words(it) => {
            let all = it.counts.iter().map(|it| it.1).chain([it.others]);
            sum(all) == Some(it.count) && it.distinct.as_ref().is_none_or(Distinct::is_sound)
        }
    };
    let cells = [column.count(), column.missing, column.infinite, column.mixed];
    is_sound && sum(cells.into_iter()) == Some(column.rows)
}

/// None if it does not fit.
fn sum(mut counts: impl Iterator<Item = u64>) -> Option<u64> {
    counts.try_fold(0, u64::checked_add)
}

#[cfg(test)]
mod tests {
    use learn::random::Random;

    use super::*;
    use crate::{Budget, ColumnBuilder, Kind};

    fn profile(rows: usize) -> Profile {
        let mut random = Random::new(11);
        let columns = (0..20).map(|idx| {
            let kind = if idx < 15 { Kind::Number } else { Kind::Category };
            let mut column = ColumnBuilder::new(&format!("column_{idx}"), kind, Budget::default());
            for _ in 0..rows {
                match kind {
                    Kind::Number => column.number(random.normal()),
                    _ => column.text(&format!("word-{}", random.below(30))),
                }
            }
            column.finish()
        });
        Profile { name: "r".to_owned(), rows: rows as u64, duplicates: Some(3), columns: columns.collect() }
    }

    #[test]
    fn what_is_written_is_read_and_small() {
        let whole = profile(50_000);
        let bytes = whole.to_bytes();
        assert!(bytes.len() <= 150_000, "{}", bytes.len());
        let read = Profile::from_bytes(&bytes).unwrap();
        assert_eq!((read.rows, read.duplicates, read.columns.len()), (50_000, Some(3), 20));
        for (before, after) in whole.columns.iter().zip(&read.columns) {
            assert_eq!((before.rows, before.count(), before.kind), (after.rows, after.count(), after.kind));
            let distinct = after.distinct().0 / before.distinct().0;
            assert!((distinct - 1.0).abs() < 0.07, "{distinct}");
        }
        assert_eq!(read.to_bytes(), bytes, "what is condensed stays as it is");
    }

    /// Bytes that unpack well but say what cannot be: either refused, or harmless to compare.
    #[test]
    fn changed_bytes_are_refused_or_harmless() {
        let whole = profile(500);
        let mut plain = postcard::to_allocvec(&whole).unwrap();
        let mut random = Random::new(3);
        let mut refused = 0;
        for _ in 0..60 {
            let place = random.below(plain.len());
            let before = plain[place];
            plain[place] = random.below(256) as u8;
            let mut packed = DeflateEncoder::new([MAGIC, &[VERSION]].concat(), Compression::fast());
            packed.write_all(&plain).unwrap();
            match Profile::from_bytes(&packed.finish().unwrap()) {
                Ok(read) => drop(crate::compare(&read, &whole, &crate::Config::default())),
                Err(_) => refused += 1,
            }
            plain[place] = before;
        }
        assert!(refused > 0);
    }

    #[test]
    fn other_bytes_are_refused() {
        let bytes = profile(100).to_bytes();
        assert_eq!(Profile::from_bytes(b"PAR1"), Err(ProfileError::Magic));
        assert!(matches!(Profile::from_bytes(MAGIC), Err(ProfileError::Damaged(_))));
        let mut newer = bytes.clone();
        newer[MAGIC.len()] = 99;
        assert_eq!(Profile::from_bytes(&newer), Err(ProfileError::Version(99)));
        for end in [MAGIC.len() + 1, bytes.len() / 2, bytes.len() - 1] {
            assert!(matches!(Profile::from_bytes(&bytes[..end]), Err(ProfileError::Damaged(_))), "{end}");
        }
    }
}
