//! What does an immutable file of samples look like? Runs of chunks, labels, an index by series, a footer.
//!
//! ```text
//! magic | run of series 1 | run of series 2 | ... | labels | index (40 bytes per series, by id) | footer (76 bytes)
//! labels = their bytes unpacked (8) | zstd of all labels in order of id; in older files not packed
//! run = varint chunk count, then per chunk varint length and bytes; in merged blocks also, before the bytes, its first
//! time as a distance from the end of the chunk before, and the time that it spans
//! ```
//!
//! Each run has a crc32 in the index, labels and index together have one in the footer, and the footer has its own.
//!
//! The index stays on disk: a lookup is a binary search of a few cached pages, so that a month of blocks costs no
//! memory per series. A block is written under another name, synced and renamed: it is there whole or not at all.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use signal::{Labels, Point, SeriesId, TimeRange, Timestamp};

use super::chunk;
use super::footer::{ENTRY_BYTES, Entry, FOOTER_BYTES, Footer};
use super::series::Chunk;
use crate::bytes::{Reader, put_labels, put_signed, put_varint};
use crate::{Error, disk};

/// Labels are written once a block, and series have most of theirs in common.
const LABELS_ZSTD_LEVEL: i32 = 3;
/// Labels above this size are damage.
const MAX_LABELS_BYTES: usize = 1 << 36;
/// Entries of the index that are read together.
const INDEX_ENTRIES: u64 = 512;

/// A block that can be read.
#[derive(Debug)]
pub struct Block {
    pub path: PathBuf,
    pub sequence: u64,
    pub bytes: u64,
    pub footer: Footer,
    /// Open from the first read on, so that whoever reads it can go on when it is removed; a merge reads all its parts
    /// before one takes their place.
    file: OnceLock<File>,
    /// A part of it cannot be read, so it must stay as it is.
    is_kept_apart: AtomicBool,
}

/// Writes a block; `series` come in order of id. Returns None if there is no point at all.
pub fn write(
    dir: &Path,
    sequence: u64,
    wal_through: u64,
    series: &mut dyn Iterator<Item = (Labels, Vec<Chunk>)>,
) -> Result<Option<Block>, Error> {
    let temporary = disk::numbered_path(dir, sequence, "tmp");
    let heading = Footer { wal_through, ..Footer::default() };
    let Some(written) = write_file(&temporary, heading, series)? else { return Ok(None) };
    let block = written.renamed(dir, sequence)?;
    disk::sync_dir(dir)?;
    Ok(Some(block))
}

/// A block that does not have its name yet.
pub struct Written {
    path: PathBuf,
    footer: Footer,
    bytes: u64,
    file: File,
}

impl Written {
    /// Gives it its name, from where it is read; one that has the name already is replaced. Durable when the directory is
    /// synced.
    pub fn renamed(self, dir: &Path, sequence: u64) -> Result<Block, Error> {
        let Self { path: from, footer, bytes, file } = self;
        let path = disk::numbered_path(dir, sequence, "block");
        fs::rename(&from, &path).map_err(Error::io("rename", &from))?;
        Ok(Block { path, sequence, bytes, footer, file: file.into(), is_kept_apart: AtomicBool::new(false) })
    }

    /// It is not wanted.
    pub fn discard(self) -> Result<(), Error> {
        disk::remove(&self.path)
    }
}

/// Writes and syncs a file with what is known before in `heading`; None, and no file, if there is no point at all.
pub fn write_file(
    path: &Path,
    heading: Footer,
    series: &mut dyn Iterator<Item = (Labels, Vec<Chunk>)>,
) -> Result<Option<Written>, Error> {
    let written = write_to(path, heading, series);
    if !matches!(written, Ok(Some(_))) {
        disk::remove(path)?;
    }
    written
}

fn write_to(
    path: &Path,
    heading: Footer,
    series: &mut dyn Iterator<Item = (Labels, Vec<Chunk>)>,
) -> Result<Option<Written>, Error> {
    let file = File::options().create(true).truncate(true).read(true).write(true).open(path);
    let file = file.map_err(Error::io("create", path))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    let mut put = |bytes: &[u8]| out.write_all(bytes).map_err(Error::io("write", path));
    let mut footer = Footer { first: Timestamp::MAX, last: Timestamp::from_millis(i64::MIN), ..heading };
    let (mut labels_bytes, mut index) = (vec![], vec![]);
    put(footer.magic())?;
    let mut offset = footer.magic().len() as u64;
    for (labels, chunks) in series {
        let (Some(first), Some(last)) = (chunks.first().map(|it| it.first), chunks.iter().map(|it| it.last).max())
        else {
            continue;
        };
        let run = run_of(&chunks, footer.covers > 0);
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
    let mut labels_bytes = packed(&labels_bytes)?;
    footer.labels_offset = offset;
    footer.index_offset = offset + labels_bytes.len() as u64;
    labels_bytes.append(&mut index);
    footer.content_crc = crc32fast::hash(&labels_bytes);
    put(&labels_bytes)?;
    put(&footer.to_bytes())?;
    let file = out.into_inner().map_err(|it| Error::io("write", path)(it.into_error()))?;
    file.sync_all().map_err(Error::io("sync", path))?;
    let bytes = offset + labels_bytes.len() as u64 + FOOTER_BYTES as u64;
    Ok(Some(Written { path: path.to_owned(), footer, bytes, file }))
}

fn packed(labels: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = (labels.len() as u64).to_le_bytes().to_vec();
    out.extend(zstd::bulk::compress(labels, LABELS_ZSTD_LEVEL).map_err(Error::Compress)?);
    Ok(out)
}

fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(packed);
    let length = usize::try_from(reader.u64()?).ok().filter(|it| *it <= MAX_LABELS_BYTES)?;
    zstd::bulk::decompress(reader.rest(), length).ok()
}

fn run_of(chunks: &[Chunk], has_times: bool) -> Vec<u8> {
    let mut run = vec![];
    put_varint(&mut run, chunks.len() as u64);
    let mut end = 0;
    for chunk in chunks {
        put_varint(&mut run, chunk.bytes.len() as u64);
        if has_times {
            put_signed(&mut run, chunk.first.millis().wrapping_sub(end));
            put_signed(&mut run, chunk.last.millis().wrapping_sub(chunk.first.millis()));
            end = chunk.last.millis();
        }
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
        let labels_length =
            footer.index_offset.checked_sub(footer.labels_offset).and_then(|it| usize::try_from(it).ok());
        let packed_labels = labels_length.and_then(|it| content.get(..it));
        let plain = packed_labels.and_then(|it| if footer.has_plain_labels { Some(it.to_vec()) } else { unpacked(it) });
        let plain = plain.ok_or_else(|| corrupt("the labels cannot be unpacked"))?;
        let mut reader = Reader::new(&plain);
        let labels: Option<Vec<Labels>> = (0..footer.series).map(|_| reader.labels()).collect();
        let labels = labels.ok_or_else(|| corrupt("the labels cannot be read"))?;
        Ok((
            Self {
                path: path.to_owned(),
                sequence,
                bytes,
                footer,
                file: OnceLock::new(),
                is_kept_apart: AtomicBool::new(false),
            },
            labels,
        ))
    }

    /// True if it may have points in the range.
    pub fn overlaps(&self, range: TimeRange) -> bool {
        self.footer.first <= range.to && range.from <= self.footer.last
    }

    /// Where the points of a series are, if it has any here.
    pub fn entry(&self, id: SeriesId) -> Result<Option<Entry>, Error> {
        find(self.file()?, &self.path, &self.footer, id)
    }

    /// The points of a series in the range, in order of time.
    pub fn points(&self, id: SeriesId, range: TimeRange) -> Result<Vec<Point>, Error> {
        let Some(entry) = find(self.file()?, &self.path, &self.footer, id)? else { return Ok(vec![]) };
        if entry.first > range.to || range.from > entry.last {
            return Ok(vec![]);
        }
        let mut points = vec![];
        self.decode(&self.run(&entry)?, range, &mut points)?;
        Ok(points)
    }

    /// True if a series has a point in the range. Nothing is decoded if its first or its last point says so.
    pub fn has_points(&self, id: SeriesId, range: TimeRange) -> Result<bool, Error> {
        let Some(entry) = self.entry(id)? else { return Ok(false) };
        Ok(range.contains(entry.first) || range.contains(entry.last) || !self.points(id, range)?.is_empty())
    }

    /// Calls `keep` with the encoded points of each of the series that has some near the range, and with its place among
    /// the ids, which must be in ascending order. A run that does not fit its checksum is the error, after the others.
    pub fn runs(&self, ids: &[SeriesId], range: TimeRange, keep: &mut dyn FnMut(usize, Vec<u8>)) -> Result<(), Error> {
        let mut result = Ok(());
        self.walk(ids, range, &mut |idx, entry| match self.run(entry) {
            Ok(run) => keep(idx, run),
            Err(error) => result = Err(error),
        })?;
        result
    }

    /// Calls `mark` with the place of each of the series that has points near the range; the ids are in ascending order.
    pub fn entries(&self, ids: &[SeriesId], range: TimeRange, mark: &mut dyn FnMut(usize)) -> Result<(), Error> {
        self.walk(ids, range, &mut |idx, _| mark(idx))
    }

    fn walk(&self, ids: &[SeriesId], range: TimeRange, visit: &mut dyn FnMut(usize, &Entry)) -> Result<(), Error> {
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(()) };
        let from = lower_bound(self.file()?, &self.path, &self.footer, *first)?;
        let mut wanted = ids.iter().enumerate().peekable();
        let mut index = IndexReader { block: self, next: from, buffer: VecDeque::new() };
        while let Some(entry) = index.next()?.filter(|it| it.id <= *last) {
            while wanted.next_if(|(_, id)| **id < entry.id).is_some() {}
            let Some((idx, _)) = wanted.next_if(|(_, id)| **id == entry.id) else { continue };
            if entry.first <= range.to && range.from <= entry.last {
                visit(idx, &entry);
            }
        }
        Ok(())
    }

    /// The encoded points of a series.
    fn run(&self, entry: &Entry) -> Result<Vec<u8>, Error> {
        let run = read_at(self.file()?, &self.path, entry.offset, entry.length as usize)?;
        if crc32fast::hash(&run) != entry.crc {
            let what = "the points of a series do not fit their checksum";
            return Err(Error::Corrupt { path: self.path.clone(), what });
        }
        Ok(run)
    }

    /// Adds the points of a run that lie in the range.
    pub fn decode(&self, run: &[u8], range: TimeRange, points: &mut Vec<Point>) -> Result<(), Error> {
        let what = "a chunk cannot be decoded";
        add_points(run, self.footer.covers > 0, range, points)
            .ok_or_else(|| Error::Corrupt { path: self.path.clone(), what })
    }

    /// The ids of all its series.
    pub fn ids(&self) -> Result<Vec<SeriesId>, Error> {
        let length = self.footer.series.saturating_mul(ENTRY_BYTES) as usize;
        let index = read_at(self.file()?, &self.path, self.footer.index_offset, length)?;
        let mut reader = Reader::new(&index);
        Ok(std::iter::from_fn(|| Entry::read(&mut reader)).map(|it| it.id).collect())
    }

    fn file(&self) -> Result<&File, Error> {
        match self.file.get() {
            Some(file) => Ok(file),
            None => {
                let file = File::open(&self.path).map_err(Error::io("open", &self.path))?;
                Ok(self.file.get_or_init(|| file))
            }
        }
    }

    /// It is not merged with others before the next start.
    pub fn keep_apart(&self) {
        self.is_kept_apart.store(true, Relaxed);
    }

    /// True if it must not be merged with others.
    pub fn is_kept_apart(&self) -> bool {
        self.is_kept_apart.load(Relaxed)
    }

    /// All its entries in order of id.
    pub const fn entries_in_order(&self) -> IndexReader<'_> {
        IndexReader { block: self, next: 0, buffer: VecDeque::new() }
    }

    /// All points of a series.
    pub fn points_of(&self, entry: &Entry) -> Result<Vec<Point>, Error> {
        let mut points = vec![];
        self.decode(&self.run(entry)?, TimeRange::ALL, &mut points)?;
        Ok(points)
    }
}

fn add_points(run: &[u8], has_times: bool, range: TimeRange, points: &mut Vec<Point>) -> Option<()> {
    let mut reader = Reader::new(run);
    let mut end = 0_i64;
    for _ in 0..reader.count()? {
        let length = reader.count()?;
        if has_times {
            let first = end.wrapping_add(reader.signed()?);
            end = first.wrapping_add(reader.signed()?);
            if first > range.to.millis() {
                break;
            }
            if end < range.from.millis() {
                reader.take(length)?;
                continue;
            }
        }
        let found = chunk::decode(reader.take(length)?)?;
        if found.first().is_some_and(|it| it.time > range.to) {
            break;
        }
        points.extend(found.into_iter().filter(|it| range.contains(it.time)));
    }
    Some(())
}

/// A binary search in the file.
fn find(file: &File, path: &Path, footer: &Footer, id: SeriesId) -> Result<Option<Entry>, Error> {
    let at = lower_bound(file, path, footer, id)?;
    if at >= footer.series {
        return Ok(None);
    }
    Ok(entry_at(file, path, footer, at)?.filter(|it| it.id == id))
}

/// The number of entries of the index before this id.
fn lower_bound(file: &File, path: &Path, footer: &Footer, id: SeriesId) -> Result<u64, Error> {
    let (mut low, mut high) = (0, footer.series);
    while low < high {
        let middle = low + (high - low) / 2;
        let is_before = entry_at(file, path, footer, middle)?.is_some_and(|it| it.id < id);
        (low, high) = if is_before { (middle + 1, high) } else { (low, middle) };
    }
    Ok(low)
}

fn entry_at(file: &File, path: &Path, footer: &Footer, at: u64) -> Result<Option<Entry>, Error> {
    let bytes = read_at(file, path, footer.index_offset + at * ENTRY_BYTES, ENTRY_BYTES as usize)?;
    Ok(Entry::read(&mut Reader::new(&bytes)))
}

/// The index from an entry on, many entries at a time.
pub struct IndexReader<'a> {
    block: &'a Block,
    next: u64,
    buffer: VecDeque<Entry>,
}

impl IndexReader<'_> {
    /// The next entry; None at the end.
    pub fn next(&mut self) -> Result<Option<Entry>, Error> {
        if self.buffer.is_empty() {
            let Footer { series, index_offset, .. } = self.block.footer;
            let count = series.saturating_sub(self.next).min(INDEX_ENTRIES);
            let offset = index_offset + self.next * ENTRY_BYTES;
            let bytes = read_at(self.block.file()?, &self.block.path, offset, (count * ENTRY_BYTES) as usize)?;
            let mut reader = Reader::new(&bytes);
            self.buffer.extend(std::iter::from_fn(|| Entry::read(&mut reader)));
            self.next += count;
        }
        Ok(self.buffer.pop_front())
    }
}

fn read_at(file: &File, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(Error::io("read", path))?;
    Ok(bytes)
}
