//! Where does one side of the comparison come from? CSV, Parquet or a stored profile; columns are asked for by name.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use drift::{Budget, ColumnProfile, Profile, Segments};

use super::csv_source::{self, CsvProfiles};
use super::fed::FedProfile;
use super::parquet_source::ParquetSource;
use crate::bad_input::BadInput;
use crate::foreign;
use crate::input::Input;
use crate::parquet_file::MAGIC;

/// Columns of these names hold times.
const TIMES: [&str; 8] = ["timestamp", "time", "datetime", "date", "ts", "ds", "when", "event_time"];

/// What is wanted of a side.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub budget: Budget,
    /// Columns; all if empty.
    pub columns: Vec<String>,
    pub ignored: Vec<String>,
    pub segment: Option<String>,
    /// Length of a span in milliseconds, and the column with the time.
    pub window: Option<(i64, Option<String>)>,
    /// Columns of CSV hold what pandas takes them for: numbers only if all cells are, times as words, words with their
    /// spaces.
    pub as_pandas: bool,
}

impl Wanted {
    pub fn has(&self, column: &str) -> bool {
        let is_listed = self.columns.is_empty() || self.columns.iter().any(|it| it == column);
        is_listed && !self.ignored.iter().any(|it| it == column)
    }

    /// The column with the time, by its name.
    pub fn time_column(&self, file: &str, names: &[String]) -> Result<String, BadInput> {
        let is_usual = |it: &&String| TIMES.iter().any(|usual| it.eq_ignore_ascii_case(usual));
        let found = names.iter().find(is_usual).cloned();
        found.ok_or_else(|| BadInput::of_file(file, "no column has a usual name of a time", "name it with --timestamp"))
    }
}

/// One side.
pub struct Source {
    pub name: String,
    pub rows: u64,
    pub names: Vec<String>,
    pub duplicates: Option<u64>,
    pub segments: Vec<String>,
    /// Ids of spans in the order of time, with their begins.
    pub spans: Vec<(usize, String)>,
    pub is_profile: bool,
    pub notes: Vec<String>,
    data: Data,
}

enum Data {
    Profiles(Vec<FedProfile>),
    Parquet(Box<ParquetSource>),
}

impl Source {
    /// Opens a file: CSV is read whole here, the columns of Parquet when they are asked for.
    pub fn open(path: &Path, wanted: &Wanted) -> Result<Self, BadInput> {
        let mut input = Input::open(path)?;
        let start = input.bytes.fill_buf().map_err(|error| crate::input::unreadable(&input.name, &error))?;
        if start.starts_with(drift::PROFILE_MAGIC) {
            return Self::of_profile(input);
        }
        if start.starts_with(MAGIC) {
            return Self::of_parquet(path, input, wanted);
        }
        foreign::refuse(&input.name, start)?;
        let name = input.name.clone();
        Ok(Self::of_csv(name, csv_source::read(input, wanted)?))
    }

    fn of_profile(input: Input) -> Result<Self, BadInput> {
        let (name, bytes) = input.read_all()?;
        let profile = Profile::from_bytes(&bytes)
            .map_err(|error| BadInput::of_file(&name, error.to_string(), "make it again with --save-profile"))?;
        let whole = |whole: ColumnProfile| FedProfile { whole, ..FedProfile::default() };
        Ok(Self {
            name: if profile.name.is_empty() { name } else { profile.name },
            rows: profile.rows,
            names: profile.columns.iter().map(|it| it.name.clone()).collect(),
            duplicates: profile.duplicates,
            segments: Vec::new(),
            spans: Vec::new(),
            is_profile: true,
            notes: Vec::new(),
            data: Data::Profiles(profile.columns.into_iter().map(whole).collect()),
        })
    }

    fn of_parquet(path: &Path, input: Input, wanted: &Wanted) -> Result<Self, BadInput> {
        let name = input.name.clone();
        let is_file = path.as_os_str() != "-";
        // A file is read where it lies, column by column; what comes through a pipe has to be held.
        let bytes = if is_file { None } else { Some(Bytes::from(input.read_all()?.1)) };
        let mut parquet = ParquetSource::open(name.clone(), PathBuf::from(path), bytes, wanted)?;
        Ok(Self {
            name,
            rows: parquet.rows,
            names: parquet.names(),
            duplicates: None,
            segments: std::mem::take(&mut parquet.segments.names),
            spans: parquet.spans.as_ref().map(super::groups::Spans::in_order).unwrap_or_default(),
            is_profile: false,
            notes: std::mem::take(&mut parquet.notes),
            data: Data::Parquet(Box::new(parquet)),
        })
    }

    fn of_csv(name: String, csv: CsvProfiles) -> Self {
        let left_out = csv.spans.as_ref().map_or(0, |it| it.left_out);
        let note = (left_out > 0).then(|| format!("{name}: {left_out} rows without a time are in no span"));
        Self {
            name,
            rows: csv.rows,
            names: csv.names,
            duplicates: csv.duplicates,
            segments: csv.segments.names,
            spans: csv.spans.as_ref().map(super::groups::Spans::in_order).unwrap_or_default(),
            is_profile: false,
            notes: note.into_iter().chain(csv.notes).collect(),
            data: Data::Profiles(csv.columns),
        }
    }

    /// The profile of a column. It can be asked for once where it is not read from a file.
    pub fn column(&self, name: &str) -> Result<Option<FedProfile>, BadInput> {
        match &self.data {
            Data::Profiles(all) => Ok(all.iter().find(|it| it.whole.name == name).cloned()),
            Data::Parquet(it) => it.column(name),
        }
    }
}

/// The profile of a file as a reference: all columns but those of `ignored`; and of groups by the columns of `segments`,
/// named `column=value`. A stored profile has no groups.
///
/// # Errors
/// Of a file that cannot be read, with the place in it.
pub fn profile_of(path: &Path, ignored: &[String], segments: &[String]) -> Result<(Profile, Segments), BadInput> {
    let wanted = Wanted { ignored: ignored.to_vec(), ..Wanted::default() };
    let source = Source::open(path, &wanted)?;
    let mut profile = Profile { name: source.name.clone(), rows: source.rows, ..Profile::default() };
    for name in source.names.iter().filter(|it| wanted.has(it)) {
        profile.columns.extend(source.column(name)?.map(|it| it.whole));
    }
    let mut groups = Segments::new();
    for column in segments.iter().filter(|it| !source.is_profile && source.names.contains(it)) {
        groups.extend(groups_of(path, &wanted, column)?);
    }
    Ok((profile, groups))
}

/// Groups of a file by one column. The file is read once for each.
fn groups_of(path: &Path, wanted: &Wanted, column: &str) -> Result<Segments, BadInput> {
    let source = Source::open(path, &Wanted { segment: Some(column.to_owned()), ..wanted.clone() })?;
    // Predictions write a number as 1 and a flag as true, a file may write 1.0 and True.
    let plain = |it: &String| match it.parse::<f64>() {
        Ok(number) => number.to_string(),
        Err(_) => drift::plain_flag(it).map_or_else(|| it.clone(), str::to_owned),
    };
    let names: Vec<String> = source.segments.iter().map(|it| format!("{column}={}", plain(it))).collect();
    let mut groups: Vec<Profile> = names.iter().map(|it| Profile { name: it.clone(), ..Profile::default() }).collect();
    for name in source.names.iter().filter(|it| wanted.has(it)) {
        let parts = source.column(name)?.map(|it| it.segments).unwrap_or_default();
        for (group, part) in groups.iter_mut().zip(parts) {
            group.rows = group.rows.max(part.rows);
            group.columns.push(ColumnProfile { name: name.clone(), ..part });
        }
    }
    Ok(names.into_iter().zip(groups).collect())
}
