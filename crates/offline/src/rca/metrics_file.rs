//! How do files of metrics become series with an owner? By layouts that are told apart by their headings.
//!
//! Wide: a time and a column per series (`carts_cpu`). Three headings: service, metric and statistic above each column
//! (PetShop). Long: time, service, metric and value in each row (RootCauseBench). Rows of a pod: a time, a column with
//! the pod's name and a column per metric (Nezha). JSON: an object with a list of pairs of time and value per series.
//! Counters that only grow become rates (`counters`).

use std::collections::BTreeMap;
use std::path::Path;

use diagnose::case::{Column as Owner, Metric, columns};
use serde_json::Value;

use super::counters::{is_counter, to_rates};
use super::{json_lines, names};
use crate::bad_input::{BadInput, quoted};
use crate::input::Input;
use crate::instants;
use crate::table::{Column, Table, number};

/// Headings of columns that hold the time, the best first; compared by their letters and digits, in small letters.
const TIMES: &[&str] =
    &["timestamp", "unixtimestamp", "time", "ts", "datetime", "date", "timeunixnano", "microservice"];
/// Headings of columns that hold the owner of a row.
const OWNERS: &[&str] = &[
    "service",
    "servicename",
    "cmdbid",
    "podname",
    "pod",
    "container",
    "containername",
    "node",
    "host",
    "hostname",
    "instance",
    "tc",
];
/// Headings of a long file's metric and value.
const METRICS: &[&str] = &["metric", "metricname", "name", "indicator", "kpiname", "kpi"];
const VALUES: &[&str] = &["value", "val"];
/// Files of series that were made of spans and lines, and what stands in their columns behind the service.
const DERIVED: [(&str, &str); 3] = [("tracets_lat", "latency"), ("tracets_err", "errors"), ("logts", "log lines")];
/// How many rows under PetShop's first heading belong to the heading.
const N_MORE_HEADINGS: usize = 3;

/// The series of a file of any layout.
///
/// # Errors
/// As [`read`], or if it is JSON of another shape.
pub fn open(path: &Path) -> Result<Vec<Metric>, BadInput> {
    let is_json = path.to_string_lossy().trim_end_matches(".gz").ends_with(".json");
    if !is_json {
        return read(&Table::read(path)?);
    }
    let (file, bytes) = Input::open(path)?.read_all()?;
    of_json(&file, &bytes)
}

/// `{"carts_cpu": [[1700000000, 0.5], ..], ..}`.
fn of_json(file: &str, bytes: &[u8]) -> Result<Vec<Metric>, BadInput> {
    let advice = "give an object with a list of pairs [time, value] per series, {\"carts_cpu\": [[1700000000, 0.5]]}";
    let wrong = |found: String| BadInput::of_file(file, found, advice);
    let records = json_lines::read(file, bytes)?;
    let [(_, Value::Object(series))] = records.as_slice() else {
        return Err(wrong("it is no object of series".to_owned()));
    };
    let names: Vec<&str> = series.keys().map(String::as_str).collect();
    let mut metrics = vec![];
    for (owner, (name, pairs)) in columns(&names).into_iter().zip(series) {
        let pair = |it: &Value| Some((it.get(0)?.as_f64()?, it.get(1)?.as_f64().unwrap_or(f64::NAN)));
        let pairs: Option<Vec<(f64, f64)>> = pairs.as_array().and_then(|it| it.iter().map(pair).collect());
        let pairs = pairs.ok_or_else(|| wrong(format!("{} is no list of pairs", quoted(name))))?;
        let (times, values): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let unit = if times.is_empty() { 1.0 } else { instants::millis_per_unit(&times) };
        let times: Vec<i64> = times.iter().map(|it| (it * unit) as i64).collect();
        metrics.push(metric(&names::service(&owner.service), &owner.indicator, &times, values));
    }
    Ok(metrics)
}

/// The series of a file, with their times.
///
/// # Errors
/// If there is no column with times, or a cell holds what it cannot.
pub fn read(table: &Table) -> Result<Vec<Metric>, BadInput> {
    let names: Vec<String> = table.columns.iter().map(|it| bare(&it.name)).collect();
    let find = |known: &[&str]| known.iter().find_map(|it| names.iter().position(|name| name == it));
    if names.first().is_some_and(|it| it == "microservice") {
        return headed(table);
    }
    let owner = find(OWNERS);
    let skipped = 0;
    if let (Some(owner), Some(metric), Some(value)) = (owner, find(METRICS), find(VALUES)) {
        let times = times(table, time_column(table, &names)?, skipped)?;
        return long(table, &times, owner, metric, value);
    }
    let time = time_column(table, &names)?;
    let times = times(table, time, skipped)?;
    match owner {
        Some(owner) => by_owner(table, &times, time, owner),
        None => wide(table, &times, time),
    }
}

/// A heading without what spellings differ in: `ServiceName`, `service_name` and `service.name` are one.
fn bare(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
}

/// The best column of times: by name, or the first one. Nezha's `Time` is written in a way of its own, but there is a
/// number beside it.
fn time_column(table: &Table, names: &[String]) -> Result<usize, BadInput> {
    let named = TIMES.iter().filter_map(|it| names.iter().position(|name| name == it));
    let is_time = |column: &usize| {
        let cell = table.cell(0, *column);
        number(&cell).is_some_and(f64::is_finite) || instants::parse(&cell).is_some()
    };
    named.chain([0]).find(is_time).ok_or_else(|| {
        let advice = "name the column with the time \"time\" or \"timestamp\"";
        BadInput::of_file(&table.file, "no column holds times", advice)
    })
}

fn times(table: &Table, column: usize, skipped: usize) -> Result<Vec<i64>, BadInput> {
    let rows = skipped..table.n_rows();
    // What the first cell is, all are.
    if number(&table.cell(skipped, column)).is_some() {
        let numbers: Vec<f64> = rows.map(|row| moment(table, row, column)).collect::<Result<_, _>>()?;
        let unit = instants::millis_per_unit(&numbers);
        let bad = numbers.iter().position(|it| !it.is_finite());
        return match bad {
            Some(row) => Err(table.bad_cell(row + skipped, column, "the time is missing".to_owned(), "fill it in")),
            None => Ok(numbers.iter().map(|it| (it * unit) as i64).collect()),
        };
    }
    rows.map(|row| instants::parse(&table.cell(row, column)).ok_or_else(|| no_time(table, row, column))).collect()
}

fn moment(table: &Table, row: usize, column: usize) -> Result<f64, BadInput> {
    number(&table.cell(row, column)).ok_or_else(|| no_time(table, row, column))
}

fn no_time(table: &Table, row: usize, column: usize) -> BadInput {
    let found = format!("found {} where a time is expected", quoted(&table.cell(row, column)));
    table.bad_cell(row, column, found, "write it as 2024-05-01T00:30:00Z or as a number since 1970")
}

/// A column of numbers; `None` if it holds text throughout.
fn numbers(table: &Table, column: usize, skipped: usize) -> Result<Option<Vec<f64>>, BadInput> {
    let mut values = Vec::with_capacity(table.n_rows());
    let mut bad = None;
    let mut n_numbers = 0;
    for row in skipped..table.n_rows() {
        let cell = table.cell(row, column);
        match number(&cell) {
            Some(value) => {
                n_numbers += usize::from(value.is_finite());
                values.push(value);
            }
            None => bad = bad.or(Some((row, cell.into_owned()))),
        }
    }
    match bad {
        None => Ok(Some(values)),
        Some(_) if n_numbers == 0 => Ok(None),
        Some((row, cell)) => {
            let found = format!("found {} where a number is expected", quoted(&cell));
            Err(table.bad_cell(row, column, found, "correct it, or leave the cell empty if the value is missing"))
        }
    }
}

/// In order of time if the rows are not; rows of the same time stay as they are.
fn metric(service: &str, indicator: &str, times: &[i64], values: Vec<f64>) -> Metric {
    let (service, indicator) = (service.to_owned(), indicator.to_owned());
    let (times, mut values) = if times.is_sorted() {
        (times.to_vec(), values)
    } else {
        let mut points: Vec<(i64, f64)> = times.iter().copied().zip(values).collect();
        points.sort_by_key(|it| it.0);
        points.into_iter().unzip()
    };
    if is_counter(&indicator, &values) {
        to_rates(&times, &mut values);
    }
    Metric { service, indicator, times, values, ..Metric::default() }
}

fn wide(table: &Table, times: &[i64], time: usize) -> Result<Vec<Metric>, BadInput> {
    let is_series = |(idx, it): &(usize, &Column)| *idx != time && !is_index(&it.name, *idx);
    let series: Vec<(usize, &Column)> = table.columns.iter().enumerate().filter(is_series).collect();
    let names: Vec<&str> = series.iter().map(|it| it.1.name.as_str()).collect();
    let derived = DERIVED.iter().find(|it| table.file.contains(it.0)).map(|it| it.1);
    let owners = match derived {
        Some(what) => names.iter().map(|it| of_derived(it, what)).collect(),
        None => columns(&names),
    };
    let has_owners = owners.iter().filter(|it| !it.service.is_empty()).count() * 2 >= owners.len();
    let mut metrics = vec![];
    for ((idx, it), owner) in series.into_iter().zip(owners) {
        let Some(values) = numbers(table, idx, 0)? else { continue };
        // Where names tell no owner at all, each series is a suspect of its own.
        let service = if has_owners { names::service(&owner.service) } else { it.name.trim().to_owned() };
        metrics.push(metric(&service, &owner.indicator, times, values));
    }
    Ok(metrics)
}

/// `carts_GET /items` in a file of latencies of spans.
fn of_derived(name: &str, what: &str) -> Owner {
    let (service, rest) = name.split_once('_').unwrap_or((name, ""));
    Owner { service: service.to_owned(), indicator: format!("{what} {rest}").trim().to_owned() }
}

/// Data frames write their index without a name, or as a second time.
fn is_index(name: &str, idx: usize) -> bool {
    let lower = name.to_ascii_lowercase();
    // A second column of a name gets a number: `time.1`.
    let bare = bare(lower.trim_end_matches(|it: char| it.is_ascii_digit()));
    lower == format!("column {}", idx + 1) || lower.starts_with("unnamed") || TIMES.contains(&bare.as_str())
}

fn headed(table: &Table) -> Result<Vec<Metric>, BadInput> {
    if table.n_rows() <= N_MORE_HEADINGS {
        return Err(BadInput::of_file(&table.file, "it has headings but no rows", "give at least one row"));
    }
    let times = times(table, 0, N_MORE_HEADINGS)?;
    let mut metrics = vec![];
    for (idx, it) in table.columns.iter().enumerate().skip(1) {
        let indicator = format!("{}/{}", table.cell(0, idx), table.cell(1, idx));
        if let Some(values) = numbers(table, idx, N_MORE_HEADINGS)? {
            metrics.push(metric(&it.name, &indicator, &times, values));
        }
    }
    Ok(metrics)
}

fn long(table: &Table, times: &[i64], owner: usize, name: usize, value: usize) -> Result<Vec<Metric>, BadInput> {
    let values = table.numbers(value)?;
    let mut grouped: BTreeMap<(String, String), (Vec<i64>, Vec<f64>)> = BTreeMap::new();
    for ((row, time), value) in times.iter().enumerate().zip(values) {
        let key = (names::service(&table.cell(row, owner)), table.cell(row, name).into_owned());
        let (times, values) = grouped.entry(key).or_default();
        times.push(*time);
        values.push(value);
    }
    let made = |((service, indicator), (times, values)): ((String, String), (Vec<i64>, Vec<f64>))| {
        let (times, values) = at_once(times, values);
        metric(&service, &indicator, &times, values)
    };
    Ok(grouped.into_iter().map(made).collect())
}

fn by_owner(table: &Table, times: &[i64], time: usize, owner: usize) -> Result<Vec<Metric>, BadInput> {
    let mut rows_of: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in 0..table.n_rows() {
        rows_of.entry(names::service(&table.cell(row, owner))).or_default().push(row);
    }
    let mut metrics = vec![];
    for (idx, it) in table.columns.iter().enumerate().filter(|(idx, _)| *idx != time && *idx != owner) {
        if is_index(&it.name, idx) {
            continue;
        }
        let Some(values) = numbers(table, idx, 0)? else { continue };
        for (service, rows) in &rows_of {
            let times: Vec<i64> = rows.iter().filter_map(|row| times.get(*row).copied()).collect();
            let values = rows.iter().filter_map(|row| values.get(*row).copied()).collect();
            let (times, values) = at_once(times, values);
            metrics.push(metric(service, &it.name, &times, values));
        }
    }
    Ok(metrics)
}

/// Several rows of a time, of pods of one service or of series that more columns tell apart, as their mean.
fn at_once(times: Vec<i64>, values: Vec<f64>) -> (Vec<i64>, Vec<f64>) {
    let is_plain = times.iter().zip(times.iter().skip(1)).all(|(a, b)| a < b);
    if is_plain {
        return (times, values);
    }
    let mut sums: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for (time, value) in times.into_iter().zip(values) {
        let sum = sums.entry(time).or_default();
        if value.is_finite() {
            *sum = (sum.0 + value, sum.1 + 1.0);
        }
    }
    sums.into_iter().map(|(time, (sum, n))| (time, sum / n)).unzip()
}

/// Gives each series the values of the one of the same name in a time without a fault.
pub fn with_normal(metrics: &mut [Metric], normal: Vec<Metric>) {
    let mut usual: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for it in normal {
        usual.insert((it.service, it.indicator), it.values);
    }
    for it in metrics {
        if let Some(values) = usual.remove(&(it.service.clone(), it.indicator.clone())) {
            it.normal = values;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv_file;

    fn read_text(text: &str) -> Result<Vec<Metric>, BadInput> {
        read(&csv_file::parse("m.csv", text.as_bytes())?)
    }

    #[test]
    fn four_layouts_give_the_same_series() {
        let wide = "time,a_cpu,b_mem\n100,1,5\n101,2,\n";
        let headed = "microservice,a,b\nmetric,cpu,mem\nstatistic,Sum,Sum\nunix_timestamp,,\n100,1,5\n101,2,\n";
        let long = "timestamp,service,metric,value\n100,a,cpu,1\n100,b,mem,5\n101,a,cpu,2\n";
        let pods = "Time,TimeStamp,Pod_Name,cpu\nx,100,a-5d8f7c9b4d-x7x2p,1\ny,101,a-5d8f7c9b4d-x7x2p,2\n";
        for text in [wide, headed, long, pods] {
            let metrics = read_text(text).unwrap();
            let first = &metrics[0];
            assert_eq!((first.service.as_str(), &first.indicator[..3]), ("a", "cpu"), "{text}");
            assert_eq!((&first.times[..], &first.values[..]), (&[100_000, 101_000][..], &[1.0, 2.0][..]), "{text}");
        }
        assert!(read_text(wide).unwrap()[1].values[1].is_nan());
    }

    #[test]
    fn a_bad_cell_is_told_with_line_and_column() {
        let message = read_text("time,a_cpu\n100,1\n101,oops\n").unwrap_err().to_string();
        assert!(message.starts_with("m.csv, line 3, column 2 (a_cpu): found \"oops\""), "{message}");
        let message = read_text("time,a_cpu\n100,1\nnoon,2\n").unwrap_err().to_string();
        assert!(message.starts_with("m.csv, line 3, column 1 (time): found \"noon\""), "{message}");
    }

    /// Guarantees: MUST 840 of docs/specs/diagnosis.md.
    #[test]
    fn rows_of_several_pods_of_a_service_are_one_series_and_headings_are_told_by_their_letters() {
        let text = "timestamp,cmdb_id,kpi_name,value\n100,a,cpu,1\n100,a,cpu,3\n101,a,cpu,inf\n101,a,cpu,5\n";
        let metrics = read_text(text).unwrap();
        assert_eq!((metrics.len(), metrics[0].service.as_str()), (1, "a"));
        assert_eq!((&metrics[0].times[..], &metrics[0].values[..]), (&[100_000, 101_000][..], &[2.0, 5.0][..]));
        assert_eq!(read_text("TimeStamp,ServiceName,cpu\n100,web,1\n101,web,2\n").unwrap()[0].service, "web");
    }

    #[test]
    fn rows_out_of_order_are_put_in_order() {
        let metrics = read_text("time,a_cpu\n102,3\n100,1\n101,2\n").unwrap();
        assert_eq!(metrics[0].values, [1.0, 2.0, 3.0]);
    }

    /// Guarantees: MUST 782 of docs/specs/diagnosis.md.
    #[test]
    fn columns_of_others_and_json_are_read() {
        let names = |text: &str, file: &str| -> Vec<(String, String)> {
            let metrics = read(&csv_file::parse(file, text.as_bytes()).unwrap()).unwrap();
            metrics.into_iter().map(|it| (it.service, it.indicator)).collect()
        };
        let own = |it: [(&str, &str); 2]| it.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec();
        let text = "time,time.1,ads_container-cpu-usage-seconds-total,pay_istio-latency-90\n1,1,1,2\n2,2,inf,2\n";
        let expected = own([("ads", "container-cpu-usage-seconds-total"), ("pay", "istio-latency-90")]);
        assert_eq!(names(text, "data.csv"), expected);
        let text = "time,ads_shop.Ads/Get,pay_shop.Pay/Charge\n1,1,2\n2,1,2\n";
        let expected = own([("ads", "latency shop.Ads/Get"), ("pay", "latency shop.Pay/Charge")]);
        assert_eq!(names(text, "tracets_lat.csv"), expected);
        assert_eq!(
            names("time,colour,shape\n1,1,2\n2,1,2\n", "d.csv"),
            own([("colour", "colour"), ("shape", "shape")])
        );
        let json = of_json("m.json", b"{\"ads_cpu\":[[1,5],[2,null]],\"pay_mem\":[[1,7]]}").unwrap();
        assert_eq!((json[0].service.as_str(), json[0].times.as_slice()), ("ads", &[1000, 2000][..]));
        assert!(json[0].values[1].is_nan());
        let message = of_json("m.json", b"{\"ads_cpu\":5}").unwrap_err().to_string();
        assert!(message.starts_with("m.json: \"ads_cpu\" is no list of pairs"), "{message}");
    }
}
