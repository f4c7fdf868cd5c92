//! How many bytes on disk does a sample take, and what part of its size a log line? A store in this process is filled as
//! a server fills its own, with blocks of an hour, and its files are measured when all of it is written and merged as a
//! server has it merged.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use signal::{Clock as _, Labels, LogRecord, Meter as _, Point, SeriesPoints, SystemClock, Timestamp};
use store::{LogParts, Store, Write};
use testkit::shop::Shop;

use super::bounds::{Ids, SampleNoise};
use super::real::{RealLog, RealSeries};
use crate::bench::folder::Folder;
use crate::bench::load::{LoadSeries, load};
use crate::bench::made;

/// When every file of lines is finished.
const LATER: Duration = Duration::from_secs(2 * 86_400);
/// A server moves samples to a block this often.
const BLOCK: Duration = Duration::from_secs(3600);
/// Published series are of years, and their own time is not the server's: their blocks are as those after a first merge.
const LARGE_BLOCK_MILLIS: i64 = 8 * 3_600_000;
/// So many of them are written before they are merged.
const UNMERGED: usize = 64;
/// What a fleet of services tells, for the figure that counts: a quarter of its samples are of counters, seven tenths of
/// gauges that are measured to four digits and never at rest, one in twenty has all the digits of a float.
pub(super) const MIX: [(&str, f64); 3] = [(COUNTERS, 0.25), (GAUGES, 0.70), (FLOATS, 0.05)];
const COUNTERS: &str = "made counters";
const GAUGES: &str = "made gauges";
const FLOATS: &str = "made floats";
/// The lines that count: those of services with identities, amounts and durations.
pub(super) const LINES: &str = "simulated shop";
/// Between two points of a series of the fleet.
const STEP: Duration = Duration::from_secs(10);
/// Series with all digits: few are enough, because each of their samples takes most of its eight bytes.
const FLOAT_SERIES: usize = 100;
/// Lines that are written at once.
const BATCH_LINES: usize = 10_000;

/// Series on disk.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Samples {
    pub name: String,
    pub samples: u64,
    pub bytes: f64,
    pub bytes_per_sample: f64,
    /// Of them, what is noise: see [`super::bounds`].
    pub noise_bytes_per_sample: f64,
}

/// Log lines on disk.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Lines {
    pub name: String,
    pub lines: u64,
    /// Of the text with line ends.
    pub raw_bytes: u64,
    pub bytes: f64,
    pub raw_bytes_per_byte: f64,
    /// The same if nothing but random identities took room: see [`super::bounds`].
    pub most_raw_bytes_per_byte: f64,
    /// The same if nothing but what was drawn at random took room, for lines of which that is known.
    pub random_raw_bytes_per_byte: Option<f64>,
    /// What the bytes are for.
    pub parts: LogParts,
}

/// How much is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    pub fleet_series: usize,
    pub hours: u32,
    pub shop_secs: u32,
    pub lines: u64,
}

/// Counters and gauges of a fleet, a point every 10 s; and the simulated shop, every second.
pub(super) fn made_samples(amount: Amount) -> anyhow::Result<Vec<Samples>> {
    let fleet = load(amount.fleet_series);
    let (counters, gauges): (Vec<_>, Vec<_>) = fleet.into_iter().partition(|it| it.is_counter);
    let floats = load(amount.fleet_series).into_iter().filter(|it| !it.is_counter).take(FLOAT_SERIES).collect();
    Ok(vec![
        fleet_samples(COUNTERS, counters, amount.hours, LoadSeries::value)?,
        fleet_samples(GAUGES, gauges, amount.hours, LoadSeries::value)?,
        fleet_samples(FLOATS, floats, amount.hours, LoadSeries::exact)?,
        shop_samples(amount.shop_secs)?,
    ])
}

/// What a series says at a time.
type Say = fn(&mut LoadSeries, Timestamp, &mut fastrand::Rng) -> f64;

fn fleet_samples(name: &str, mut series: Vec<LoadSeries>, hours: u32, say: Say) -> anyhow::Result<Samples> {
    let mut disk = Disk::new()?;
    let mut random = fastrand::Rng::with_seed(1);
    let start = SystemClock.now().minus(BLOCK * hours);
    for hour in 0..hours {
        let from = start.plus(BLOCK * hour);
        let one = |series: &mut LoadSeries| {
            let times = (0..(BLOCK.as_secs() / STEP.as_secs()) as u32).map(|it| from.plus(STEP * it));
            let points = times.map(|time| Point { time, value: say(series, time, &mut random) }).collect();
            SeriesPoints { points, labels: series.labels.clone() }
        };
        disk.put(series.iter_mut().map(one).collect(), from.plus(BLOCK))?;
        disk.flush()?;
    }
    disk.samples(name)
}

fn shop_samples(secs: u32) -> anyhow::Result<Samples> {
    let mut disk = Disk::new()?;
    let mut shop = Shop::new(1);
    let start = SystemClock.now().minus(Duration::from_secs(secs.into()));
    let mut batch = vec![];
    for second in 1..=secs {
        let time = start.plus(Duration::from_secs(second.into()));
        batch.extend(shop.step(time).samples);
        // Each write is synced, and the disk is not what is measured.
        if second % 60 == 0 || second == secs {
            disk.put(std::mem::take(&mut batch), time)?;
        }
        if second % BLOCK.as_secs() as u32 == 0 || second == secs {
            disk.flush()?;
        }
    }
    disk.samples("simulated shop")
}

/// Published series, each with blocks of its own time.
pub(super) fn real_samples(series: Vec<RealSeries>) -> anyhow::Result<Samples> {
    let block_of = |it: &Point| it.time.millis().div_euclid(LARGE_BLOCK_MILLIS);
    let mut disk = Disk::new()?;
    let mut parts: Vec<(i64, SeriesPoints)> = vec![];
    for RealSeries { name, points } in series {
        let labels = Labels::metric("value", &[("series", &name)]);
        for part in points.chunk_by(|a, b| block_of(a) == block_of(b)) {
            let Some(first) = part.first() else { continue };
            parts.push((block_of(first), SeriesPoints { labels: labels.clone(), points: part.to_vec() }));
        }
    }
    parts.sort_by_key(|it| it.0);
    for (number, part) in parts.chunk_by(|a, b| a.0 == b.0).enumerate() {
        disk.put(part.iter().map(|it| it.1.clone()).collect(), SystemClock.now())?;
        disk.flush()?;
        if number % UNMERGED == UNMERGED - 1 {
            disk.merge()?;
        }
    }
    disk.samples("real series")
}

/// Lines of nine kinds, full of random ids and names, of which none comes twice; and those of the simulated shop.
pub(super) fn made_lines(amount: Amount) -> anyhow::Result<Vec<Lines>> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut random_bits = 0.0;
    let lines = (0..amount.lines).map(|it| {
        let line = made::line(&mut random);
        random_bits += line.random_bits;
        (format!("service-{}", it % 10), line.text)
    });
    let mut made = Disk::new()?.lines("made lines", lines)?;
    made.random_raw_bytes_per_byte = Some(made.raw_bytes as f64 * 8.0 / random_bits);
    let mut shop = Shop::new(1);
    let start = SystemClock.now();
    let ticks = (0..amount.shop_secs).map(|it| start.plus(Duration::from_secs(it.into())));
    let rows = ticks.flat_map(|time| shop.step(time).logs).map(|it| (it.labels.owner().to_owned(), it.line));
    Ok(vec![made, Disk::new()?.lines(LINES, rows.take(amount.lines as usize))?])
}

/// Published logs, each alone and all together.
pub(super) fn real_lines(logs: &[RealLog]) -> anyhow::Result<Vec<Lines>> {
    let rows = |log: &RealLog| {
        let name = log.name.clone();
        log.lines.clone().into_iter().map(move |it| (name.clone(), it))
    };
    let mut all = vec![];
    for log in logs {
        all.push(Disk::new()?.lines(&log.name, rows(log))?);
    }
    all.push(Disk::new()?.lines("real logs together", logs.iter().flat_map(rows))?);
    Ok(all)
}

/// What the samples in a server's folder take when all of them are in blocks.
pub(super) fn bytes_of_samples(folder: &Path) -> anyhow::Result<f64> {
    let (store, _) = Store::open(folder, store::Config::default()).context("cannot open the server's store")?;
    anyhow::ensure!(store.flush(), "the store could not write a block");
    Ok(disk_bytes(&store, "samples"))
}

/// A store of its own.
struct Disk {
    store: Arc<Store>,
    samples: u64,
    /// What was put, series by series.
    noise: SampleNoise,
    _folder: Folder,
}

impl Disk {
    fn new() -> anyhow::Result<Self> {
        let folder = Folder::new()?;
        let (store, _) = Store::open(folder.path(), store::Config::default()).context("cannot make the store")?;
        Ok(Self { store, samples: 0, noise: SampleNoise::default(), _folder: folder })
    }

    fn put(&mut self, batch: Vec<SeriesPoints>, now: Timestamp) -> anyhow::Result<()> {
        self.noise.add(&batch);
        self.samples += self.store.append_and_wait(&Write::samples(batch), now)?.stored;
        Ok(())
    }

    fn flush(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.store.flush(), "the store could not write its files");
        Ok(())
    }

    /// Merges as a server does, for whose clock all days are over.
    fn merge(&self) -> anyhow::Result<()> {
        self.store.merge(SystemClock.now().plus(LATER)).context("the store could not merge its files")?;
        Ok(())
    }

    fn samples(self, name: &str) -> anyhow::Result<Samples> {
        self.merge()?;
        let bytes = disk_bytes(&self.store, "samples");
        let samples = self.samples;
        let per_sample = |bytes: f64| bytes / samples as f64;
        let (bytes_per_sample, noise_bytes_per_sample) = (per_sample(bytes), per_sample(self.noise.bytes()));
        Ok(Samples { name: name.to_owned(), samples, bytes, bytes_per_sample, noise_bytes_per_sample })
    }

    /// Stores rows of service and line.
    fn lines(self, name: &str, rows: impl Iterator<Item = (String, String)>) -> anyhow::Result<Lines> {
        let start = SystemClock.now();
        let (mut lines, mut raw_bytes) = (0_u64, 0_u64);
        let mut ids = Ids::default();
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            let records: Vec<LogRecord> = rows
                .by_ref()
                .take(BATCH_LINES)
                .map(|(service, line)| {
                    raw_bytes += line.len() as u64 + 1;
                    lines += 1;
                    ids.add(&line);
                    let time = start.plus(Duration::from_millis(lines));
                    LogRecord::new(time, Labels::new([("service", service)]), line)
                })
                .collect();
            let now = start.plus(Duration::from_millis(lines));
            self.store.append_and_wait(&Write::Logs(records), now)?;
        }
        self.flush()?;
        self.merge()?;
        let bytes = disk_bytes(&self.store, "logs");
        let raw_bytes_per_byte = raw_bytes as f64 / bytes;
        let most_raw_bytes_per_byte = raw_bytes as f64 / ids.bytes();
        Ok(Lines {
            name: name.to_owned(),
            lines,
            raw_bytes,
            bytes,
            raw_bytes_per_byte,
            most_raw_bytes_per_byte,
            random_raw_bytes_per_byte: None,
            parts: self.store.log_parts().context("the files of lines cannot be read")?,
        })
    }
}

fn disk_bytes(store: &Store, kind: &str) -> f64 {
    let is_it = |it: &signal::Metric| {
        it.name == "sentinel_store_disk_bytes" && it.labels.iter().any(|(name, value)| *name == "kind" && value == kind)
    };
    store.metrics().iter().find(|it| is_it(it)).map_or(f64::NAN, |it| it.value)
}
