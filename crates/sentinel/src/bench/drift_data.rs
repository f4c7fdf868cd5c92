//! Two tables for measurements of `sentinel drift`: three quarters numbers, the rest words, some of them shifted.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

/// Rows of a row group.
const GROUP: usize = 250_000;
/// Different words of a column.
const WORDS: usize = 30;
/// Every third column of the current table is shifted by so many standard deviations.
const SHIFT: f64 = 0.3;

/// Writes a table of so many rows and columns; the same seed gives the same table.
pub(super) fn write(path: &Path, rows: usize, columns: usize, seed: u64, is_shifted: bool) -> anyhow::Result<()> {
    let is_number = |column: usize| column * 4 < columns * 3;
    let field = |column: usize| {
        let name = if is_number(column) { format!("number_{column}") } else { format!("word_{column}") };
        let physical = if is_number(column) { Physical::DOUBLE } else { Physical::BYTE_ARRAY };
        let kind = if is_number(column) { ConvertedType::NONE } else { ConvertedType::UTF8 };
        let builder = Type::primitive_type_builder(&name, physical).with_repetition(Repetition::OPTIONAL);
        builder.with_converted_type(kind).build().map(Arc::new)
    };
    let fields = (0..columns).map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("table").with_fields(fields).build()?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut file = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    let words: Vec<ByteArray> = (0..WORDS).map(|it| ByteArray::from(format!("word-{it}").as_str())).collect();
    let mut random = fastrand::Rng::with_seed(seed);
    for start in (0..rows).step_by(GROUP) {
        let n_rows = GROUP.min(rows - start);
        let levels = vec![1; n_rows];
        let mut group = file.next_row_group()?;
        for column in 0..columns {
            let shift = if is_shifted && column % 3 == 0 { SHIFT } else { 0.0 };
            let Some(mut writer) = group.next_column()? else { break };
            if is_number(column) {
                let values: Vec<f64> = (0..n_rows).map(|_| normal(&mut random) + shift).collect();
                writer.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?;
            } else {
                let values = (0..n_rows).map(|_| word(&words, &mut random, shift));
                writer.typed::<ByteArrayType>().write_batch(&values.collect::<Vec<_>>(), Some(&levels), None)?;
            }
            writer.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(())
}

/// A sum of uniform numbers is nearly normal.
fn normal(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// Frequent words come first, as in life; shifted ones come a little later.
fn word(words: &[ByteArray], random: &mut fastrand::Rng, shift: f64) -> ByteArray {
    let place = random.f64() * random.f64() * (1.0 - shift) + shift * random.f64();
    words.get((place * WORDS as f64) as usize).cloned().unwrap_or_default()
}
