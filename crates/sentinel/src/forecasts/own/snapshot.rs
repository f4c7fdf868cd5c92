//! What does a program of the user's own read? One file per metric, as CSV and as Parquet, with the columns `timestamp`
//! (seconds since 1970), `value` and `labels` (JSON).

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use signal::{Labels, Point};

/// The columns of a metric.
#[derive(Default)]
struct Columns {
    times: Vec<f64>,
    values: Vec<f64>,
    labels: Vec<ByteArray>,
}

/// Writes the files into a folder, which is made anew.
pub fn write(folder: &Path, series: &[(Labels, Vec<Point>)]) -> anyhow::Result<()> {
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder)?;
    let mut metrics: BTreeMap<String, Columns> = BTreeMap::new();
    for (labels, points) in series {
        let columns = metrics.entry(forecast::exposed_name(labels.name())).or_default();
        let text = ByteArray::from(serde_json::to_string(&labels.with("__name__", ""))?.into_bytes());
        for it in points {
            columns.times.push(it.time.secs_f64());
            columns.values.push(it.value);
            columns.labels.push(text.clone());
        }
    }
    for (name, columns) in metrics {
        write_csv(&folder.join(format!("{name}.csv")), &columns)?;
        write_parquet(&folder.join(format!("{name}.parquet")), &columns)?;
    }
    Ok(())
}

fn write_csv(path: &Path, columns: &Columns) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(["timestamp", "value", "labels"])?;
    for ((time, value), labels) in columns.times.iter().zip(&columns.values).zip(&columns.labels) {
        writer.write_record([time.to_string().as_bytes(), value.to_string().as_bytes(), labels.data()])?;
    }
    writer.flush()?;
    Ok(())
}

fn write_parquet(path: &Path, columns: &Columns) -> anyhow::Result<()> {
    let column = |name, physical, logical| -> anyhow::Result<Arc<Type>> {
        let builder = Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED);
        Ok(Arc::new(builder.with_logical_type(logical).build()?))
    };
    let fields = vec![
        column("timestamp", Physical::DOUBLE, None)?,
        column("value", Physical::DOUBLE, None)?,
        column("labels", Physical::BYTE_ARRAY, Some(LogicalType::String))?,
    ];
    let schema = Arc::new(Type::group_type_builder("samples").with_fields(fields).build()?);
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut file = SerializedFileWriter::new(File::create(path)?, schema, Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for numbers in [&columns.times, &columns.values] {
        let Some(mut writer) = group.next_column()? else { continue };
        writer.typed::<DoubleType>().write_batch(numbers, None, None)?;
        writer.close()?;
    }
    if let Some(mut writer) = group.next_column()? {
        writer.typed::<ByteArrayType>().write_batch(&columns.labels, None, None)?;
        writer.close()?;
    }
    group.close()?;
    file.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use signal::Timestamp;

    use super::*;

    #[test]
    fn both_forms_hold_the_same_rows() {
        let folder = std::env::temp_dir().join(format!("sentinel-snapshot-{}", std::process::id()));
        let labels = |zone: &str| Labels::new([("__name__", "http:requests"), ("zone", zone)]);
        let points = |value: f64| {
            vec![
                Point { time: Timestamp::from_secs(60), value },
                Point { time: Timestamp::from_secs(75), value: value / 3.0 },
            ]
        };
        write(&folder, &[(labels("a"), points(1.0)), (labels("b"), points(2.0))]).unwrap();
        let name = forecast::exposed_name("http:requests");
        let text = std::fs::read_to_string(folder.join(format!("{name}.csv"))).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!((rows.len(), rows[0], rows[1]), (5, "timestamp,value,labels", r#"60,1,"{""zone"":""a""}""#));
        let file = File::open(folder.join(format!("{name}.parquet"))).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<String> = reader.get_row_iter(None).unwrap().map(|it| it.unwrap().to_string()).collect();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0], r#"{timestamp: 60.0, value: 1.0, labels: "{"zone":"a"}"}"#);
        assert_eq!(rows[3], r#"{timestamp: 75.0, value: 0.6666666666666666, labels: "{"zone":"b"}"}"#);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
