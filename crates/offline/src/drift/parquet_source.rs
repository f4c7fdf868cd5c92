//! How is Parquet profiled? One column at a time, from where it lies, so that memory holds pages and profiles only.

use std::fs::File;
use std::path::PathBuf;

use bytes::Bytes;
use drift::{Budget, Kind};
use jiff::Timestamp;
use parquet::basic::Type as Physical;
use parquet::column::reader::{ColumnReader as Chunk, ColumnReaderImpl};
use parquet::data_type::{AsBytes, ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::fed::{Fed, FedProfile};
use super::groups::{Place, Segments, Spans};
use super::source::Wanted;
use crate::bad_input::BadInput;
use crate::instants;
use crate::parquet_file::{Meaning, big_endian, half};

/// Larger integers are rounded as numbers of 64 bits.
const LARGEST_EXACT: u64 = 1 << 53;
const MILLIS_PER_DAY: f64 = 86_400_000.0;
const ROWS_PER_BATCH: usize = 8192;
/// Places for words of a dictionary; a power of two.
const REMEMBERED: usize = 1024;

/// A file whose columns are read when they are asked for.
pub struct ParquetSource {
    name: String,
    path: PathBuf,
    /// What came through a pipe.
    bytes: Option<Bytes>,
    budget: Budget,
    pub rows: u64,
    columns: Vec<(String, usize)>,
    places: Option<Vec<Place>>,
    pub segments: Segments,
    pub spans: Option<Spans>,
    pub notes: Vec<String>,
}

/// A cell as it is stored.
enum Cell<'a> {
    Missing,
    Integer(i64),
    Float(f64),
    Flag(bool),
    Bytes(&'a ByteArray),
}

impl ParquetSource {
    /// Reads the schema, and the columns that say to which part a row belongs.
    pub fn open(name: String, path: PathBuf, bytes: Option<Bytes>, wanted: &Wanted) -> Result<Self, BadInput> {
        let mut source = Self {
            name,
            path,
            bytes,
            budget: wanted.budget,
            rows: 0,
            columns: Vec::new(),
            places: None,
            segments: Segments::default(),
            spans: None,
            notes: Vec::new(),
        };
        let reader = source.reader()?;
        let metadata = reader.metadata().file_metadata();
        source.rows = metadata.num_rows().max(0) as u64;
        let mut nested = 0;
        for (idx, column) in metadata.schema_descr().columns().iter().enumerate() {
            let name = column.path().string();
            match column.max_rep_level() {
                0 if source.columns.iter().any(|it| it.0 == name) => {
                    let found = format!("two columns are called {name}");
                    return Err(BadInput::of_file(&source.name, found, "give each column a name of its own"));
                }
                0 if wanted.has(&name) => source.columns.push((name, idx)),
                0 => {}
                _ => nested += 1,
            }
        }
        if nested > 0 {
            source.notes.push(format!("{}: {nested} columns of lists were left out", source.name));
        }
        if source.rows == 0 || source.columns.is_empty() {
            return Err(BadInput::of_file(&source.name, "it has no rows of flat columns", "give at least one"));
        }
        source.find_places(reader.as_ref(), wanted)?;
        Ok(source)
    }

    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|it| it.0.clone()).collect()
    }

    /// The profile of a column.
    pub fn column(&self, name: &str) -> Result<Option<FedProfile>, BadInput> {
        let Some((_, idx)) = self.columns.iter().find(|it| it.0 == name) else { return Ok(None) };
        let reader = self.reader()?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let column = schema.column(*idx);
        let meaning = Meaning::of(&column);
        let mut fed = Fed::new(name, kind(&column, &meaning), self.budget);
        if !matches!(column.physical_type(), Physical::INT32 | Physical::INT64)
            || matches!(meaning, Meaning::Decimal(_))
        {
            fed.whole.not_integer();
        }
        let mut words = Words::default();
        let mut row = 0;
        self.cells(reader.as_ref(), *idx, |cell| {
            let place = self.places.as_ref().and_then(|it| it.get(row).copied()).unwrap_or_default();
            row += 1;
            take(&mut fed, &mut words, &cell, &meaning, place);
        })?;
        words.flush(&mut fed);
        if row as u64 != self.rows {
            let found = format!("column {name} has {row} cells where the file has {} rows", self.rows);
            return Err(BadInput::of_file(&self.name, found, "check that the file is whole"));
        }
        Ok(Some(fed.finish()))
    }

    fn reader(&self) -> Result<Box<dyn FileReader>, BadInput> {
        if let Some(bytes) = &self.bytes {
            return Ok(Box::new(SerializedFileReader::new(bytes.clone()).map_err(|it| self.bad(&it))?));
        }
        // Each reader opens the file for itself: clones of a handle share their position.
        let file = File::open(&self.path).map_err(|error| crate::input::unreadable(&self.name, &error))?;
        Ok(Box::new(SerializedFileReader::new(file).map_err(|it| self.bad(&it))?))
    }

    fn bad(&self, error: &ParquetError) -> BadInput {
        let is_packed = error.to_string().contains("Disabled feature");
        let advice = if is_packed {
            "pack it with snappy, zstd or gzip"
        } else {
            "check that the file is whole, and not encrypted"
        };
        BadInput::of_file(&self.name, format!("cannot read it as Parquet: {error}"), advice)
    }

    fn find_places(&mut self, reader: &dyn FileReader, wanted: &Wanted) -> Result<(), BadInput> {
        if wanted.segment.is_none() && wanted.window.is_none() {
            return Ok(());
        }
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let names: Vec<String> = schema.columns().iter().map(|it| it.path().string()).collect();
        let position = |name: &str| {
            let found = format!("it has no column {name}");
            let advice = format!("its columns are {}", names.join(", "));
            names.iter().position(|it| it == name).ok_or_else(|| BadInput::of_file(&self.name, found, advice))
        };
        let mut places = vec![Place::default(); usize::try_from(self.rows).unwrap_or(usize::MAX)];
        if let Some(column) = &wanted.segment {
            let (idx, mut row, mut segments) = (position(column)?, 0, Segments::default());
            self.cells(reader, idx, |cell| {
                let id = segments.of(word(&cell).as_deref());
                if let Some(it) = places.get_mut(row) {
                    it.segment = Some(id);
                }
                row += 1;
            })?;
            self.segments = segments;
        }
        if let Some((millis, column)) = &wanted.window {
            let name = match column {
                Some(it) => it.clone(),
                None => wanted.time_column(&self.name, &names)?,
            };
            let (idx, mut row, mut spans) = (position(&name)?, 0, Spans::new(*millis));
            let meaning = Meaning::of(&schema.column(idx));
            let mut times = Vec::with_capacity(places.len());
            self.cells(reader, idx, |cell| times.push(time(&cell, &meaning)))?;
            let plain: Vec<f64> = times.iter().filter_map(|it| it.and_then(|it| it.1)).collect();
            let unit = instants::millis_per_unit(&plain);
            for it in times {
                let millis = it.and_then(|(millis, number)| millis.or(number.map(|it| (it * unit) as i64)));
                if let Some(place) = places.get_mut(row) {
                    place.span = spans.of(millis);
                }
                row += 1;
            }
            if spans.left_out > 0 {
                self.notes.push(format!("{}: {} rows without a time are in no span", self.name, spans.left_out));
            }
            self.spans = Some(spans);
        }
        self.places = Some(places);
        Ok(())
    }

    /// Gives each cell of a column, over all row groups.
    fn cells(&self, reader: &dyn FileReader, idx: usize, mut take: impl FnMut(Cell<'_>)) -> Result<(), BadInput> {
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let max_level = schema.column(idx).max_def_level();
        for group in 0..reader.num_row_groups() {
            let chunk = reader.get_row_group(group).and_then(|it| it.get_column_reader(idx));
            chunk.and_then(|it| read(it, max_level, &mut take)).map_err(|it| self.bad(&it))?;
        }
        Ok(())
    }
}

fn read(chunk: Chunk, max_level: i16, take: &mut impl FnMut(Cell<'_>)) -> Result<(), ParquetError> {
    let missing = |take: &mut dyn FnMut(Cell<'_>)| take(Cell::Missing);
    match chunk {
        Chunk::BoolColumnReader(it) => each(it, max_level, take, missing, |take, it| take(Cell::Flag(*it))),
        Chunk::Int32ColumnReader(it) => {
            each(it, max_level, take, missing, |take, it| take(Cell::Integer(i64::from(*it))))
        }
        Chunk::Int64ColumnReader(it) => each(it, max_level, take, missing, |take, it| take(Cell::Integer(*it))),
        Chunk::Int96ColumnReader(it) => {
            each(it, max_level, take, missing, |take, it| take(Cell::Integer(it.to_nanos())))
        }
        Chunk::FloatColumnReader(it) => {
            each(it, max_level, take, missing, |take, it| take(Cell::Float(f64::from(*it))))
        }
        Chunk::DoubleColumnReader(it) => each(it, max_level, take, missing, |take, it| take(Cell::Float(*it))),
        Chunk::ByteArrayColumnReader(it) => each(it, max_level, take, missing, |take, it| take(Cell::Bytes(it))),
        Chunk::FixedLenByteArrayColumnReader(it) => {
            each(it, max_level, take, missing, |take, it| take(Cell::Bytes(&ByteArray::from(it.as_bytes().to_vec()))))
        }
    }
}

fn each<T: DataType, F: FnMut(Cell<'_>)>(
    mut reader: ColumnReaderImpl<T>,
    max_level: i16,
    take: &mut F,
    missing: impl Fn(&mut dyn FnMut(Cell<'_>)),
    present: impl Fn(&mut F, &T::T),
) -> Result<(), ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    loop {
        levels.clear();
        values.clear();
        let (n_rows, n_values, _) = reader.read_records(ROWS_PER_BATCH, Some(&mut levels), None, &mut values)?;
        if n_rows == 0 {
            return Ok(());
        }
        if n_values == n_rows {
            values.iter().for_each(|it| present(take, it));
            continue;
        }
        let mut values = values.iter();
        for level in &levels {
            match values.as_slice().first().filter(|_| *level == max_level) {
                Some(it) => {
                    present(take, it);
                    values.next();
                }
                None => missing(take),
            }
        }
    }
}

fn kind(column: &ColumnDescriptor, meaning: &Meaning) -> Kind {
    match (column.physical_type(), meaning) {
        (_, Meaning::Date | Meaning::Instant { .. }) => Kind::Time,
        (Physical::BOOLEAN, _) => Kind::Category,
        (Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY, Meaning::Decimal(_) | Meaning::Half) => Kind::Number,
        (Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY, _) => Kind::Category,
        _ => Kind::Number,
    }
}

#[inline]
fn take(fed: &mut Fed, words: &mut Words, cell: &Cell<'_>, meaning: &Meaning, place: Place) {
    match cell {
        Cell::Float(number) => fed.each(place, |it| it.number(*number)),
        Cell::Missing => fed.each(place, drift::ColumnBuilder::missing),
        Cell::Flag(flag) => fed.each(place, |it| it.text(if *flag { "true" } else { "false" })),
        Cell::Integer(integer) => {
            let number = match time(cell, meaning) {
                Some((Some(millis), _)) => millis as f64,
                _ => number_of(*integer, meaning),
            };
            let is_inexact = integer.unsigned_abs() > LARGEST_EXACT && fed.kind == Kind::Number;
            fed.each(place, |it| {
                it.number(number);
                if is_inexact {
                    it.inexact();
                }
            });
        }
        Cell::Bytes(bytes) => match meaning {
            Meaning::Decimal(scale) => {
                let number = big_endian(bytes.as_bytes()) / 10f64.powi(*scale);
                fed.each(place, |it| it.number(number));
            }
            Meaning::Half => {
                let number = half(bytes.as_bytes());
                fed.each(place, |it| it.number(number));
            }
            _ if place == Place::default() => words.count(bytes, fed),
            _ => {
                let word = String::from_utf8_lossy(bytes.as_bytes());
                fed.each(place, |it| it.text(&word));
            }
        },
    }
}

fn number_of(integer: i64, meaning: &Meaning) -> f64 {
    match meaning {
        Meaning::Decimal(scale) => integer as f64 / 10f64.powi(*scale),
        Meaning::Unsigned(bits) => (integer as u64 & bits) as f64,
        Meaning::Number | Meaning::Half | Meaning::Date | Meaning::Instant { .. } => integer as f64,
    }
}

/// Milliseconds of a cell that is an instant, or the number of one that may be.
#[inline]
fn time(cell: &Cell<'_>, meaning: &Meaning) -> Option<(Option<i64>, Option<f64>)> {
    match (cell, meaning) {
        (Cell::Integer(days), Meaning::Date) => Some((Some((*days as f64 * MILLIS_PER_DAY) as i64), None)),
        (Cell::Integer(units), Meaning::Instant { units_per_second, .. }) => {
            let millis = i128::from(*units) * 1_000 / i128::from((*units_per_second).max(1));
            Some((i64::try_from(millis).ok(), None))
        }
        (Cell::Integer(it), _) => Some((None, Some(*it as f64))),
        (Cell::Float(it), _) if it.is_finite() => Some((None, Some(*it))),
        (Cell::Bytes(it), _) => Some((instants::parse(&String::from_utf8_lossy(it.as_bytes())), None)),
        _ => None,
    }
}

/// A cell as the name of a segment.
fn word(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Missing => None,
        Cell::Integer(it) => Some(it.to_string()),
        Cell::Float(it) => Some(it.to_string()),
        Cell::Flag(it) => Some(it.to_string()),
        Cell::Bytes(it) => Some(String::from_utf8_lossy(it.as_bytes()).into_owned()),
    }
}

/// Counts of the words that came lately, by where they lie: those of a dictionary lie in one place, so that hardly a word
/// is looked at. A word that is held here keeps its place from being used again.
struct Words(Vec<Option<(ByteArray, u64)>>);

impl Default for Words {
    fn default() -> Self {
        Self(vec![None; REMEMBERED])
    }
}

impl Words {
    #[inline]
    fn count(&mut self, word: &ByteArray, fed: &mut Fed) {
        let address = word.as_bytes().as_ptr() as usize;
        let idx = address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - REMEMBERED.trailing_zeros());
        let Some(place) = self.0.get_mut(idx) else { return };
        if let Some((known, count)) = place
            && known.as_bytes().as_ptr() as usize == address
            && known.len() == word.len()
        {
            *count += 1;
            return;
        }
        if let Some((word, count)) = place.replace((word.clone(), 1)) {
            fed.whole.words(&String::from_utf8_lossy(word.as_bytes()), count);
        }
    }

    fn flush(&mut self, fed: &mut Fed) {
        for (word, count) in self.0.iter_mut().filter_map(Option::take) {
            fed.whole.words(&String::from_utf8_lossy(word.as_bytes()), count);
        }
    }
}

/// Now in ISO 8601, for the report.
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
