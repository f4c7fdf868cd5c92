//! `sentinel drift` on Parquet: the same verdicts as on CSV of the same cells, also by sketches; damaged files are told.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{
    ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use crate::support::offline::{Folder, sentinel, stderr, stdout};

const SCHEMA: &str = "message table {
    OPTIONAL DOUBLE amount;
    OPTIONAL BYTE_ARRAY color (STRING);
    REQUIRED INT64 code;
    REQUIRED INT64 when (TIMESTAMP(MILLIS, true));
}";
const COLORS: [&str; 3] = ["red", "green", "blue"];
const MILLIS_PER_HOUR: i64 = 3_600_000;

type Row = (Option<f64>, Option<&'static str>, i64, i64);

fn rows(n: i64, seed: u64, shift: f64) -> Vec<Row> {
    let mut random = fastrand::Rng::with_seed(seed);
    let row = |idx| {
        let amount = (0..12).map(|_| random.f64()).sum::<f64>() + shift;
        let color = COLORS[random.usize(0..3)];
        let code = random.i64(0..5);
        let has = |share: f64, random: &mut fastrand::Rng| random.f64() > share;
        let (amount, color) = (has(0.1, &mut random).then_some(amount), has(0.05, &mut random).then_some(color));
        (amount, color, code, 1_767_225_600_000 + idx * MILLIS_PER_HOUR)
    };
    (0..n).map(row).collect()
}

fn csv(rows: &[Row]) -> Vec<u8> {
    let mut text = "amount,color,code,when\n".to_owned();
    for (amount, color, code, when) in rows {
        let amount = amount.map_or(String::new(), |it| it.to_string());
        let when = jiff::Timestamp::from_millisecond(*when).unwrap();
        text += &format!("{amount},{},{code},{when}\n", color.unwrap_or_default());
    }
    text.into_bytes()
}

/// Three row groups, so that a column is put together from several.
fn parquet(rows: &[Row]) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for rows in rows.chunks(rows.len().div_ceil(3)) {
        let mut group = file.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let levels: Vec<i16> = rows.iter().map(|it| i16::from(it.0.is_some())).collect();
        let values: Vec<f64> = rows.iter().filter_map(|it| it.0).collect();
        column.typed::<DoubleType>().write_batch(&values, Some(&levels), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let levels: Vec<i16> = rows.iter().map(|it| i16::from(it.1.is_some())).collect();
        let values: Vec<ByteArray> = rows.iter().filter_map(|it| it.1).map(ByteArray::from).collect();
        column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
        column.close().unwrap();
        for of in [|it: &Row| it.2, |it: &Row| it.3] {
            let mut column = group.next_column().unwrap().unwrap();
            let values: Vec<i64> = rows.iter().map(of).collect();
            column.typed::<Int64Type>().write_batch(&values, None, None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    file.into_inner().unwrap()
}

fn report(folder: &Folder, reference: &str, current: &str, more: &[&str]) -> Value {
    let (reference, current) = (folder.path(reference), folder.path(current));
    let arguments = [&["drift", "--json", "-", "--reference", &reference, "--current", &current], more].concat();
    let output = sentinel(&arguments);
    serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)))
}

/// Both formats say the same of every column.
#[test]
fn parquet_and_csv_of_the_same_cells_say_the_same() {
    let folder = Folder::new("drift-parquet");
    for (name, rows) in [("reference", rows(3_000, 1, 0.0)), ("current", rows(2_000, 2, 0.4))] {
        folder.write(&format!("{name}.csv"), &csv(&rows));
        folder.write(&format!("{name}.parquet"), &parquet(&rows));
    }
    for more in [&[][..], &["--segment", "color", "--window", "7d"], &["--compat", "evidently"]] {
        let of_csv = report(&folder, "reference.csv", "current.csv", more);
        let of_parquet = report(&folder, "reference.parquet", "current.parquet", more);
        // Evidently sees what pandas reads, and times in CSV are words to pandas.
        let is_compared = |it: &&Value| it["name"] != "when" || !more.contains(&"evidently");
        let columns = |it: &Value| -> Vec<Value> {
            it["columns"].as_array().unwrap().iter().filter(is_compared).cloned().collect()
        };
        assert_eq!(columns(&of_csv), columns(&of_parquet), "{more:?}");
        assert_eq!(of_csv["over_time"], of_parquet["over_time"]);
        assert_eq!(of_csv["segments"], of_parquet["segments"]);
        assert_eq!(of_parquet["columns"][0]["name"], "amount");
        assert_eq!(of_parquet["columns"][0]["finding"]["drifted"], true);
    }
    let missing =
        report(&folder, "reference.parquet", "current.parquet", &[])["columns"][0]["current"]["missing"].clone();
    assert!((100..300).contains(&missing.as_u64().unwrap()), "{missing}");
}

/// Numbers without a sign in 32 bits, and numbers of 16 bits with a fraction.
fn narrow(names: [&str; 2], values: &[(u32, u16)]) -> Vec<u8> {
    let schema = format!(
        "message table {{ REQUIRED INT32 {} (INTEGER(32, false)); REQUIRED FIXED_LEN_BYTE_ARRAY (2) {} (FLOAT16); }}",
        names[0], names[1]
    );
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let wide: Vec<i32> = values.iter().map(|it| it.0 as i32).collect();
    column.typed::<Int32Type>().write_batch(&wide, None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let half: Vec<FixedLenByteArray> = values.iter().map(|it| it.1.to_le_bytes().to_vec().into()).collect();
    column.typed::<FixedLenByteArrayType>().write_batch(&half, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    file.into_inner().unwrap()
}

#[test]
fn narrow_numbers_are_what_csv_of_them_says() {
    let folder = Folder::new("drift-narrow");
    // 1, 1.5, 1.75 .. of 16 bits, and numbers around the largest of 32 bits with a sign.
    let values: Vec<(u32, u16)> = (0..600).map(|it| (2_147_483_500 + it, 0x3c00 + 64 * (it % 16) as u16)).collect();
    folder.write("reference.parquet", &narrow(["count", "ratio"], &values));
    let row = |it: &(u32, u16)| format!("{},{}\n", it.0, 1.0 + f64::from(it.1 - 0x3c00) / 1024.0);
    let text = format!("count,ratio\n{}", values.iter().map(row).collect::<String>());
    folder.write("current.csv", text.as_bytes());
    let report = report(&folder, "reference.parquet", "current.csv", &[]);
    assert_eq!(report["verdict"]["compared"], 2, "{report}");
    for column in report["columns"].as_array().unwrap() {
        assert_eq!(column["finding"]["effect"].as_f64(), Some(0.0), "{column}");
        assert_eq!(column["reference"]["moments"], column["current"]["moments"]);
    }
    folder.write("twice.parquet", &narrow(["count", "count"], &values));
    let paths = [folder.path("reference.parquet"), folder.path("twice.parquet")];
    let output = sentinel(&["drift", "--reference", &paths[0], "--current", &paths[1]]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("two columns are called count"), "{}", stderr(&output));
}

/// MUST 484: a report says what was estimated, and the estimate is near.
#[test]
fn sketches_give_nearly_the_same_and_are_named() {
    let folder = Folder::new("drift-sketch");
    folder.write("reference.parquet", &parquet(&rows(6_000, 1, 0.0)));
    folder.write("current.parquet", &parquet(&rows(6_000, 2, 0.3)));
    let exact = report(&folder, "reference.parquet", "current.parquet", &[]);
    let sketch = report(&folder, "reference.parquet", "current.parquet", &["--exact-rows", "1000"]);
    assert_eq!(sketch["reference"]["sketched"], serde_json::json!(["amount", "when"]));
    assert_eq!(exact["reference"]["sketched"], serde_json::json!([]));
    let effect = |of: &Value| of["columns"][0]["finding"]["effect"].as_f64().unwrap();
    assert!((effect(&exact) - effect(&sketch)).abs() < 0.03, "{} {}", effect(&exact), effect(&sketch));
}

#[test]
fn a_damaged_file_is_told_and_nothing_is_written() {
    let folder = Folder::new("drift-torn");
    let whole = parquet(&rows(3_000, 1, 0.0));
    folder.write("reference.parquet", &whole);
    for end in [4, 100, whole.len() / 2, whole.len() - 1] {
        folder.write("torn.parquet", &whole[..end]);
        let json = folder.path("r.json");
        let arguments = [
            "drift",
            "--reference",
            &folder.path("reference.parquet"),
            "--current",
            &folder.path("torn.parquet"),
            "--json",
            &json,
        ];
        let output = sentinel(&arguments);
        assert_eq!(output.status.code(), Some(2), "{end}");
        let error = stderr(&output);
        assert!(error.contains("torn.parquet: cannot read it as Parquet"), "{error}");
        assert!(!folder.names().iter().any(|it| it.contains("r.json")));
    }
    // Damage inside a page, with a whole footer: pages have no checksums, so that it may pass, but never as a panic.
    let mut bent = whole.clone();
    bent[200..2_000].iter_mut().for_each(|it| *it ^= 0x5a);
    folder.write("bent.parquet", &bent);
    let output = sentinel(&[
        "drift",
        "--reference",
        &folder.path("reference.parquet"),
        "--current",
        &folder.path("bent.parquet"),
    ]);
    assert!(
        matches!(output.status.code(), Some(1 | 2)) && !stderr(&output).contains("panicked"),
        "{}",
        stderr(&output)
    );
}
