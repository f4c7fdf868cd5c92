//! How many bytes on disk does a sample take, and what part of its size a log line? A store in this process is filled as
//! a server fills its own, with blocks of an hour, and its files are measured when all of it is written.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use signal::{Clock as _, Labels, LogRecord, Meter as _, Point, SeriesPoints, SystemClock, Timestamp};
use store::{Store, Write};
use testkit::shop::Shop;

use super::real::{RealLog, RealSeries};
use crate::bench::folder::Folder;
use crate::bench::load::{LoadSeries, load};

/// A server moves samples to a block this often.
const BLOCK: Duration = Duration::from_secs(3600);
/// Between two points of a series of the fleet.
const STEP: Duration = Duration::from_secs(10);
/// Lines that are written at once.
const BATCH_LINES: usize = 10_000;

/// Series on disk.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Samples {
    pub name: String,
    pub samples: u64,
    pub bytes: f64,
    pub bytes_per_sample: f64,
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
    Ok(vec![
        fleet_samples("made counters", counters, amount.hours)?,
        fleet_samples("made gauges", gauges, amount.hours)?,
        shop_samples(amount.shop_secs)?,
    ])
}

fn fleet_samples(name: &str, mut series: Vec<LoadSeries>, hours: u32) -> anyhow::Result<Samples> {
    let mut disk = Disk::new()?;
    let mut random = fastrand::Rng::with_seed(1);
    let start = SystemClock.now().minus(BLOCK * hours);
    for hour in 0..hours {
        let from = start.plus(BLOCK * hour);
        let one = |series: &mut LoadSeries| {
            let times = (0..(BLOCK.as_secs() / STEP.as_secs()) as u32).map(|it| from.plus(STEP * it));
            let points = times.map(|time| Point { time, value: series.value(time, &mut random) }).collect();
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

/// Published series, each with blocks of a day of its own time.
pub(super) fn real_samples(series: Vec<RealSeries>) -> anyhow::Result<Samples> {
    let day_of = |it: &Point| it.time.millis().div_euclid(86_400_000);
    let mut disk = Disk::new()?;
    let mut parts: Vec<(i64, SeriesPoints)> = vec![];
    for RealSeries { name, points } in series {
        let labels = Labels::metric("value", &[("series", &name)]);
        for day in points.chunk_by(|a, b| day_of(a) == day_of(b)) {
            let Some(first) = day.first() else { continue };
            parts.push((day_of(first), SeriesPoints { labels: labels.clone(), points: day.to_vec() }));
        }
    }
    parts.sort_by_key(|it| it.0);
    for day in parts.chunk_by(|a, b| a.0 == b.0) {
        disk.put(day.iter().map(|it| it.1.clone()).collect(), SystemClock.now())?;
        disk.flush()?;
    }
    disk.samples("real series")
}

/// Lines of nine kinds, full of random ids and names, of which none comes twice; and those of the simulated shop.
pub(super) fn made_lines(amount: Amount) -> anyhow::Result<Vec<Lines>> {
    let mut random = fastrand::Rng::with_seed(1);
    let lines = (0..amount.lines).map(|it| (format!("service-{}", it % 10), crate::bench::log_line(&mut random)));
    let made = Disk::new()?.lines("made lines", lines)?;
    let mut shop = Shop::new(1);
    let start = SystemClock.now();
    let ticks = (0..amount.shop_secs).map(|it| start.plus(Duration::from_secs(it.into())));
    let rows = ticks.flat_map(|time| shop.step(time).logs).map(|it| (it.labels.owner().to_owned(), it.line));
    Ok(vec![made, Disk::new()?.lines("simulated shop", rows.take(amount.lines as usize))?])
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
    _folder: Folder,
}

impl Disk {
    fn new() -> anyhow::Result<Self> {
        let folder = Folder::new()?;
        let (store, _) = Store::open(folder.path(), store::Config::default()).context("cannot make the store")?;
        Ok(Self { store, samples: 0, _folder: folder })
    }

    fn put(&mut self, batch: Vec<SeriesPoints>, now: Timestamp) -> anyhow::Result<()> {
        self.samples += self.store.append_and_wait(&Write::samples(batch), now)?.stored;
        Ok(())
    }

    fn flush(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.store.flush(), "the store could not write its files");
        Ok(())
    }

    fn samples(self, name: &str) -> anyhow::Result<Samples> {
        let bytes = disk_bytes(&self.store, "samples");
        let bytes_per_sample = bytes / self.samples as f64;
        Ok(Samples { name: name.to_owned(), samples: self.samples, bytes, bytes_per_sample })
    }

    /// Stores rows of service and line.
    fn lines(self, name: &str, rows: impl Iterator<Item = (String, String)>) -> anyhow::Result<Lines> {
        let start = SystemClock.now();
        let (mut lines, mut raw_bytes) = (0_u64, 0_u64);
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            let records: Vec<LogRecord> = rows
                .by_ref()
                .take(BATCH_LINES)
                .map(|(service, line)| {
                    raw_bytes += line.len() as u64 + 1;
                    lines += 1;
                    let time = start.plus(Duration::from_millis(lines));
                    LogRecord::new(time, Labels::new([("service", service)]), line)
                })
                .collect();
            let now = start.plus(Duration::from_millis(lines));
            self.store.append_and_wait(&Write::Logs(records), now)?;
        }
        self.flush()?;
        let bytes = disk_bytes(&self.store, "logs");
        let raw_bytes_per_byte = raw_bytes as f64 / bytes;
        Ok(Lines { name: name.to_owned(), lines, raw_bytes, bytes, raw_bytes_per_byte })
    }
}

fn disk_bytes(store: &Store, kind: &str) -> f64 {
    let is_it = |it: &signal::Metric| {
        it.name == "sentinel_store_disk_bytes" && it.labels.iter().any(|(name, value)| *name == "kind" && value == kind)
    };
    store.metrics().iter().find(|it| is_it(it)).map_or(f64::NAN, |it| it.value)
}
