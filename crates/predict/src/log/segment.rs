//! Which files is a log made of? Segments named by the sequence of their first row; only the last one grows, and for a
//! day at most: rows are removed by files, and what a quiet model was asked must not stay for as long as a file takes to fill.
//!
//! What a kill leaves unfinished at the end of the last segment is cut when the log is opened, and counted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use signal::{TimeRange, Timestamp};

use super::codec::{HEAD, Head, is_whole};

/// The first bytes of each segment; the last of them is the version.
const MARK: &[u8; 9] = b"SNTLPRED\x01";

/// A place is remembered about every so many bytes, so that a follower need not begin at the first.
const MARK_EVERY: u64 = 64 << 10;

/// A file takes rows for so long at most: a row is kept up to so much longer than it has to be.
const MOST_AGE: Duration = Duration::from_secs(86_400);

/// One file.
pub struct Segment {
    /// Sequence of its first row.
    pub first: u64,
    path: PathBuf,
    n_rows: AtomicU64,
    bytes: AtomicU64,
    /// The times of its rows, as those who sent them said.
    from: AtomicI64,
    to: AtomicI64,
    /// When rows came, by the clock of the server: what senders say must not keep rows or take them away.
    begun: AtomicI64,
    written: AtomicI64,
    /// Sequences of some frames and where they begin, in order.
    places: Mutex<Vec<(u64, u64)>>,
}

/// What is known of a finished segment, beside it in a file.
#[derive(Serialize, Deserialize)]
struct Summary {
    n_rows: u64,
    bytes: u64,
    from: i64,
    to: i64,
    /// When its last row came; earlier versions did not say.
    #[serde(default)]
    written: Option<i64>,
}

/// All segments of a folder.
pub struct Segments {
    dir: PathBuf,
    list: Mutex<Vec<Arc<Segment>>>,
    writer: Mutex<Option<File>>,
    segment_bytes: u64,
    /// Whether something was appended that may not be on the disk yet.
    is_dirty: AtomicBool,
    /// Bytes that were cut off when it was opened.
    pub torn_bytes: u64,
}

impl Segment {
    /// Sequence after its last row.
    pub fn end(&self) -> u64 {
        self.first + self.n_rows.load(Ordering::Acquire)
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// When its last row came.
    pub fn written(&self) -> Timestamp {
        Timestamp::from_millis(self.written.load(Ordering::Acquire))
    }

    /// Whether it has rows, and the first of them came by then.
    fn has_begun_by(&self, time: Timestamp) -> bool {
        self.n_rows.load(Ordering::Acquire) > 0 && self.begun.load(Ordering::Acquire) <= time.millis()
    }

    fn note_arrival(&self, now: Timestamp) {
        self.begun.fetch_min(now.millis(), Ordering::AcqRel);
        self.written.fetch_max(now.millis(), Ordering::AcqRel);
    }

    fn may_have(&self, range: TimeRange) -> bool {
        self.from.load(Ordering::Acquire) <= range.to.millis() && self.to.load(Ordering::Acquire) >= range.from.millis()
    }

    fn note(&self, head: &Head) {
        self.remember(self.end(), self.bytes());
        self.from.fetch_min(head.first, Ordering::AcqRel);
        self.to.fetch_max(head.last, Ordering::AcqRel);
        self.bytes.fetch_add((HEAD + head.body) as u64, Ordering::AcqRel);
        self.n_rows.fetch_add(u64::from(head.n_rows), Ordering::AcqRel);
    }

    fn new(path: PathBuf, first: u64) -> Self {
        let (from, to) = (AtomicI64::new(i64::MAX), AtomicI64::new(i64::MIN));
        let (begun, written) = (AtomicI64::new(i64::MAX), AtomicI64::new(i64::MIN));
        let bytes = AtomicU64::new(MARK.len() as u64);
        Self { first, path, n_rows: AtomicU64::new(0), bytes, from, to, begun, written, places: Mutex::default() }
    }

    fn remember(&self, sequence: u64, at: u64) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.last().is_none_or(|it| at >= it.1 + MARK_EVERY) {
            places.push((sequence, at));
        }
    }

    /// The last remembered place that is not behind the row after `after`.
    fn place(&self, after: u64) -> (u64, u64) {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = places.partition_point(|it| it.0 <= after + 1);
        let found = behind.checked_sub(1).and_then(|it| places.get(it)).copied();
        found.unwrap_or((self.first, MARK.len() as u64))
    }

    fn summary_path(&self) -> PathBuf {
        self.path.with_extension("json")
    }

    /// Takes the summary of a finished segment; without one the heads of all frames are read.
    fn open(path: PathBuf, first: u64, is_last: bool) -> io::Result<(Self, u64)> {
        let segment = Self::new(path, first);
        let metadata = fs::metadata(&segment.path)?;
        let length = metadata.len();
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        segment.written.store(changed, Ordering::Release);
        let summary = fs::read(segment.summary_path()).ok().and_then(|it| serde_json::from_slice::<Summary>(&it).ok());
        if let Some(it) = summary.filter(|it| it.bytes == length && !is_last) {
            segment.n_rows.store(it.n_rows, Ordering::Release);
            segment.bytes.store(it.bytes, Ordering::Release);
            segment.from.store(it.from, Ordering::Release);
            segment.to.store(it.to, Ordering::Release);
            segment.written.store(it.written.unwrap_or(changed), Ordering::Release);
            return Ok((segment, 0));
        }
        let mut file = BufReader::new(File::open(&segment.path)?);
        let mut mark = [0; MARK.len()];
        if file.read_exact(&mut mark).is_err() || &mark != MARK {
            if length > MARK.len() as u64 {
                let problem = format!("{} is no segment of this version", segment.path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            // A kill between the creation of the file and its first bytes.
            fs::write(&segment.path, MARK)?;
            return Ok((segment, length));
        }
        while let Some((head, _)) = next_frame(&mut file, length - segment.bytes(), |_| true)? {
            segment.note(&head);
        }
        // When it was begun is not written down: not after its last row came, and seldom before its first one was made.
        segment.begun.store(segment.from.load(Ordering::Acquire).min(changed), Ordering::Release);
        let torn = length.saturating_sub(segment.bytes());
        if torn > 0 {
            OpenOptions::new().write(true).open(&segment.path)?.set_len(segment.bytes())?;
        }
        Ok((segment, torn))
    }

    /// Gives the wanted frames up to what was written when the call began; false from `visit` ends it.
    fn read(
        &self,
        after: u64,
        is_wanted: impl Fn(u64, &Head) -> bool,
        mut visit: impl FnMut(u64, &Head, &[u8]) -> bool,
    ) -> io::Result<bool> {
        let end = self.bytes();
        let mut file = match File::open(&self.path) {
            // Retention was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            other => BufReader::with_capacity(MARK_EVERY as usize, other?),
        };
        let (mut sequence, mut at) = self.place(after);
        file.seek(SeekFrom::Start(at))?;
        while at < end {
            self.remember(sequence, at);
            let Some((head, frame)) = next_frame(&mut file, end - at, |head| is_wanted(sequence, head))? else {
                let problem = format!("{} is damaged at byte {at}", self.path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            };
            if let Some(frame) = frame
                && !visit(sequence, &head, frame.get(HEAD..).unwrap_or_default())
            {
                return Ok(false);
            }
            at += (HEAD + head.body) as u64;
            sequence += u64::from(head.n_rows);
        }
        Ok(true)
    }
}

/// The next head, and the frame if it is wanted; none at the end and where a frame is not whole.
fn next_frame(
    file: &mut BufReader<File>,
    left: u64,
    is_wanted: impl FnOnce(&Head) -> bool,
) -> io::Result<Option<(Head, Option<Vec<u8>>)>> {
    let mut frame = vec![0; HEAD];
    if left < HEAD as u64 {
        return Ok(None);
    }
    file.read_exact(&mut frame)?;
    let Some(head) = Head::parse(&frame).filter(|it| (HEAD + it.body) as u64 <= left) else { return Ok(None) };
    if !is_wanted(&head) {
        file.seek_relative(head.body as i64)?;
        return Ok(Some((head, None)));
    }
    frame.resize(HEAD + head.body, 0);
    file.read_exact(frame.get_mut(HEAD..).unwrap_or_default())?;
    Ok(is_whole(&head, &frame).then_some((head, Some(frame))))
}

impl Segments {
    /// Opens the folder; it is made if it is not there.
    ///
    /// # Errors
    /// Of the disk, and of files that are no segments of this version.
    pub fn open(dir: &Path, segment_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut firsts: Vec<(u64, PathBuf)> = fs::read_dir(dir)?
            .filter_map(|it| Some(it.ok()?.path()))
            .filter(|it| it.extension().is_some_and(|it| it == "log"))
            .filter_map(|it| Some((it.file_stem()?.to_str()?.parse().ok()?, it)))
            .collect();
        firsts.sort();
        let (mut list, mut torn_bytes, n) = (vec![], 0, firsts.len());
        for (idx, (first, path)) in firsts.into_iter().enumerate() {
            let (segment, torn) = Segment::open(path, first, idx + 1 == n)?;
            list.push(Arc::new(segment));
            torn_bytes += torn;
        }
        Ok(Self {
            dir: dir.to_owned(),
            list: Mutex::new(list),
            writer: Mutex::new(None),
            segment_bytes,
            is_dirty: AtomicBool::new(false),
            torn_bytes,
        })
    }

    /// Appends whole frames, whose rows follow each other and come now; the sequence of the first row.
    ///
    /// # Errors
    /// Of the disk; then nothing was appended.
    pub fn append(&self, frames: &[u8], sync: bool, now: Timestamp) -> io::Result<u64> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let segment = self.current(&mut writer)?;
        let Some(file) = writer.as_mut() else { return Err(io::Error::other("no segment is open")) };
        let written = file.write_all(frames).and_then(|()| if sync { file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            // Half a frame must not stay before the next one. If it cannot be cut now, opening anew cuts it.
            let _ = file.set_len(segment.bytes());
            *writer = None;
            return Err(error);
        }
        self.is_dirty.store(!sync, Ordering::Release);
        let (first, mut rest) = (segment.end(), frames);
        segment.note_arrival(now);
        while let Some(head) = Head::parse(rest) {
            segment.note(&head);
            rest = rest.get(HEAD + head.body..).unwrap_or_default();
        }
        Ok(first)
    }

    /// The segment that grows; a new one if the last is full.
    fn current(&self, writer: &mut Option<File>) -> io::Result<Arc<Segment>> {
        let last = self.segments().last().cloned();
        if let Some(last) = last.as_ref().filter(|it| it.bytes() < self.segment_bytes) {
            if writer.is_none() {
                let file = OpenOptions::new().write(true).open(&last.path)?;
                file.set_len(last.bytes())?;
                let mut file = file;
                file.seek(SeekFrom::End(0))?;
                *writer = Some(file);
            }
            return Ok(Arc::clone(last));
        }
        self.begin(writer)
    }

    /// Finishes the segment that grew and begins a new one.
    fn begin(&self, writer: &mut Option<File>) -> io::Result<Arc<Segment>> {
        let last = self.segments().last().cloned();
        if let Some(last) = &last {
            if let Some(file) = writer.take() {
                file.sync_data()?;
            }
            let get = |it: &AtomicI64| it.load(Ordering::Acquire);
            let (from, to, written) = (get(&last.from), get(&last.to), Some(get(&last.written)));
            let summary = Summary { n_rows: last.end() - last.first, bytes: last.bytes(), from, to, written };
            fs::write(last.summary_path(), serde_json::to_vec(&summary)?)?;
        }
        let first = last.map_or(1, |it| it.end());
        let path = self.dir.join(format!("{first:020}.log"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        file.write_all(MARK)?;
        *writer = Some(file);
        let segment = Arc::new(Segment::new(path, first));
        self.list.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&segment));
        Ok(segment)
    }

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// Of the disk.
    pub fn sync(&self) -> io::Result<()> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let synced = writer.as_ref().map_or(Ok(()), File::sync_data);
        self.is_dirty.fetch_or(synced.is_err(), Ordering::AcqRel);
        synced
    }

    /// All segments, oldest first.
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sequence of the first row that is still there.
    pub fn start(&self) -> u64 {
        self.segments().first().map_or(1, |it| it.first)
    }

    /// Sequence of the next row.
    pub fn end(&self) -> u64 {
        self.segments().last().map_or(1, |it| it.end())
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments().iter().map(|it| it.bytes()).sum()
    }

    /// Gives the bodies of frames with rows in the range after a sequence; false from `visit` ends it.
    ///
    /// # Errors
    /// Of the disk, and of damaged segments.
    pub fn read(
        &self,
        range: TimeRange,
        after: u64,
        mut visit: impl FnMut(u64, &Head, &[u8]) -> bool,
    ) -> io::Result<()> {
        let is_wanted = |sequence: u64, head: &Head| {
            let is_in_range = head.first <= range.to.millis() && head.last >= range.from.millis();
            is_in_range && sequence + u64::from(head.n_rows) > after + 1
        };
        for segment in self.segments().iter().filter(|it| it.end() > after + 1 && it.may_have(range)) {
            if !segment.read(after, is_wanted, &mut visit)? {
                break;
            }
        }
        Ok(())
    }

    /// Begins a new file where the last one has taken rows for long enough, so that it can be removed in its time.
    ///
    /// # Errors
    /// Of the disk; it is tried again the next time.
    pub fn finish_old(&self, now: Timestamp) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = self.segments().last().is_some_and(|it| it.has_begun_by(now.minus(MOST_AGE)));
        if is_old { self.begin(&mut writer).map(|_| ()) } else { Ok(()) }
    }

    /// Removes the oldest finished segments while there are too many bytes or all of their rows came before `oldest`;
    /// rows removed.
    pub fn retain(&self, max_bytes: u64, oldest: Timestamp) -> u64 {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let mut total: u64 = list.iter().map(|it| it.bytes()).sum();
        let mut removed = 0;
        while list.len() > 1 {
            let Some(first) = list.first() else { break };
            if total <= max_bytes && first.written() >= oldest {
                break;
            }
            total -= first.bytes();
            removed += first.end() - first.first;
            // A file that cannot be removed now is found again at the next start.
            let _ = fs::remove_file(&first.path);
            let _ = fs::remove_file(first.summary_path());
            list.remove(0);
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use signal::{Clock as _, FeatureValue, Label, SystemClock};

    use super::super::codec::encode_labels;
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("predict-segments-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    /// A row that says to be of the year 2199, or of long ago.
    fn row(time: Timestamp) -> Vec<u8> {
        let mut frame = vec![];
        encode_labels(&[Label { id: "a".into(), label: FeatureValue::Number(1.0), time }], &mut frame);
        frame
    }

    /// Guarantees: MUST 882 of docs/specs/predict.md.
    #[test]
    fn a_row_a_day_is_kept_for_as_long_as_is_said_and_a_day_more() {
        let dir = folder("daily");
        let mut log = Segments::open(&dir, 1 << 20).unwrap();
        for day in 0..100 {
            let now = SystemClock.now().plus(MOST_AGE * day);
            log.finish_old(now).unwrap();
            // What senders say of the time neither keeps a row nor takes it away.
            let said = if day % 2 == 0 { now.plus(MOST_AGE * 60_000) } else { Timestamp::from_secs(1) };
            log.append(&row(said), false, now).unwrap();
            log.retain(u64::MAX, now.minus(MOST_AGE * 30));
            if day == 50 {
                log.sync().unwrap();
                log = Segments::open(&dir, 1 << 20).unwrap();
            }
        }
        assert_eq!(log.end(), 101);
        let kept = log.end() - log.start();
        assert!((30..=31).contains(&kept), "{kept} rows are kept");
        let files = fs::read_dir(&dir).unwrap().filter(|it| it.as_ref().unwrap().path().extension().unwrap() == "log");
        assert!(files.count() <= 32);
        fs::remove_dir_all(&dir).unwrap();
    }

    /// Guarantees: MUST 882 of docs/specs/predict.md.
    #[test]
    fn the_last_row_goes_too_and_the_next_one_has_the_next_number() {
        let dir = folder("last");
        let log = Segments::open(&dir, 1 << 20).unwrap();
        log.append(&row(Timestamp::from_secs(1)), true, Timestamp::from_secs(1)).unwrap();
        let later = Timestamp::from_secs(1).plus(MOST_AGE * 31);
        for _ in 0..3 {
            log.finish_old(later).unwrap();
            log.retain(u64::MAX, later.minus(MOST_AGE * 30));
        }
        assert_eq!((log.start(), log.end()), (2, 2));
        let names = fs::read_dir(&dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["00000000000000000002.log"]);
        let log = Segments::open(&dir, 1 << 20).unwrap();
        assert_eq!(log.append(&row(later), true, later).unwrap(), 2);
        fs::remove_dir_all(&dir).unwrap();
    }
}
