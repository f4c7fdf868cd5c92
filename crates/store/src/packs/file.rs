//! What does a file of packs look like? Packs one after the other, each with a checksum, added and synced whole.
//!
//! ```text
//! file = "SNTLPAK1", merged "SNTLPAK2" | day of arrival (8 bytes) | pack | pack | ...
//! pack = "PAK5" | crc32 of "PAK5" and the head (4) | head (60) | filter | body
//! head = first id (8) | last id (8) | first time (8) | last time (8) | records (8) | raw bytes (8)
//!        | filter bytes (4) | body bytes (4) | crc32 of filter and body (4)
//! filter = crc32 of the rest of it (4) | bytes of the directory of what lies plain (varint) | directory, see
//!        [`super::plain`] | how many columns lie plain (varint) | crc32 of each (4) | filter of the words that do not lie
//!        plain
//! body = bytes of heads and words (4) | bytes of them in zstd (4) | bytes of what lies plain (4) | what lies plain
//!        | zstd of heads and words | rows; see [`super::sections`], of: ids | columns of the kind
//! ```
//!
//! A search reads the filter and what lies plain without the rest of the pack, so they have checksums of their own: a bit
//! that is wrong there must not hide lines. In "PAK4" they have none, the directory is the first of the filter, and the first
//! checksum is that of the head alone. In "PAK3" nothing lies plain: the filter is one of all words, and its length is not
//! in the body. In older packs, body = bytes (4) | zstd of the columns.
//!
//! A file holds what arrived in one day, or less if there is much, so that retention removes whole files. Its name is
//! the id of its first record.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use signal::{TimeRange, Timestamp};

use super::filter::{self, Asked};
use super::kind::{Entry, Kind, Layout};
use super::order::{self, Order};
use super::plain::{Entry as PlainEntry, PlainReader};
use super::sections::{SectionReader, Sections};
use crate::bytes::{Reader, put_varint};
use crate::rows::{self, Effort};
use crate::{Error, disk};

/// Ending of the files' names.
pub const EXTENSION: &str = "pack";
/// Of a merged file before it has its name.
pub const MERGING_EXTENSION: &str = "merging";

const MAGIC: &[u8; 8] = b"SNTLPAK1";
/// Of a file that was written anew from another one: nothing is added, and it is as dense as it can be.
const MAGIC_MERGED: &[u8; 8] = b"SNTLPAK2";
const FILE_HEADER_BYTES: usize = 16;
/// The marker of each layout and whether the filter is sealed, the newest first; what is written has the first.
const MARKERS: [(&[u8; 4], Layout, bool); 5] = [
    (b"PAK5", Layout::Gathered, true),
    (b"PAK4", Layout::Gathered, false),
    (b"PAK3", Layout::Templates, false),
    (b"PAK2", Layout::Shapes, false),
    (b"PAK1", Layout::Texts, false),
];
const MARKER_BYTES: usize = 4;
const HEAD_BYTES: usize = 60;
/// Before what lies plain in a body.
pub const LENGTHS_BYTES: usize = 12;
pub const PACK_HEADER_BYTES: usize = 8 + HEAD_BYTES;
/// Columns above this size are damage.
const MAX_COLUMNS_BYTES: usize = 1 << 30;
/// Records of a pack above this number are damage.
const MOST_RECORDS: u64 = 1 << 22;
/// Keeps up with what can be taken in; higher levels save little more.
const QUICK_ZSTD_LEVEL: i32 = 7;
/// When nobody waits.
const DENSE_ZSTD_LEVEL: i32 = 19;

/// Where a pack is and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    pub offset: u64,
    pub first_id: u64,
    pub last_id: u64,
    pub from: Timestamp,
    pub to: Timestamp,
    pub records: u64,
    pub raw_bytes: u64,
    pub filter_bytes: u32,
    pub body_bytes: u32,
    crc: u32,
    pub layout: Layout,
    /// The filter and what lies plain have checksums of their own.
    is_sealed: bool,
}

/// A file that can be read.
#[derive(Clone, Debug)]
pub struct PackFile {
    pub path: PathBuf,
    pub first_id: u64,
    /// Days since the epoch on which its records arrived.
    pub day: i64,
    pub packs: Arc<Vec<Pack>>,
    /// Bytes up to the end of the last whole pack.
    pub bytes: u64,
    /// It was written anew from another one.
    pub is_merged: bool,
    /// Bytes that were no packs when it was opened: torn when the process died, or damaged.
    pub passed_over: u64,
    file: Arc<File>,
}

impl Pack {
    /// The largest instant span of its records.
    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.from <= range.to && self.to >= range.from
    }

    const fn len(&self) -> u64 {
        PACK_HEADER_BYTES as u64 + self.filter_bytes as u64 + self.body_bytes as u64
    }

    fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        for number in [self.first_id, self.last_id] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        for time in [self.from, self.to] {
            head.extend_from_slice(&time.millis().to_le_bytes());
        }
        for number in [self.records, self.raw_bytes] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.filter_bytes, self.body_bytes, self.crc] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        head
    }

    /// Reads the header at an offset; None if there is no whole pack.
    fn parse(header: &[u8], offset: u64) -> Option<Self> {
        let mut reader = Reader::new(header);
        let marker = reader.take(MARKER_BYTES)?;
        let (layout, is_sealed) = layout_of(marker)?;
        let crc = reader.u32()?;
        if crc_of_head(if is_sealed { marker } else { &[] }, reader.rest().get(..HEAD_BYTES)?) != crc {
            return None;
        }
        Some(Self {
            offset,
            first_id: reader.u64()?,
            last_id: reader.u64()?,
            from: Timestamp::from_millis(reader.i64()?),
            to: Timestamp::from_millis(reader.i64()?),
            records: reader.u64()?,
            raw_bytes: reader.u64()?,
            filter_bytes: reader.u32()?,
            body_bytes: reader.u32()?,
            crc: reader.u32()?,
            layout,
            is_sealed,
        })
    }
}

impl PackFile {
    /// Makes a new file, or an empty one in place of one that holds nothing whole.
    pub fn create(dir: &Path, first_id: u64, day: i64) -> Result<Self, Error> {
        let file = Self::create_as(disk::numbered_path(dir, first_id, EXTENSION), first_id, day, MAGIC)?;
        disk::sync_dir(dir)?;
        Ok(file)
    }

    fn create_as(path: PathBuf, first_id: u64, day: i64, magic: &[u8; 8]) -> Result<Self, Error> {
        let open = || -> std::io::Result<File> {
            let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
            file.write_all(&[magic.as_slice(), &day.to_le_bytes()].concat())?;
            file.sync_all()?;
            Ok(file)
        };
        let file = Arc::new(open().map_err(Error::io("make", &path))?);
        let is_merged = magic == MAGIC_MERGED;
        let bytes = FILE_HEADER_BYTES as u64;
        Ok(Self { path, first_id, day, packs: Arc::default(), bytes, is_merged, passed_over: 0, file })
    }

    /// Writes its packs anew, as densely as can be found and few small ones as one large one, to a file with another
    /// ending. `go_on` is asked before each pack. A pack that cannot be read is the error.
    pub fn merged<K: Kind>(&self, limits: (usize, u64), go_on: &dyn Fn() -> bool) -> Result<Self, Error> {
        let path = self.path.with_extension(MERGING_EXTENSION);
        let mut merged = Self::create_as(path, self.first_id, self.day, MAGIC_MERGED)?;
        match merged.add_all::<K>(self, limits, go_on) {
            Ok(()) => Ok(merged),
            Err(error) => {
                disk::remove(&merged.path)?;
                Err(error)
            }
        }
    }

    fn add_all<K: Kind>(&mut self, old: &Self, limits: (usize, u64), go_on: &dyn Fn() -> bool) -> Result<(), Error> {
        let mut waiting: Vec<(u64, K::Record)> = vec![];
        let mut bytes = 0;
        for pack in old.packs.iter() {
            if !go_on() {
                return Err(Error::Closed);
            }
            let is_enough = waiting.len() + pack.records as usize > limits.0 || bytes + pack.raw_bytes > limits.1;
            // Packs are not cut: their records are in another order than their ids.
            if is_enough && !waiting.is_empty() {
                self.add::<K>(waiting.iter().map(|(id, it)| (*id, it)).collect(), Effort::Dense)?;
                waiting.clear();
                bytes = 0;
            }
            waiting.extend(old.records::<K>(pack)?);
            bytes += pack.raw_bytes;
        }
        self.add::<K>(waiting.iter().map(|(id, it)| (*id, it)).collect(), Effort::Dense)
    }

    /// Puts it, merged, in the place of the file it was made from.
    pub fn renamed(self, dir: &Path) -> Result<Self, Error> {
        let path = disk::numbered_path(dir, self.first_id, EXTENSION);
        std::fs::rename(&self.path, &path).map_err(Error::io("rename", &self.path))?;
        disk::sync_dir(dir)?;
        Ok(Self { path, ..self })
    }

    /// Opens a file: what is torn at its end was not acknowledged and is passed over, and so is what is damaged; how much
    /// that is is told.
    pub fn open(path: &Path, first_id: u64) -> Result<Self, Error> {
        let file = File::options().read(true).write(true).open(path).map_err(Error::io("open", path))?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        let mut header = [0; FILE_HEADER_BYTES];
        let is_read = file.read_exact_at(&mut header, 0).is_ok();
        let mut reader = Reader::new(&header);
        let (magic, day) = (reader.take(MAGIC.len()), reader.i64());
        let is_merged = magic == Some(MAGIC_MERGED);
        let Some(day) = day.filter(|_| is_read && (is_merged || magic == Some(MAGIC))) else {
            return Err(Error::Corrupt { path: path.to_owned(), what: "it is no file of packs" });
        };
        let mut opened = Self {
            path: path.to_owned(),
            first_id,
            day,
            packs: Arc::default(),
            bytes: FILE_HEADER_BYTES as u64,
            is_merged,
            passed_over: 0,
            file: Arc::new(file),
        };
        let packs = opened.whole_packs(length)?;
        let whole = opened.bytes + packs.iter().map(Pack::len).sum::<u64>();
        opened.passed_over = length.saturating_sub(whole);
        opened.bytes = packs.last().map_or(opened.bytes, |it| it.offset + it.len());
        opened.packs = Arc::new(packs);
        if opened.bytes < length {
            opened.file.set_len(opened.bytes).map_err(Error::io("cut", path))?;
        }
        Ok(opened)
    }

    /// Packs records and adds them; durable when it returns.
    pub fn append<K: Kind>(&mut self, entries: &[Arc<Entry<K::Record>>]) -> Result<(), Error> {
        self.add::<K>(entries.iter().map(|it| (it.id, &it.record)).collect(), Effort::Quick)
    }

    fn add<K: Kind>(&mut self, records: Vec<(u64, &K::Record)>, effort: Effort) -> Result<(), Error> {
        let Some((pack, filter, body)) = packed::<K>(self.bytes, records, effort)? else { return Ok(()) };
        let head = pack.head();
        let crc = crc_of_head(MARKERS[0].0, &head).to_le_bytes();
        let bytes = [MARKERS[0].0.as_slice(), &crc, &head, &filter, &body].concat();
        let written = self.file.write_all_at(&bytes, self.bytes).and_then(|()| self.file.sync_data());
        written.map_err(Error::io("write", &self.path))?;
        self.bytes += bytes.len() as u64;
        Arc::make_mut(&mut self.packs).push(pack);
        Ok(())
    }

    /// False if the pack certainly does not hold one of the words. What is damaged says nothing certain.
    pub fn may_hold_all(&self, pack: &Pack, words: &[Asked]) -> Result<bool, Error> {
        if words.is_empty() {
            return Ok(true);
        }
        let blob = self.read(pack.offset + PACK_HEADER_BYTES as u64, pack.filter_bytes as usize)?;
        let Some(parts) = FilterParts::read(&blob, pack) else { return Ok(true) };
        for word in filter::lacking(parts.filter, words, pack.layout) {
            if !self.lies_plain(pack, word, &parts)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// True if the word is in a column that lies plain, or if that cannot be read.
    fn lies_plain(&self, pack: &Pack, word: &Asked, parts: &FilterParts<'_>) -> Result<bool, Error> {
        let Some(text) = &word.text else { return Ok(false) };
        let mut offset = pack.offset + PACK_HEADER_BYTES as u64 + u64::from(pack.filter_bytes) + LENGTHS_BYTES as u64;
        let end = pack.offset + pack.len();
        let (mut directory, mut sums) = (Reader::new(parts.directory), parts.sums.map(Reader::new));
        while !directory.rest().is_empty() {
            let entry = PlainEntry::read(&mut directory);
            let found = entry.and_then(|entry| Some((entry, entry.bytes()?)));
            let Some((entry, length)) = found.filter(|it| offset + it.1 as u64 <= end) else { return Ok(true) };
            let sum = sums.as_mut().map(Reader::u32);
            if let Some(number) = entry.number_of(text) {
                let column = self.read(offset, length)?;
                let is_whole = sum.is_none_or(|it| it == Some(crc32fast::hash(&column)));
                if !is_whole || entry.holds(&column, number).unwrap_or(true) {
                    return Ok(true);
                }
            }
            offset += length as u64;
        }
        Ok(false)
    }

    /// All records of a pack with their ids.
    pub fn records<K: Kind>(&self, pack: &Pack) -> Result<Vec<(u64, K::Record)>, Error> {
        let corrupt = || Error::Corrupt { path: self.path.clone(), what: "a pack does not fit its checksum" };
        let filter_bytes = pack.filter_bytes as usize;
        let bytes = self.read(pack.offset + PACK_HEADER_BYTES as u64, filter_bytes + pack.body_bytes as usize)?;
        if crc32fast::hash(&bytes) != pack.crc {
            return Err(corrupt());
        }
        let (filter, body) = bytes.split_at_checked(filter_bytes).ok_or_else(corrupt)?;
        unpacked::<K>(filter, body, pack).ok_or_else(corrupt)
    }

    /// Removes it; those who read it go on.
    pub fn remove(&self) -> Result<(), Error> {
        disk::remove(&self.path)
    }

    /// Headers of all packs; what is no pack is searched for the next one. The last one must be whole to its end. A disk
    /// that cannot be read now says nothing about what is on it: that is an error, or the rest would be cut off.
    fn whole_packs(&self, length: u64) -> Result<Vec<Pack>, Error> {
        let mut packs: Vec<Pack> = vec![];
        let mut offset = FILE_HEADER_BYTES as u64;
        while offset + PACK_HEADER_BYTES as u64 <= length {
            match self.pack_at(offset, length)? {
                Some(pack) => {
                    packs.push(pack);
                    offset += pack.len();
                }
                None => match self.next_marker(offset + 1, length)? {
                    Some(next) => offset = next,
                    None => break,
                },
            }
        }
        while let Some(last) = packs.last()
            && !self.is_whole(last)?
        {
            packs.pop();
        }
        Ok(packs)
    }

    fn is_whole(&self, pack: &Pack) -> Result<bool, Error> {
        let length = pack.filter_bytes as usize + pack.body_bytes as usize;
        let bytes = self.read(pack.offset + PACK_HEADER_BYTES as u64, length)?;
        Ok(crc32fast::hash(&bytes) == pack.crc)
    }

    /// The pack that begins there, if one does and ends within the file.
    fn pack_at(&self, offset: u64, length: u64) -> Result<Option<Pack>, Error> {
        if offset + PACK_HEADER_BYTES as u64 > length {
            return Ok(None);
        }
        let pack = Pack::parse(&self.read(offset, PACK_HEADER_BYTES)?, offset);
        Ok(pack.filter(|it| offset + it.len() <= length))
    }

    /// The next place from `from` on where a pack begins.
    fn next_marker(&self, from: u64, length: u64) -> Result<Option<u64>, Error> {
        const STEP: usize = 1 << 20;
        let mut offset = from;
        while offset < length {
            let size = STEP.min(usize::try_from(length - offset).unwrap_or(STEP));
            let bytes = self.read(offset, size)?;
            let markers = bytes.windows(MARKER_BYTES).enumerate().filter(|it| layout_of(it.1).is_some());
            for place in markers.map(|it| offset + it.0 as u64) {
                if self.pack_at(place, length)?.is_some() {
                    return Ok(Some(place));
                }
            }
            // A marker may lie across the border.
            offset += (size - (MARKER_BYTES - 1).min(size - 1)) as u64;
            if size < STEP {
                break;
            }
        }
        Ok(None)
    }

    /// Bytes of the file.
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map_err(Error::io("read", &self.path))?;
        Ok(bytes)
    }
}

/// One marker must not become another by a bit.
fn crc_of_head(marker: &[u8], head: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(marker);
    crc.update(head);
    crc.finalize()
}

fn layout_of(marker: &[u8]) -> Option<(Layout, bool)> {
    MARKERS.iter().find(|it| it.0.as_slice() == marker).map(|it| (it.1, it.2))
}

type Packed = (Pack, Vec<u8>, Vec<u8>);

/// Header, filter and body; None if there is nothing to pack.
fn packed<K: Kind>(offset: u64, mut all: Vec<(u64, &K::Record)>, effort: Effort) -> Result<Option<Packed>, Error> {
    all.sort_by_cached_key(|(id, record)| (K::sort_key(record), *id));
    let (ids, records): (Vec<u64>, Vec<&K::Record>) = all.into_iter().unzip();
    let Some((from, to)) = times::<K>(&records) else { return Ok(None) };
    let mut sections = Sections::default();
    let order = order::put_ids(&ids, effort, &mut sections);
    K::encode(&records, &order, effort, &mut sections);
    let filter = filter_of::<K>(&records, &mut sections, effort);
    let body = body_of(&sections, effort)?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&filter);
    crc.update(&body);
    let pack = Pack {
        offset,
        first_id: ids.iter().copied().min().unwrap_or(0),
        last_id: ids.iter().copied().max().unwrap_or(0),
        from,
        to,
        records: records.len() as u64,
        raw_bytes: records.iter().map(|it| K::weight(it) as u64).sum(),
        filter_bytes: filter.len() as u32,
        body_bytes: body.len() as u32,
        crc: crc.finalize(),
        layout: MARKERS[0].1,
        is_sealed: MARKERS[0].2,
    };
    Ok(Some((pack, filter, body)))
}

fn times<K: Kind>(records: &[&K::Record]) -> Option<(Timestamp, Timestamp)> {
    let times = records.iter().map(|it| K::times(it));
    times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The directory of what lies plain and the filter of all other words, sealed.
fn filter_of<K: Kind>(records: &[&K::Record], sections: &mut Sections, effort: Effort) -> Vec<u8> {
    let mut words = vec![];
    records.iter().for_each(|it| K::words(it, &mut words));
    let plain = &mut sections.plain;
    let mut rest = vec![];
    put_varint(&mut rest, plain.directory.len() as u64);
    rest.extend_from_slice(&plain.directory);
    put_varint(&mut rest, plain.sums.len() as u64);
    plain.sums.iter().for_each(|it| rest.extend_from_slice(&it.to_le_bytes()));
    rest.append(&mut filter::build(words, std::mem::take(&mut plain.words), effort));
    let mut out = crc32fast::hash(&rest).to_le_bytes().to_vec();
    out.append(&mut rest);
    out
}

/// What stands in a filter.
struct FilterParts<'a> {
    directory: &'a [u8],
    /// The checksum of each column that lies plain; none in packs that have no such.
    sums: Option<&'a [u8]>,
    filter: &'a [u8],
}

impl<'a> FilterParts<'a> {
    /// None if it is damaged.
    fn read(blob: &'a [u8], pack: &Pack) -> Option<Self> {
        if pack.layout != Layout::Gathered {
            return Some(Self { directory: &[], sums: None, filter: blob });
        }
        let mut reader = Reader::new(blob);
        if pack.is_sealed && reader.u32()? != crc32fast::hash(reader.rest()) {
            return None;
        }
        let length = reader.count()?;
        let directory = reader.take(length)?;
        let sums = if pack.is_sealed {
            let length = reader.count()?.checked_mul(size_of::<u32>())?;
            Some(reader.take(length)?)
        } else {
            None
        };
        Some(Self { directory, sums, filter: reader.rest() })
    }
}

fn body_of(sections: &Sections, effort: Effort) -> Result<Vec<u8>, Error> {
    let level = if effort == Effort::Quick { QUICK_ZSTD_LEVEL } else { DENSE_ZSTD_LEVEL };
    let text = sections.text();
    let compressed = zstd::bulk::compress(&text, level).map_err(Error::Compress)?;
    let lengths = [text.len(), compressed.len(), sections.plain.bytes.len()].map(|it| (it as u32).to_le_bytes());
    Ok([&lengths.concat(), &sections.plain.bytes, &compressed, &sections.rows].map(Vec::as_slice).concat())
}

fn unpacked<K: Kind>(filter: &[u8], body: &[u8], pack: &Pack) -> Option<Vec<(u64, K::Record)>> {
    let count = usize::try_from(pack.records).ok().filter(|it| *it as u64 <= MOST_RECORDS)?;
    let mut body = Reader::new(body);
    let length = usize::try_from(body.u32()?).ok().filter(|it| *it <= MAX_COLUMNS_BYTES)?;
    if matches!(pack.layout, Layout::Texts | Layout::Shapes) {
        return unpacked_words::<K>(&zstd::bulk::decompress(body.rest(), length).ok()?, count, pack.layout);
    }
    let packed_length = usize::try_from(body.u32()?).ok()?;
    let plain_length = if pack.layout == Layout::Gathered { usize::try_from(body.u32()?).ok()? } else { 0 };
    let plain = PlainReader::new(FilterParts::read(filter, pack)?.directory, body.take(plain_length)?);
    let text = zstd::bulk::decompress(body.take(packed_length)?, length).ok()?;
    let mut reader = SectionReader::new(&text, body.rest(), plain)?;
    let (ids, order) = match pack.layout {
        Layout::Gathered => order::read_ids(&mut reader, count)?,
        _ => (rows::decode(&mut reader.rows, count)?.into_iter().map(|it| it as u64).collect(), Order::none()),
    };
    let records = K::decode(&mut reader, count, &order, pack.layout)?;
    Some(ids.into_iter().zip(records).collect())
}

/// Of a layout that has words only.
fn unpacked_words<K: Kind>(text: &[u8], count: usize, layout: Layout) -> Option<Vec<(u64, K::Record)>> {
    let mut reader = SectionReader::of_words(text);
    let mut id = 0_u64;
    let mut ids = Vec::new();
    for _ in 0..count {
        id = id.wrapping_add(reader.words.signed()? as u64);
        ids.push(id);
    }
    Some(ids.into_iter().zip(K::decode(&mut reader, count, &Order::none(), layout)?).collect())
}

#[cfg(test)]
mod tests {
    use signal::{Labels, LogRecord};

    use super::*;
    use crate::logs::Lines;

    /// Scenario: a file of two packs, of which each byte of the first has one bit flipped in turn (each bit of its marker).
    /// Guarantees: MUST 875 of docs/specs/store.md: no word that the pack has is taken for lacking; a pack whose head is
    /// damaged is told.
    #[test]
    fn no_flipped_bit_hides_a_word() {
        let mut random = fastrand::Rng::with_seed(5);
        let names: Vec<String> =
            (0..60).map(|it| (0..3 + it % 7).map(|_| random.lowercase()).collect::<String>()).collect();
        let ids: Vec<String> = names.iter().map(|_| format!("{:016x}", random.u64(..))).collect();
        let record = |(name, id): (&String, &String)| {
            LogRecord::new(Timestamp::from_millis(0), Labels::default(), format!("{id} was asked by {name}"))
        };
        let records: Vec<LogRecord> = names.iter().zip(&ids).map(record).collect();
        let folder = std::env::temp_dir().join(format!("sentinel-flips-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut file = PackFile::create(&folder, 1, 0).unwrap();
        for first in [1, 1001] {
            file.add::<Lines>((first..).zip(&records).collect(), Effort::Dense).unwrap();
        }
        let first = file.packs[0];
        let blob = file.read(first.offset + PACK_HEADER_BYTES as u64, first.filter_bytes as usize).unwrap();
        let parts = FilterParts::read(&blob, &first).unwrap();
        assert!(!parts.directory.is_empty() && parts.filter.len() > 40, "both ways to look for a word");
        let words: Vec<[Asked; 1]> = names.iter().chain(&ids).map(|it| [Asked::new(it)]).collect();
        let whole = std::fs::read(&file.path).unwrap();
        let (mut n_gone, mut n_damaged) = (0, 0);
        let bits_of =
            |offset| if offset < first.offset + MARKER_BYTES as u64 { 0..8 } else { offset % 8..offset % 8 + 1 };
        let all = first.offset..first.offset + first.len();
        for (offset, bit) in all.flat_map(|offset| bits_of(offset).map(move |bit| (offset, bit))) {
            let mut bytes = whole.clone();
            bytes[offset as usize] ^= 1 << bit;
            let path = folder.join("flipped.pack");
            std::fs::write(&path, &bytes).unwrap();
            let opened = PackFile::open(&path, 1).unwrap();
            let Some(pack) = opened.packs.iter().find(|it| it.first_id == 1) else {
                assert_eq!(opened.passed_over, first.len(), "at {offset}");
                n_gone += 1;
                continue;
            };
            assert_eq!((opened.packs.len(), opened.passed_over), (2, 0), "at {offset}");
            for word in &words {
                assert!(opened.may_hold_all(pack, word).unwrap(), "{word:?} is hidden by a bit at {offset}");
            }
            let error = opened.records::<Lines>(pack).unwrap_err().to_string();
            n_damaged += usize::from(error.contains("checksum"));
        }
        let n_of_head = PACK_HEADER_BYTES + 7 * MARKER_BYTES;
        assert_eq!((n_gone, n_damaged), (n_of_head, first.len() as usize - PACK_HEADER_BYTES));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    /// Guarantees (584): identities that a pack lacks are known to be lacking, those that it has are not.
    #[test]
    fn packs_that_lack_an_identity_are_passed_over() {
        let mut random = fastrand::Rng::with_seed(1);
        let ids: Vec<String> = (0..2000).map(|_| format!("{:016x}", random.u64(..))).collect();
        let record = |it: &String| LogRecord::new(Timestamp::from_millis(0), Labels::default(), format!("id {it}"));
        let records: Vec<LogRecord> = ids.iter().map(record).collect();
        let folder = std::env::temp_dir().join(format!("sentinel-pack-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut file = PackFile::create(&folder, 1, 0).unwrap();
        file.add::<Lines>((1..).zip(&records).collect(), Effort::Dense).unwrap();
        let pack = file.packs[0];
        assert!(pack.filter_bytes < 200, "{} bytes of filter", pack.filter_bytes);
        let may_hold = |id: &str| file.may_hold_all(&pack, &[Asked::new("id"), Asked::new(id)]).unwrap();
        assert!(ids.iter().all(|it| may_hold(it)));
        // What the filter, which has other words, takes for there: one in 256.
        let n_wrong = (0..2000).filter(|_| may_hold(&format!("{:016x}", random.u64(..)))).count();
        assert!(n_wrong < 30, "{n_wrong} of 2000");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
