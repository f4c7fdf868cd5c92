//! How does a shard survive a restart? Its learned state as bytes, with a version in front and a check sum behind.
//!
//! Layout, little endian: `SNTD`, version u32, then per series its labels as text, the words of its estimators and of its
//! threshold (none for a missing one), the counter's reading, the arrival of its points and its episode; at the end the
//! number of series u64 and FNV-1a of all before. It is written some series at a time, so that the shard can judge in
//! between: each series is whole, but one may be older than another by the time the writing took. Budgets have a file of
//! their own: `SNTB`, version, then names and words. An episode that was open goes on with its onset: whoever takes the
//! state over tells of it as the one before did.

use signal::{Labels, Timestamp};

use crate::episode::Episode;
use crate::rate::Rate;
use crate::series::Series;
use crate::shard::Shard;

const MAGIC: &[u8; 4] = b"SNTD";
const NAMED_MAGIC: &[u8; 4] = b"SNTB";
const VERSION: u32 = 6;

/// Why saved state is not used. The shard then starts fresh; nothing is half restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Written by another release. The detectors learn anew; nothing needs to be done.
    #[error("detector state has version {found}, this release reads version {VERSION}: starting fresh")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// Cut short or changed. The detectors learn anew; look at the disk if it happens again.
    #[error("detector state is damaged at byte {offset}: starting fresh")]
    Damaged {
        /// Where reading stopped.
        offset: usize,
    },
}

/// The saved state of a shard while it is written.
#[derive(Clone, Debug)]
pub struct Saving {
    /// The next place to be written.
    place: usize,
    count: u64,
    sum: u64,
    /// What is to be added to the sum.
    piece: Vec<u8>,
}

impl Saving {
    /// Nothing is written yet.
    #[expect(clippy::new_without_default, reason = "a beginning, not a default")]
    pub fn new() -> Self {
        let mut piece = MAGIC.to_vec();
        piece.extend(VERSION.to_le_bytes());
        Self { place: 0, count: 0, sum: FNV_BASIS, piece }
    }

    /// Writes up to `limit` further series. False if there were none left.
    pub fn write(&mut self, shard: &Shard, limit: usize) -> bool {
        let places = shard.series.get(self.place..).unwrap_or_default();
        for series in places.iter().take(limit).filter_map(|it| it.series.as_ref()) {
            write(series, &mut self.piece);
            self.count += 1;
        }
        self.place += places.len().min(limit);
        !places.is_empty()
    }

    /// What was written since the last call. It is read through for the check sum, which does not need the shard.
    pub fn take(&mut self) -> Vec<u8> {
        self.sum = fnv(self.sum, &self.piece);
        std::mem::take(&mut self.piece)
    }

    /// The last piece.
    pub fn finish(mut self) -> Vec<u8> {
        self.piece.extend(self.count.to_le_bytes());
        let mut piece = self.take();
        piece.extend(self.sum.to_le_bytes());
        piece
    }
}

impl Shard {
    /// The learned state of all series.
    pub fn save(&self) -> Vec<u8> {
        let mut saving = Saving::new();
        saving.write(self, usize::MAX);
        let mut bytes = saving.take();
        bytes.extend(saving.finish());
        bytes
    }

    /// Takes back what `save` wrote; returns the number of series. Series that the shard already knows are left alone.
    ///
    /// # Errors
    /// The bytes are of another version or damaged; the shard is as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<usize, RestoreError> {
        let mut reader = Reader { bytes, offset: 0 };
        let body = reader.check(MAGIC)?;
        let series = body.checked_sub(8).ok_or_else(|| reader.damaged())?;
        let count = Reader { bytes, offset: series }.word()?;
        let mut restored = vec![];
        while reader.offset < series {
            restored.push(read(&mut reader, self)?);
        }
        if restored.len() as u64 != count {
            return Err(reader.damaged());
        }
        let before = self.series_count();
        // One that was forgotten and came back while it was saved may stand there twice.
        for it in restored {
            if self.score(it.labels.id()).is_none() && self.series_count() < self.config.max_series {
                self.add(it);
            }
        }
        Ok(self.series_count() - before)
    }
}

fn write(series: &Series, bytes: &mut Vec<u8>) {
    let labels = series.labels.to_string();
    bytes.extend((labels.len() as u64).to_le_bytes());
    bytes.extend(labels.as_bytes());
    let counts = series.counts.as_ref().map(|it| Vec::from(&**it)).unwrap_or_default();
    let threshold = series.threshold.as_ref().map(|it| it.to_words()).unwrap_or_default();
    for words in [Vec::from(&series.detector), counts, threshold] {
        bytes.extend((words.len() as u64).to_le_bytes());
        words.iter().for_each(|it| bytes.extend(it.to_le_bytes()));
    }
    let (rate_millis, reading) = series.rate.to_parts();
    for word in [
        rate_millis.cast_unsigned(),
        reading.to_bits(),
        series.newest.millis().cast_unsigned(),
        series.oldest.millis().cast_unsigned(),
        u64::from(series.points),
        series.interval_secs.to_bits(),
        series.jitter_secs.to_bits(),
        u64::from(series.has_ended) | u64::from(series.is_unbounded) << 1 | u64::from(series.is_missing) << 2,
    ]
    .into_iter()
    .chain(series.episode.to_words())
    {
        bytes.extend(word.to_le_bytes());
    }
}

fn read(reader: &mut Reader<'_>, shard: &Shard) -> Result<Series, RestoreError> {
    let len = reader.length()?;
    let text = std::str::from_utf8(reader.take(len)?).ok();
    let labels: Labels = text.and_then(|it| it.parse().ok()).ok_or_else(|| reader.damaged())?;
    let mut series = Series::new(labels, &shard.config);
    series.detector.restore(&reader.words()?).map_err(|_| reader.damaged())?;
    let words = reader.words()?;
    if let Some(counts) = series.counts.as_mut().filter(|_| !words.is_empty()) {
        counts.restore(&words).map_err(|_| reader.damaged())?;
    }
    let words = reader.words()?;
    if let Some(threshold) = &mut series.threshold {
        threshold.restore(&words);
    }
    series.rate = Rate::from_parts((reader.word()?.cast_signed(), f64::from_bits(reader.word()?)));
    series.newest = Timestamp::from_millis(reader.word()?.cast_signed());
    series.oldest = Timestamp::from_millis(reader.word()?.cast_signed());
    series.points = u32::try_from(reader.word()?).unwrap_or(u32::MAX);
    series.interval_secs = f64::from_bits(reader.word()?);
    series.jitter_secs = f64::from_bits(reader.word()?);
    let flags = reader.word()?;
    (series.has_ended, series.is_unbounded, series.is_missing) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
    let words = [reader.word()?, reader.word()?, reader.word()?, reader.word()?, reader.word()?];
    series.episode = Episode::from_words(words).ok_or_else(|| reader.damaged())?;
    Ok(series)
}

/// Words by name, with a version in front and a check sum behind.
pub(crate) fn save_named(entries: impl Iterator<Item = (String, Vec<u64>)>) -> Vec<u8> {
    let mut bytes = NAMED_MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    for (name, words) in entries {
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend((words.len() as u64).to_le_bytes());
        words.iter().for_each(|it| bytes.extend(it.to_le_bytes()));
    }
    let sum = fnv(FNV_BASIS, &bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// Reads what `save_named` wrote.
pub(crate) fn read_named(bytes: &[u8]) -> Result<Vec<(String, Vec<u64>)>, RestoreError> {
    let mut reader = Reader { bytes, offset: 0 };
    let body = reader.check(NAMED_MAGIC)?;
    let mut entries = vec![];
    while reader.offset < body {
        let len = reader.length()?;
        let name =
            std::str::from_utf8(reader.take(len)?).map_err(|_| RestoreError::Damaged { offset: reader.offset })?;
        entries.push((name.to_owned(), reader.words()?));
    }
    Ok(entries)
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Checks what stands in front and behind; returns where the body ends.
    fn check(&mut self, magic: &[u8]) -> Result<usize, RestoreError> {
        if self.take(magic.len())? != magic {
            return Err(RestoreError::Damaged { offset: 0 });
        }
        let version = u32::from_le_bytes(self.array()?);
        if version != VERSION {
            return Err(RestoreError::Version { found: version });
        }
        let body = self.bytes.len().saturating_sub(8);
        let (covered, sum) = self.bytes.split_at_checked(body).ok_or_else(|| self.damaged())?;
        if fnv(FNV_BASIS, covered).to_le_bytes() == sum {
            Ok(body)
        } else {
            Err(RestoreError::Damaged { offset: body })
        }
    }

    fn damaged(&self) -> RestoreError {
        RestoreError::Damaged { offset: self.offset }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], RestoreError> {
        let end = self.offset.checked_add(len).ok_or_else(|| self.damaged())?;
        let taken = self.bytes.get(self.offset..end).ok_or_else(|| self.damaged())?;
        self.offset = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.damaged())
    }

    fn word(&mut self) -> Result<u64, RestoreError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Words with their number in front.
    fn words(&mut self) -> Result<Vec<u64>, RestoreError> {
        (0..self.length()?).map(|_| self.word()).collect()
    }

    /// A length that the rest of the bytes can hold, so that a damaged one reserves no memory.
    fn length(&mut self) -> Result<usize, RestoreError> {
        let len = self.word()?;
        let is_possible = len <= self.bytes.len() as u64;
        if is_possible { Ok(len as usize) } else { Err(self.damaged()) }
    }
}

/// The sum of no bytes.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bit (Fowler, Noll, Vo 1991), from a sum on: enough against torn files.
fn fnv(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |hash, it| (hash ^ u64::from(*it)).wrapping_mul(0x0100_0000_01b3))
}
