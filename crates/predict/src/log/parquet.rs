//! How do predictions become Parquet? Files below `model=NAME/day=YYYY-MM-DD/`, in a folder or in an object store.
//!
//! Columns are `id`, `timestamp`, `model`, `version`, the features, `prediction`, `probability`, `label`,
//! `latency_ms` and `shadow`.
//! A column whose values are numbers is DOUBLE, one of flags is BOOLEAN, everything else is text.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use signal::{FeatureValue, LoggedInference};

use super::follower::Outlet;
use crate::config::ParquetConfig;

/// Rows of a file at most.
pub const MOST_ROWS: usize = 200_000;

/// Keeps whole files under names.
pub trait Files: Send {
    /// Keeps a file, durable when it returns; one of the same name is replaced.
    ///
    /// # Errors
    /// If the place does not take it; it is tried again.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
}

/// Collects rows and writes a file when there are enough, or the first has waited long enough.
pub struct ParquetOutlet {
    config: ParquetConfig,
    files: Box<dyn Files>,
    rows: Vec<LoggedInference>,
    since: Option<Instant>,
}

impl ParquetOutlet {
    /// Writes to these files.
    pub fn new(config: ParquetConfig, files: Box<dyn Files>) -> Self {
        Self { config, files, rows: vec![], since: None }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut parts: BTreeMap<(Arc<str>, String), Vec<&LoggedInference>> = BTreeMap::new();
        for row in &self.rows {
            let day = row.inference.time.to_string().chars().take(10).collect();
            parts.entry((Arc::clone(&row.inference.model), day)).or_default().push(row);
        }
        for ((model, day), rows) in parts {
            let first = rows.first().map_or(0, |it| it.sequence);
            let safe: String = model.chars().map(|it| if is_safe(it) { it } else { '_' }).collect();
            // The name is that of the first row, so that what is written again after a kill replaces itself.
            let name = format!("model={safe}/day={day}/part-{first:020}.parquet");
            self.files.put(&name, &of_rows(&rows)?)?;
        }
        self.rows.clear();
        self.since = None;
        Ok(())
    }
}

impl Outlet for ParquetOutlet {
    fn deliver(&mut self, rows: &[LoggedInference]) -> io::Result<()> {
        if self.rows.len() >= self.config.rows_per_file {
            self.flush()?;
        }
        let is_wanted =
            |it: &&LoggedInference| self.config.model.as_deref().is_none_or(|model| model == &*it.inference.model);
        self.rows.extend(rows.iter().filter(is_wanted).cloned());
        self.since = self.since.or_else(|| Some(Instant::now()));
        Ok(())
    }

    fn idle(&mut self, is_end: bool) -> io::Result<bool> {
        let is_old = self.since.is_some_and(|it| it.elapsed().as_secs() >= self.config.flush_secs);
        if is_end || is_old || self.rows.len() >= self.config.rows_per_file {
            self.flush()?;
        }
        Ok(self.rows.is_empty())
    }
}

fn is_safe(it: char) -> bool {
    it.is_ascii_alphanumeric() || "-_.".contains(it)
}

/// A file of these rows.
///
/// # Errors
/// Of the writer.
pub fn file(rows: &[LoggedInference]) -> io::Result<Vec<u8>> {
    of_rows(&rows.iter().collect::<Vec<_>>())
}

/// The values of a column, in the type that all of them have.
enum Values {
    Numbers(Vec<Option<f64>>),
    Flags(Vec<Option<bool>>),
    Texts(Vec<Option<String>>),
    Times(Vec<i64>),
}

impl Values {
    fn of(values: &[Option<&FeatureValue>]) -> Self {
        let given = || values.iter().filter_map(|it| it.filter(|it| **it != FeatureValue::Missing));
        if given().all(|it| matches!(it, FeatureValue::Flag(_))) && given().next().is_some() {
            let flag =
                |it: &Option<&FeatureValue>| if let Some(FeatureValue::Flag(it)) = it { Some(*it) } else { None };
            return Self::Flags(values.iter().map(flag).collect());
        }
        if given().all(|it| matches!(it, FeatureValue::Number(_))) {
            return Self::Numbers(values.iter().map(|it| it.and_then(FeatureValue::as_number)).collect());
        }
        let text = |it: &Option<&FeatureValue>| it.filter(|it| **it != FeatureValue::Missing).map(ToString::to_string);
        Self::Texts(values.iter().map(text).collect())
    }

    fn schema(&self, name: &str) -> Result<TypePtr, parquet::errors::ParquetError> {
        let (physical, logical, repetition) = match self {
            Self::Numbers(_) => (Physical::DOUBLE, None, Repetition::OPTIONAL),
            Self::Flags(_) => (Physical::BOOLEAN, None, Repetition::OPTIONAL),
            Self::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String), Repetition::OPTIONAL),
            Self::Times(_) => {
                let logical = LogicalType::timestamp(true, TimeUnit::MILLIS);
                (Physical::INT64, Some(logical), Repetition::REQUIRED)
            }
        };
        let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
        Ok(Arc::new(builder.with_logical_type(logical).build()?))
    }

    fn write<W: io::Write + Send>(
        &self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), parquet::errors::ParquetError> {
        let Some(mut column) = group.next_column()? else { return Ok(()) };
        match self {
            Self::Numbers(values) => {
                let (given, levels) = given(values.iter().copied());
                column.typed::<DoubleType>().write_batch(&given, Some(&levels), None)?;
            }
            Self::Flags(values) => {
                let (given, levels) = given(values.iter().copied());
                column.typed::<BoolType>().write_batch(&given, Some(&levels), None)?;
            }
            Self::Texts(values) => {
                let (given, levels) = given(values.iter().map(|it| it.as_deref().map(ByteArray::from)));
                column.typed::<ByteArrayType>().write_batch(&given, Some(&levels), None)?;
            }
            Self::Times(values) => {
                column.typed::<Int64Type>().write_batch(values, None, None)?;
            }
        }
        column.close()
    }
}

/// The values that are there, and for each row whether there is one.
fn given<T>(values: impl Iterator<Item = Option<T>>) -> (Vec<T>, Vec<i16>) {
    let (mut given, mut levels) = (vec![], vec![]);
    for value in values {
        levels.push(i16::from(value.is_some()));
        given.extend(value);
    }
    (given, levels)
}

fn of_rows(rows: &[&LoggedInference]) -> io::Result<Vec<u8>> {
    write(&columns(rows)).map_err(|error| io::Error::other(format!("cannot make a Parquet file: {error}")))
}

fn columns(rows: &[&LoggedInference]) -> Vec<(String, Values)> {
    let texts = |get: &dyn Fn(&LoggedInference) -> &str| {
        Values::Texts(rows.iter().map(|it| Some(get(it).to_owned())).collect())
    };
    let mut columns = vec![
        ("id".to_owned(), texts(&|it| &it.inference.id)),
        ("timestamp".to_owned(), Values::Times(rows.iter().map(|it| it.inference.time.millis()).collect())),
        ("model".to_owned(), texts(&|it| &it.inference.model)),
        ("version".to_owned(), texts(&|it| &it.inference.version)),
    ];
    let own = ["id", "timestamp", "model", "version", "prediction", "probability", "label", "latency_ms", "shadow"];
    for (name, values) in features(rows) {
        // A feature may be called as a column of ours.
        let name = if own.contains(&&*name) { format!("feature_{name}") } else { name.to_string() };
        columns.push((name, Values::of(&values)));
    }
    let predictions: Vec<Option<&FeatureValue>> = rows.iter().map(|it| Some(&it.inference.prediction)).collect();
    let labels: Vec<Option<&FeatureValue>> = rows.iter().map(|it| it.label.as_ref().map(|it| &it.label)).collect();
    columns.push(("prediction".to_owned(), Values::of(&predictions)));
    let probabilities = rows.iter().map(|it| it.inference.probability).collect();
    columns.push(("probability".to_owned(), Values::Numbers(probabilities)));
    columns.push(("label".to_owned(), Values::of(&labels)));
    columns.push((
        "latency_ms".to_owned(),
        Values::Numbers(rows.iter().map(|it| Some(it.inference.latency_ms)).collect()),
    ));
    columns.push(("shadow".to_owned(), Values::Flags(rows.iter().map(|it| Some(it.inference.is_shadow)).collect())));
    columns
}

/// All features of all rows, in the order in which they come; the first of a name counts.
fn features<'a>(rows: &[&'a LoggedInference]) -> Vec<(Arc<str>, Vec<Option<&'a FeatureValue>>)> {
    let mut places: std::collections::HashMap<Arc<str>, usize> = std::collections::HashMap::new();
    let mut columns: Vec<(Arc<str>, Vec<Option<&FeatureValue>>)> = vec![];
    for (idx, row) in rows.iter().enumerate() {
        for (name, value) in &row.inference.features {
            let place = *places.entry(Arc::clone(name)).or_insert_with(|| {
                columns.push((Arc::clone(name), vec![None; rows.len()]));
                columns.len() - 1
            });
            if let Some(cell) = columns.get_mut(place).and_then(|it| it.1.get_mut(idx)) {
                *cell = cell.or(Some(value));
            }
        }
    }
    columns
}

fn write(columns: &[(String, Values)]) -> Result<Vec<u8>, parquet::errors::ParquetError> {
    let fields = columns.iter().map(|(name, values)| values.schema(name)).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("inference").with_fields(fields).build()?);
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties)?;
    let mut group = writer.next_row_group()?;
    columns.iter().try_for_each(|it| it.1.write(&mut group))?;
    group.close()?;
    writer.into_inner()
}
