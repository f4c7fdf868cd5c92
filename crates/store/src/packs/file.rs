//! What does a file of packs look like? Packs one after the other, each with a checksum, added and synced whole.
//!
//! ```text
//! file = "SNTLPAK1" | day of arrival (8 bytes) | pack | pack | ...
//! pack = "PAK2" | crc32 of the head (4) | head (60) | filter | body
//! head = first id (8) | last id (8) | first time (8) | last time (8) | records (8) | raw bytes (8)
//!        | filter bytes (4) | body bytes (4) | crc32 of filter and body (4)
//! body = bytes of the columns (4) | zstd of: ids as differences | columns of the kind
//! ```
//!
//! A file holds what arrived in one day, or less if there is much, so that retention removes whole files. Its name is
//! the id of its first record.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use signal::{TimeRange, Timestamp};

use super::filter;
use super::kind::{Entry, Kind, Layout};
use crate::bytes::{Reader, put_signed};
use crate::{Error, disk};

/// Ending of the files' names.
pub const EXTENSION: &str = "pack";

const MAGIC: &[u8; 8] = b"SNTLPAK1";
const FILE_HEADER_BYTES: usize = 16;
/// The marker of each layout, the newest first; what is written has the first.
const MARKERS: [(&[u8; 4], Layout); 2] = [(b"PAK2", Layout::Shapes), (b"PAK1", Layout::Texts)];
const MARKER_BYTES: usize = 4;
const HEAD_BYTES: usize = 60;
const PACK_HEADER_BYTES: usize = 8 + HEAD_BYTES;
/// Columns above this size are damage.
const MAX_COLUMNS_BYTES: usize = 1 << 30;
/// Keeps up with what can be taken in; higher levels save little more.
const ZSTD_LEVEL: i32 = 7;

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
    filter_bytes: u32,
    body_bytes: u32,
    crc: u32,
    layout: Layout,
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
        let layout = layout_of(reader.take(MARKER_BYTES)?)?;
        let crc_of_head = reader.u32()?;
        if crc32fast::hash(reader.rest().get(..HEAD_BYTES)?) != crc_of_head {
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
        })
    }
}

impl PackFile {
    /// Makes a new file, or an empty one in place of one that holds nothing whole.
    pub fn create(dir: &Path, first_id: u64, day: i64) -> Result<Self, Error> {
        let path = disk::numbered_path(dir, first_id, EXTENSION);
        let open = || -> std::io::Result<File> {
            let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&path)?;
            file.write_all(&[MAGIC.as_slice(), &day.to_le_bytes()].concat())?;
            file.sync_all()?;
            Ok(file)
        };
        let file = Arc::new(open().map_err(Error::io("make", &path))?);
        disk::sync_dir(dir)?;
        Ok(Self { path, first_id, day, packs: Arc::default(), bytes: FILE_HEADER_BYTES as u64, file })
    }

    /// Opens a file: what is torn at its end was not acknowledged and is passed over, and so is what is damaged.
    pub fn open(path: &Path, first_id: u64) -> Result<Self, Error> {
        let file = File::options().read(true).write(true).open(path).map_err(Error::io("open", path))?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        let mut header = [0; FILE_HEADER_BYTES];
        let is_read = file.read_exact_at(&mut header, 0).is_ok();
        let mut reader = Reader::new(&header);
        let (magic, day) = (reader.take(MAGIC.len()), reader.i64());
        let Some(day) = day.filter(|_| is_read && magic == Some(MAGIC)) else {
            return Err(Error::Corrupt { path: path.to_owned(), what: "it is no file of packs" });
        };
        let mut opened = Self {
            path: path.to_owned(),
            first_id,
            day,
            packs: Arc::default(),
            bytes: FILE_HEADER_BYTES as u64,
            file: Arc::new(file),
        };
        let packs = opened.whole_packs(length);
        opened.bytes = packs.last().map_or(opened.bytes, |it| it.offset + it.len());
        opened.packs = Arc::new(packs);
        if opened.bytes < length {
            opened.file.set_len(opened.bytes).map_err(Error::io("cut", path))?;
        }
        Ok(opened)
    }

    /// Packs records and adds them; durable when it returns.
    pub fn append<K: Kind>(&mut self, entries: &[Arc<Entry<K::Record>>]) -> Result<(), Error> {
        let Some((pack, filter, body)) = packed::<K>(self.bytes, entries)? else { return Ok(()) };
        let head = pack.head();
        let crc = crc32fast::hash(&head).to_le_bytes();
        let bytes = [MARKERS[0].0.as_slice(), &crc, &head, &filter, &body].concat();
        let written = self.file.write_all_at(&bytes, self.bytes).and_then(|()| self.file.sync_data());
        written.map_err(Error::io("write", &self.path))?;
        self.bytes += bytes.len() as u64;
        Arc::make_mut(&mut self.packs).push(pack);
        Ok(())
    }

    /// False if the pack certainly does not hold one of the words.
    pub fn may_hold_all(&self, pack: &Pack, words: &[u64]) -> Result<bool, Error> {
        if words.is_empty() {
            return Ok(true);
        }
        let filter = self.read(pack.offset + PACK_HEADER_BYTES as u64, pack.filter_bytes as usize)?;
        Ok(filter::may_hold_all(&filter, words))
    }

    /// All records of a pack with their ids.
    pub fn records<K: Kind>(&self, pack: &Pack) -> Result<Vec<(u64, K::Record)>, Error> {
        let corrupt = || Error::Corrupt { path: self.path.clone(), what: "a pack does not fit its checksum" };
        let filter_bytes = pack.filter_bytes as usize;
        let bytes = self.read(pack.offset + PACK_HEADER_BYTES as u64, filter_bytes + pack.body_bytes as usize)?;
        if crc32fast::hash(&bytes) != pack.crc {
            return Err(corrupt());
        }
        let body = decompressed(bytes.get(filter_bytes..).unwrap_or_default());
        body.and_then(|it| unpacked::<K>(&it, pack)).ok_or_else(corrupt)
    }

    /// Removes it; those who read it go on.
    pub fn remove(&self) -> Result<(), Error> {
        disk::remove(&self.path)
    }

    /// Headers of all packs; what is no pack is searched for the next one. The last one must be whole to its end.
    fn whole_packs(&self, length: u64) -> Vec<Pack> {
        let mut packs: Vec<Pack> = vec![];
        let mut offset = FILE_HEADER_BYTES as u64;
        while offset + PACK_HEADER_BYTES as u64 <= length {
            match self.pack_at(offset).filter(|it| offset + it.len() <= length) {
                Some(pack) => {
                    packs.push(pack);
                    offset += pack.len();
                }
                None => match self.next_marker(offset + 1, length) {
                    Some(next) => offset = next,
                    None => break,
                },
            }
        }
        while packs.last().is_some_and(|it| !self.is_whole(it)) {
            packs.pop();
        }
        packs
    }

    fn is_whole(&self, pack: &Pack) -> bool {
        let length = pack.filter_bytes as usize + pack.body_bytes as usize;
        let bytes = self.read(pack.offset + PACK_HEADER_BYTES as u64, length);
        bytes.is_ok_and(|it| crc32fast::hash(&it) == pack.crc)
    }

    fn pack_at(&self, offset: u64) -> Option<Pack> {
        Pack::parse(&self.read(offset, PACK_HEADER_BYTES).ok()?, offset)
    }

    /// The next place from `from` on where a pack may begin.
    fn next_marker(&self, from: u64, length: u64) -> Option<u64> {
        const STEP: usize = 1 << 20;
        let mut offset = from;
        while offset < length {
            let size = STEP.min(usize::try_from(length - offset).unwrap_or(STEP));
            let bytes = self.read(offset, size).ok()?;
            let is_pack = |idx: &usize| self.pack_at(offset + *idx as u64).is_some();
            let found = bytes
                .windows(MARKER_BYTES)
                .enumerate()
                .filter(|it| layout_of(it.1).is_some())
                .map(|it| it.0)
                .find(is_pack);
            if let Some(idx) = found {
                return Some(offset + idx as u64);
            }
            // A marker may lie across the border.
            offset += (size - (MARKER_BYTES - 1).min(size - 1)) as u64;
            if size < STEP {
                break;
            }
        }
        None
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map_err(Error::io("read", &self.path))?;
        Ok(bytes)
    }
}

fn layout_of(marker: &[u8]) -> Option<Layout> {
    MARKERS.iter().find(|it| it.0.as_slice() == marker).map(|it| it.1)
}

type Packed = (Pack, Vec<u8>, Vec<u8>);

/// Header, filter and body; None if there is nothing to pack.
fn packed<K: Kind>(offset: u64, entries: &[Arc<Entry<K::Record>>]) -> Result<Option<Packed>, Error> {
    let mut sorted: Vec<&Arc<Entry<K::Record>>> = entries.iter().collect();
    sorted.sort_by_cached_key(|it| (K::sort_key(&it.record), it.id));
    let records: Vec<&K::Record> = sorted.iter().map(|it| &it.record).collect();
    let Some((from, to)) = times::<K>(&records) else { return Ok(None) };
    let mut words = vec![];
    records.iter().for_each(|it| K::words(it, &mut words));
    let filter = filter::build(words);
    let mut columns = vec![];
    let mut before = 0;
    for entry in &sorted {
        put_signed(&mut columns, entry.id.wrapping_sub(before) as i64);
        before = entry.id;
    }
    K::encode(&records, &mut columns);
    let mut body = (columns.len() as u32).to_le_bytes().to_vec();
    body.extend(zstd::bulk::compress(&columns, ZSTD_LEVEL).map_err(Error::Compress)?);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&filter);
    crc.update(&body);
    let pack = Pack {
        offset,
        first_id: entries.iter().map(|it| it.id).min().unwrap_or(0),
        last_id: entries.iter().map(|it| it.id).max().unwrap_or(0),
        from,
        to,
        records: entries.len() as u64,
        raw_bytes: records.iter().map(|it| K::weight(it) as u64).sum(),
        filter_bytes: filter.len() as u32,
        body_bytes: body.len() as u32,
        crc: crc.finalize(),
        layout: MARKERS[0].1,
    };
    Ok(Some((pack, filter, body)))
}

fn times<K: Kind>(records: &[&K::Record]) -> Option<(Timestamp, Timestamp)> {
    let times = records.iter().map(|it| K::times(it));
    times.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

fn decompressed(body: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(body);
    let length = usize::try_from(reader.u32()?).ok().filter(|it| *it <= MAX_COLUMNS_BYTES)?;
    zstd::bulk::decompress(reader.rest(), length).ok()
}

fn unpacked<K: Kind>(body: &[u8], pack: &Pack) -> Option<Vec<(u64, K::Record)>> {
    let mut reader = Reader::new(body);
    let count = usize::try_from(pack.records).ok().filter(|it| *it <= body.len())?;
    let mut id = 0_u64;
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        id = id.wrapping_add(reader.signed()? as u64);
        ids.push(id);
    }
    let records = K::decode(reader.rest(), count, pack.layout)?;
    Some(ids.into_iter().zip(records).collect())
}
