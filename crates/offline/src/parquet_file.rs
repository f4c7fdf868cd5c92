//! How is Parquet read? Flat columns of numbers, texts and times; columns of lists are left out.

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::column::reader::{ColumnReader as Chunk, ColumnReaderImpl};
use parquet::data_type::{AsBytes, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::bad_input::BadInput;
use super::table::{Cells, Column, Table, Values};

/// The first bytes of a Parquet file.
pub const MAGIC: &[u8] = b"PAR1";
/// Larger integers are not exact as numbers of 64 bits and stay text.
const LARGEST_EXACT: u64 = 1 << 53;
const SECONDS_PER_DAY: i64 = 86_400;
const ROWS_PER_BATCH: usize = 8192;

/// Reads a whole file.
///
/// # Errors
/// If it is damaged, packed in a way that is not known, or has no rows or no flat column.
pub fn parse(file: &str, bytes: Vec<u8>) -> Result<Table, BadInput> {
    let bad = |error: ParquetError| {
        let is_packed = error.to_string().contains("Disabled feature");
        let advice = if is_packed {
            "pack it with snappy, zstd or gzip"
        } else {
            "check that the file is whole, and not encrypted"
        };
        BadInput::of_file(file, format!("cannot read it as Parquet: {error}"), advice)
    };
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(bad)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let mut columns = Vec::new();
    let mut n_rows = 0;
    for (idx, descriptor) in schema.columns().iter().enumerate().filter(|it| it.1.max_rep_level() == 0) {
        let mut cells = Gathered::new(descriptor);
        for group in 0..reader.num_row_groups() {
            let chunk = reader.get_row_group(group).and_then(|it| it.get_column_reader(idx)).map_err(bad)?;
            cells.read(chunk, descriptor.max_def_level()).map_err(bad)?;
        }
        let (values, n_cells) = cells.finish(&Meaning::of(descriptor));
        columns.push(Column { name: descriptor.path().string(), values });
        n_rows = if columns.len() == 1 { n_cells } else { n_rows };
        if n_cells != n_rows {
            return Err(BadInput::of_file(file, "its columns differ in length", "check that the file is whole"));
        }
    }
    if n_rows == 0 {
        return Err(BadInput::of_file(file, "it has no rows of flat columns", "give at least one"));
    }
    Ok(Table { file: file.to_owned(), columns, lines: (1..=n_rows as u64).collect(), rows_are: "row" })
}

/// What the stored values of a column stand for.
pub enum Meaning {
    /// A number.
    Number,
    /// A number that has no sign, in these bits of what is stored.
    Unsigned(u64),
    /// A number of 16 bits with a fraction.
    Half,
    /// The number times 10 to minus this.
    Decimal(i32),
    /// Days since 1970.
    Date,
    /// So many units a second since 1970, in UTC or on a clock that is not told.
    Instant {
        /// Units of a second.
        units_per_second: i64,
        /// Whether it is UTC.
        is_utc: bool,
    },
}

impl Meaning {
    /// What a column says of itself.
    pub fn of(column: &ColumnDescriptor) -> Self {
        match column.logical_type_ref() {
            Some(LogicalType::Timestamp(it)) => {
                Self::Instant { units_per_second: units_per_second(&it.unit), is_utc: it.is_adjusted_to_u_t_c }
            }
            Some(LogicalType::Date) => Self::Date,
            Some(LogicalType::Decimal(it)) => Self::Decimal(it.scale),
            Some(LogicalType::Integer(it)) if !it.is_signed => Self::unsigned(column),
            Some(LogicalType::Float16) => Self::Half,
            Some(_) => Self::Number,
            None => Self::of_old_writer(column),
        }
    }

    /// What is stored in 32 bits is read with a sign, which must not become 32 further bits.
    fn unsigned(column: &ColumnDescriptor) -> Self {
        Self::Unsigned(if column.physical_type() == Physical::INT32 { u64::from(u32::MAX) } else { u64::MAX })
    }

    fn of_old_writer(column: &ColumnDescriptor) -> Self {
        match column.converted_type() {
            ConvertedType::TIMESTAMP_MILLIS => Self::Instant { units_per_second: 1_000, is_utc: true },
            ConvertedType::TIMESTAMP_MICROS => Self::Instant { units_per_second: 1_000_000, is_utc: true },
            ConvertedType::DATE => Self::Date,
            ConvertedType::DECIMAL => Self::Decimal(column.type_scale()),
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
                Self::unsigned(column)
            }
            // The times of Hive and Impala, which are read as nanoseconds.
            _ if column.physical_type() == Physical::INT96 => {
                Self::Instant { units_per_second: 1_000_000_000, is_utc: true }
            }
            _ => Self::Number,
        }
    }
}

fn units_per_second(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    }
}

/// The cells of a column, over all row groups, as they are stored.
enum Gathered {
    Integers(Vec<Option<i64>>),
    Floats(Vec<f64>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Gathered {
    fn new(column: &ColumnDescriptor) -> Self {
        match column.physical_type() {
            Physical::BOOLEAN | Physical::INT32 | Physical::INT64 | Physical::INT96 => Self::Integers(Vec::new()),
            Physical::FLOAT | Physical::DOUBLE => Self::Floats(Vec::new()),
            Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY => Self::Bytes(Vec::new()),
        }
    }

    fn read(&mut self, chunk: Chunk, max_level: i16) -> Result<(), ParquetError> {
        match (self, chunk) {
            (Self::Integers(all), Chunk::BoolColumnReader(it)) => each(it, max_level, |it| all.push(it.map(i64::from))),
            (Self::Integers(all), Chunk::Int32ColumnReader(it)) => {
                each(it, max_level, |it| all.push(it.map(i64::from)))
            }
            (Self::Integers(all), Chunk::Int64ColumnReader(it)) => each(it, max_level, |it| all.push(it)),
            (Self::Integers(all), Chunk::Int96ColumnReader(it)) => {
                each(it, max_level, |it| all.push(it.map(|it| it.to_nanos())))
            }
            (Self::Floats(all), Chunk::FloatColumnReader(it)) => {
                each(it, max_level, |it| all.push(it.map_or(f64::NAN, f64::from)))
            }
            (Self::Floats(all), Chunk::DoubleColumnReader(it)) => {
                each(it, max_level, |it| all.push(it.unwrap_or(f64::NAN)))
            }
            (Self::Bytes(all), Chunk::ByteArrayColumnReader(it)) => {
                each(it, max_level, |it| all.push(it.map(|it| it.as_bytes().to_vec())))
            }
            (Self::Bytes(all), Chunk::FixedLenByteArrayColumnReader(it)) => {
                each(it, max_level, |it| all.push(it.map(|it| it.as_bytes().to_vec())))
            }
            _ => Err(ParquetError::General("a column has another type than the schema says".to_owned())),
        }
    }

    /// The column and the number of its cells.
    fn finish(self, meaning: &Meaning) -> (Values, usize) {
        match self {
            Self::Integers(all) => (integers(&all, meaning), all.len()),
            Self::Bytes(all) => (texts(&all, meaning), all.len()),
            Self::Floats(all) => {
                let n_cells = all.len();
                (Values::Numbers(all), n_cells)
            }
        }
    }
}

/// Hands each cell of a chunk to `take`, `None` where it is missing.
fn each<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    max_level: i16,
    mut take: impl FnMut(Option<T::T>),
) -> Result<(), ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    loop {
        let (n_rows, _, _) = reader.read_records(ROWS_PER_BATCH, Some(&mut levels), None, &mut values)?;
        if n_rows == 0 {
            return Ok(());
        }
        let mut present = values.drain(..);
        if max_level == 0 {
            present.by_ref().for_each(|it| take(Some(it)));
        } else {
            levels.drain(..).for_each(|level| take(if level == max_level { present.next() } else { None }));
        }
    }
}

fn integers(all: &[Option<i64>], meaning: &Meaning) -> Values {
    let number = |of: &dyn Fn(i64) -> f64| Values::Numbers(all.iter().map(|it| it.map_or(f64::NAN, of)).collect());
    let text = |of: &dyn Fn(i64) -> Option<String>| {
        let mut cells = Cells::default();
        all.iter().for_each(|it| cells.push(&it.and_then(of).unwrap_or_default()));
        Values::Text(cells)
    };
    match meaning {
        Meaning::Date => text(&|it| instant(it.checked_mul(SECONDS_PER_DAY)?, 1, false)?.get(..10).map(str::to_owned)),
        Meaning::Instant { units_per_second, is_utc } => text(&|it| instant(it, *units_per_second, *is_utc)),
        Meaning::Decimal(scale) => number(&|it| it as f64 / 10f64.powi(*scale)),
        Meaning::Unsigned(bits) => number(&|it| (it as u64 & bits) as f64),
        Meaning::Half => number(&|it| it as f64),
        Meaning::Number if all.iter().flatten().any(|it| it.unsigned_abs() > LARGEST_EXACT) => {
            text(&|it| Some(it.to_string()))
        }
        Meaning::Number => number(&|it| it as f64),
    }
}

/// ISO 8601, with a `Z` only if the file says that it is UTC.
fn instant(units: i64, units_per_second: i64, is_utc: bool) -> Option<String> {
    let nanos = i128::from(units) * i128::from(1_000_000_000 / units_per_second);
    let instant = Timestamp::from_nanosecond(nanos).ok()?;
    Some(if is_utc { instant.to_string() } else { TimeZone::UTC.to_datetime(instant).to_string() })
}

fn texts(all: &[Option<Vec<u8>>], meaning: &Meaning) -> Values {
    if let Meaning::Decimal(scale) = meaning {
        let number = |it: &Option<Vec<u8>>| it.as_ref().map_or(f64::NAN, |it| big_endian(it) / 10f64.powi(*scale));
        return Values::Numbers(all.iter().map(number).collect());
    }
    if let Meaning::Half = meaning {
        return Values::Numbers(all.iter().map(|it| it.as_deref().map_or(f64::NAN, half)).collect());
    }
    let mut cells = Cells::default();
    all.iter().for_each(|it| cells.push(&String::from_utf8_lossy(it.as_deref().unwrap_or_default())));
    Values::Text(cells)
}

/// A number in two's complement of any length.
pub fn big_endian(bytes: &[u8]) -> f64 {
    let is_negative = bytes.first().is_some_and(|it| *it >= 0x80);
    let sum = bytes.iter().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte));
    if is_negative { sum - 256f64.powi(bytes.len() as i32) } else { sum }
}

/// A number of IEEE 754 in 16 bits, the lower byte first; NaN for bytes of another length.
pub fn half(bytes: &[u8]) -> f64 {
    let Ok(bytes) = bytes.try_into() else { return f64::NAN };
    let bits = u16::from_le_bytes(bytes);
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::data_type::{ByteArrayType, DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    const SCHEMA: &str = "message m {
        REQUIRED INT64 time (TIMESTAMP(MICROS, true));
        OPTIONAL DOUBLE value;
        OPTIONAL BYTE_ARRAY host (STRING);
        REQUIRED INT64 id;
    }";

    /// Two row groups of two rows each, packed with zstd.
    fn file() -> Vec<u8> {
        let properties = WriterProperties::builder()
            .set_compression(parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::default()));
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).unwrap();
        for first in [0, 2] {
            let mut group = file.next_row_group().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let times = [first, first + 1].map(|it| 1_398_904_200_000_000 + it * 60_000_000);
            column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<DoubleType>().write_batch(&[first as f64 + 0.5], Some(&[0, 1]), None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&["web".into()], Some(&[1, 0]), None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&[i64::MAX, first], None, None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        file.into_inner().unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let table = parse("f.parquet", file()).unwrap();
        assert_eq!(
            table.columns.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
            ["time", "value", "host", "id"]
        );
        let row = |row| (0..4).map(|it| table.cell(row, it).into_owned()).collect::<Vec<_>>();
        assert_eq!(row(0), ["2014-05-01T00:30:00Z", "", "web", "9223372036854775807"]);
        assert_eq!(row(3), ["2014-05-01T00:33:00Z", "2.5", "", "2"]);
        let values = table.numbers(1).unwrap();
        assert!(values[0].is_nan() && values[1] == 0.5 && values[2].is_nan() && values[3] == 2.5, "{values:?}");
        let problem = table.numbers(2).unwrap_err().to_string();
        assert!(problem.starts_with("f.parquet, row 1, column 3 (host): found \"web\""), "{problem}");
    }

    #[test]
    fn a_damaged_file_is_told() {
        let whole = file();
        for n_bytes in [4, 20, whole.len() / 2, whole.len() - 1] {
            let problem = parse("f.parquet", whole[..n_bytes].to_vec()).unwrap_err().to_string();
            assert!(problem.starts_with("f.parquet: cannot read it as Parquet: "), "{problem}");
        }
    }

    #[test]
    fn numbers_of_16_bits_are_read() {
        let of = |bits: u16| half(&bits.to_le_bytes());
        assert_eq!([of(0x3c00), of(0xc000), of(0x3555), of(0x7bff)], [1.0, -2.0, 0.333_251_953_125, 65504.0]);
        assert_eq!([of(0x0001), of(0x8000), of(0x7c00)], [2f64.powi(-24), 0.0, f64::INFINITY]);
        assert!(of(0x7e00).is_nan() && half(&[1]).is_nan());
    }

    #[test]
    fn decimals_are_numbers_of_any_length() {
        assert_eq!(big_endian(&[0x01, 0x00]), 256.0);
        assert_eq!(big_endian(&[0xff, 0xff, 0xfe]), -2.0);
        assert_eq!(big_endian(&[]), 0.0);
    }
}
