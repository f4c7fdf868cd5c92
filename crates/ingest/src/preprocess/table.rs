//! What else is known of a host, a pod or a customer? Rows of a CSV file or of the configuration, by their key.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Rows that are written down in the configuration, or in a CSV file beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// A CSV file whose first line has the names of the columns and whose first column has the keys; read at the start.
    /// Default: none.
    pub file: Option<PathBuf>,
    /// Rows: key, then column and value. Default: none.
    pub rows: BTreeMap<String, BTreeMap<String, String>>,
}

impl TableConfig {
    pub(crate) fn validate(&self) -> Vec<String> {
        match self.load() {
            Ok(_) => vec![],
            Err(problem) => vec![problem],
        }
    }

    /// Reads the file; a problem names line and column.
    pub(crate) fn load(&self) -> Result<Table, String> {
        let mut rows: HashMap<String, Vec<(String, String)>> = HashMap::new();
        if let Some(path) = &self.file {
            let text =
                std::fs::read_to_string(path).map_err(|it| format!("file: cannot read {}: {it}", path.display()))?;
            let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
            let columns = reader.headers().map_err(|it| format!("file: {it}"))?.clone();
            for record in reader.records() {
                let record = record.map_err(|it| format!("file: {it}"))?;
                let pairs =
                    columns.iter().zip(&record).skip(1).map(|(name, value)| (name.to_owned(), value.to_owned()));
                rows.insert(record.get(0).unwrap_or("").to_owned(), pairs.collect());
            }
        }
        for (key, row) in &self.rows {
            rows.insert(key.clone(), row.clone().into_iter().collect());
        }
        Ok(Table { rows })
    }
}

/// Rows by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    rows: HashMap<String, Vec<(String, String)>>,
}

impl Table {
    /// Column and value of the row with this key.
    pub(crate) fn row(&self, key: &str) -> impl Iterator<Item = (&str, &str)> {
        self.rows.get(key).into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
