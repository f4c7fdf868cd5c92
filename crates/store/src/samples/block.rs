//! What does an immutable file of samples look like? Runs of chunks, labels, an index by series, a footer.
//!
//! ```text
//! magic | run of series 1 | run of series 2 | ... | labels | index (40 bytes per series, by id) | footer (76 bytes)
//! run = varint chunk count, then per chunk varint length and bytes; each run has a crc32 in the index,
//! labels and index together have one in the footer, and the footer has its own.
//! ```
//!
//! The index stays on disk: a lookup is a binary search of a few cached pages, so that a month of blocks costs no
//! memory per series. A block is written under another name, synced and renamed: it is there whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use signal::{Labels, Point, SeriesId, TimeRange, Timestamp};

use super::chunk;
use super::series::Chunk;
use crate::bytes::{Reader, put_labels, put_varint};
use crate::{Error, disk};

const MAGIC: &[u8; 8] = b"SNTLBLK1";
const ENTRY_BYTES: u64 = 40;
const FOOTER_BYTES: usize = 76;

/// A block that can be read.
#[derive(Debug)]
pub struct Block {
    pub path: PathBuf,
    pub sequence: u64,
    pub bytes: u64,
    pub footer: Footer,
}

/// What the last bytes of a block say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    labels_offset: u64,
    index_offset: u64,
    pub series: u64,
    pub points: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Samples in this segment of the write-ahead log and the ones before are in blocks.
    pub wal_through: u64,
    content_crc: u32,
}

/// Where the points of one series are.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub id: SeriesId,
    offset: u64,
    length: u32,
    crc: u32,
    pub first: Timestamp,
    pub last: Timestamp,
}

impl Entry {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.hash().to_le_bytes());
        out.extend_from_slice(&self.offset.to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(&self.first.millis().to_le_bytes());
        out.extend_from_slice(&self.last.millis().to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            id: SeriesId::from_hash(reader.u64()?),
            offset: reader.u64()?,
            length: reader.u32()?,
            crc: reader.u32()?,
            first: Timestamp::from_millis(reader.i64()?),
            last: Timestamp::from_millis(reader.i64()?),
        })
    }
}

impl Footer {
    fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        for number in [self.labels_offset, self.index_offset, self.series, self.points, self.wal_through] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.first.millis().to_le_bytes());
        out.extend_from_slice(&self.last.millis().to_le_bytes());
        out.extend_from_slice(&self.content_crc.to_le_bytes());
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        // Room for what later versions add, so that the footer keeps its size.
        out.resize(FOOTER_BYTES - MAGIC.len(), 0);
        out.extend_from_slice(MAGIC);
        out
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let footer = Self {
            labels_offset: reader.u64()?,
            index_offset: reader.u64()?,
            series: reader.u64()?,
            points: reader.u64()?,
            wal_through: reader.u64()?,
            first: Timestamp::from_millis(reader.i64()?),
            last: Timestamp::from_millis(reader.i64()?),
            content_crc: reader.u32()?,
        };
        let covered = bytes.len() - reader.rest().len();
        let is_whole = reader.u32()? == crc32fast::hash(bytes.get(..covered)?) && bytes.ends_with(MAGIC);
        is_whole.then_some(footer)
    }
}

/// Writes a block; `series` come in order of id. Returns None if there is no point at all.
pub fn write(
    dir: &Path,
    sequence: u64,
    wal_through: u64,
    series: &mut dyn Iterator<Item = (Labels, Vec<Chunk>)>,
) -> Result<Option<Block>, Error> {
    let path = disk::numbered_path(dir, sequence, "block");
    let temporary = disk::numbered_path(dir, sequence, "tmp");
    let written = write_to(&temporary, wal_through, series);
    if !matches!(written, Ok(Some(_))) {
        disk::remove(&temporary)?;
    }
    let Some((footer, bytes)) = written? else { return Ok(None) };
    fs::rename(&temporary, &path).map_err(Error::io("rename", &temporary))?;
    disk::sync_dir(dir)?;
    Ok(Some(Block { path, sequence, bytes, footer }))
}

fn write_to(
    path: &Path,
    wal_through: u64,
    series: &mut dyn Iterator<Item = (Labels, Vec<Chunk>)>,
) -> Result<Option<(Footer, u64)>, Error> {
    let file = File::create(path).map_err(Error::io("create", path))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(Error::io("write", path));
    let mut footer =
        Footer { wal_through, first: Timestamp::MAX, last: Timestamp::from_millis(i64::MIN), ..Footer::default() };
    let (mut labels_bytes, mut index) = (vec![], vec![]);
    put(MAGIC)?;
    let mut offset = MAGIC.len() as u64;
    for (labels, chunks) in series {
        let (Some(first), Some(last)) = (chunks.first().map(|it| it.first), chunks.iter().map(|it| it.last).max())
        else {
            continue;
        };
        let run = run_of(&chunks);
        put(&run)?;
        let (length, crc) = (run.len() as u32, crc32fast::hash(&run));
        Entry { id: labels.id(), offset, length, crc, first, last }.put(&mut index);
        put_labels(&mut labels_bytes, &labels);
        offset += run.len() as u64;
        footer.series += 1;
        footer.points += chunks.iter().map(|it| it.count as u64).sum::<u64>();
        footer.first = footer.first.min(first);
        footer.last = footer.last.max(last);
    }
    if footer.series == 0 {
        return Ok(None);
    }
    footer.labels_offset = offset;
    footer.index_offset = offset + labels_bytes.len() as u64;
    labels_bytes.append(&mut index);
    footer.content_crc = crc32fast::hash(&labels_bytes);
    put(&labels_bytes)?;
    put(&footer.to_bytes())?;
    let file = out.into_inner().map_err(|it| Error::io("write", path)(it.into_error()))?;
    file.sync_all().map_err(Error::io("sync", path))?;
    Ok(Some((footer, offset + labels_bytes.len() as u64 + FOOTER_BYTES as u64)))
}

fn run_of(chunks: &[Chunk]) -> Vec<u8> {
    let mut run = vec![];
    put_varint(&mut run, chunks.len() as u64);
    for chunk in chunks {
        put_varint(&mut run, chunk.bytes.len() as u64);
        run.extend_from_slice(&chunk.bytes);
    }
    run
}

impl Block {
    /// Opens a block and returns the labels of its series; everything but the points themselves is checked.
    pub fn open(path: &Path, sequence: u64) -> Result<(Self, Vec<Labels>), Error> {
        let corrupt = |what| Error::Corrupt { path: path.to_owned(), what };
        let file = File::open(path).map_err(Error::io("open", path))?;
        let bytes = file.metadata().map_err(Error::io("open", path))?.len();
        let footer_offset = bytes.checked_sub(FOOTER_BYTES as u64).ok_or_else(|| corrupt("it is too short"))?;
        let footer = Footer::read(&read_at(&file, path, footer_offset, FOOTER_BYTES)?);
        let footer = footer.ok_or_else(|| corrupt("the footer does not fit its checksum"))?;
        let length = footer_offset.checked_sub(footer.labels_offset).and_then(|it| usize::try_from(it).ok());
        let length = length.ok_or_else(|| corrupt("the footer names an offset behind it"))?;
        let content = read_at(&file, path, footer.labels_offset, length)?;
        if crc32fast::hash(&content) != footer.content_crc {
            return Err(corrupt("the index does not fit its checksum"));
        }
        let mut reader = Reader::new(&content);
        let labels: Option<Vec<Labels>> = (0..footer.series).map(|_| reader.labels()).collect();
        let labels = labels.ok_or_else(|| corrupt("the labels cannot be read"))?;
        Ok((Self { path: path.to_owned(), sequence, bytes, footer }, labels))
    }

    /// True if it may have points in the range.
    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.footer.first <= range.to && range.from <= self.footer.last
    }

    /// Where the points of a series are, if it has any here.
    pub fn entry(&self, id: SeriesId) -> Result<Option<Entry>, Error> {
        find(&self.file()?, &self.path, &self.footer, id)
    }

    /// The points of a series in the range, in order of time.
    pub fn points(&self, id: SeriesId, range: TimeRange) -> Result<Vec<Point>, Error> {
        let file = self.file()?;
        let Some(entry) = find(&file, &self.path, &self.footer, id)? else { return Ok(vec![]) };
        if entry.first > range.to || range.from > entry.last {
            return Ok(vec![]);
        }
        let run = read_at(&file, &self.path, entry.offset, entry.length as usize)?;
        let corrupt = |what| Error::Corrupt { path: self.path.clone(), what };
        if crc32fast::hash(&run) != entry.crc {
            return Err(corrupt("the points of a series do not fit their checksum"));
        }
        points_of(&run, range).ok_or_else(|| corrupt("a chunk cannot be decoded"))
    }

    /// The ids of all its series.
    pub fn ids(&self) -> Result<Vec<SeriesId>, Error> {
        let length = self.footer.series.saturating_mul(ENTRY_BYTES) as usize;
        let index = read_at(&self.file()?, &self.path, self.footer.index_offset, length)?;
        let mut reader = Reader::new(&index);
        Ok(std::iter::from_fn(|| Entry::read(&mut reader)).map(|it| it.id).collect())
    }

    fn file(&self) -> Result<File, Error> {
        File::open(&self.path).map_err(Error::io("open", &self.path))
    }
}

fn points_of(run: &[u8], range: TimeRange) -> Option<Vec<Point>> {
    let mut reader = Reader::new(run);
    let mut points = vec![];
    for _ in 0..reader.count()? {
        let length = reader.count()?;
        let found = chunk::decode(reader.take(length)?)?;
        if found.first().is_some_and(|it| it.time > range.to) {
            break;
        }
        points.extend(found.into_iter().filter(|it| range.contains(it.time)));
    }
    Some(points)
}

/// A binary search in the file.
fn find(file: &File, path: &Path, footer: &Footer, id: SeriesId) -> Result<Option<Entry>, Error> {
    let (mut low, mut high) = (0, footer.series);
    while low < high {
        let middle = low + (high - low) / 2;
        let bytes = read_at(file, path, footer.index_offset + middle * ENTRY_BYTES, ENTRY_BYTES as usize)?;
        let Some(entry) = Entry::read(&mut Reader::new(&bytes)) else { return Ok(None) };
        match entry.id.cmp(&id) {
            std::cmp::Ordering::Equal => return Ok(Some(entry)),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(None)
}

fn read_at(file: &File, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(Error::io("read", path))?;
    Ok(bytes)
}
