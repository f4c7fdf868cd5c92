//! What does one file of the full-text index look like? An SQLite database with lines, their streams and an FTS5 table.
//!
//! A file holds lines that arrived in one day, or less if there are many, so that retention removes whole files. Its
//! name is the id of its first line. Lines are inserted in order of id in transactions, so the largest id that a file
//! holds says how far it got: that is the position after a crash, and nothing is lost or doubled.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Row, params};
use signal::{Labels, LogHit, LogId, LogQuery, LogRecord, Matcher, SeriesId, Timestamp};

use super::line::Line;
use super::words::Words;
use crate::{Error, disk};

/// Ending of the files' names.
pub const EXTENSION: &str = "sqlite";

const SCHEMA: &str = "
    BEGIN;
    CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL UNIQUE, labels TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS lines (
        id INTEGER PRIMARY KEY, time INTEGER NOT NULL, stream INTEGER NOT NULL, level INTEGER NOT NULL,
        digest INTEGER NOT NULL, line TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS lines_by_time ON lines (time);
    CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
    CREATE VIRTUAL TABLE IF NOT EXISTS text USING fts5 (
        line, content = 'lines', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 0');
    PRAGMA user_version = 1;
    COMMIT;
";

/// A file that can be searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub path: PathBuf,
    pub first_id: u64,
    /// Days since the epoch on which its lines arrived.
    pub day: i64,
}

/// What a file knows when it is opened.
#[derive(Debug)]
pub struct Content {
    pub partition: Partition,
    /// The largest id; 0 if it is empty.
    pub newest_id: u64,
    /// Digests of its newest lines, oldest first.
    pub digests: Vec<u64>,
}

/// The file that lines are added to; owned by the indexer.
pub struct OpenPartition {
    pub partition: Partition,
    connection: Connection,
    streams: HashMap<SeriesId, i64>,
}

impl Partition {
    /// Reads what the file knows, with the digests of its newest lines.
    pub fn open(path: &Path, first_id: u64, max_digests: usize) -> Result<Content, Error> {
        let open = || -> rusqlite::Result<Content> {
            // With write access, so that SQLite can bring the file in order after a crash.
            let connection = Connection::open(path)?;
            connection.execute_batch(SCHEMA)?;
            let day = connection.query_row("SELECT coalesce(max(value), 0) FROM about", [], |it| it.get(0))?;
            let newest: i64 = connection.query_row("SELECT coalesce(max(id), 0) FROM lines", [], |it| it.get(0))?;
            let mut statement = connection.prepare("SELECT digest FROM lines ORDER BY id DESC LIMIT ?")?;
            let found = statement.query_map([max_digests as i64], |it| it.get::<_, i64>(0))?;
            let mut digests = found.map(|it| it.map(|it| it as u64)).collect::<rusqlite::Result<Vec<_>>>()?;
            digests.reverse();
            let partition = Self { path: path.to_owned(), first_id, day };
            Ok(Content { partition, newest_id: newest as u64, digests })
        };
        open().map_err(Error::sqlite("open a partition of the log index"))
    }

    /// Makes a new file.
    pub fn create(dir: &Path, first_id: u64, day: i64) -> Result<OpenPartition, Error> {
        let path = disk::numbered_path(dir, first_id, EXTENSION);
        OpenPartition::open(Self { path, first_id, day })
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.files().iter().map(|it| disk::size(it)).sum()
    }

    /// Removes it.
    pub fn remove(&self) -> Result<(), Error> {
        self.files().iter().try_for_each(|it| disk::remove(it))
    }

    /// Renames it to `<name>.corrupt`.
    pub fn set_aside(path: &Path) -> Result<PathBuf, Error> {
        let aside = disk::set_aside(path)?;
        for suffix in ["-wal", "-shm"] {
            disk::remove(&disk::with_suffix(path, suffix))?;
        }
        Ok(aside)
    }

    /// Lines that match, best or newest first.
    pub fn search(&self, query: &LogQuery, words: &Words) -> Result<Vec<LogHit>, Error> {
        let search = || -> rusqlite::Result<Vec<LogHit>> {
            let connection = self.reader()?;
            let Some(streams) = matching_streams(&connection, &query.matchers)? else { return Ok(vec![]) };
            let has_words = !words.accept_all();
            let mut statement = connection.prepare(&statement_for(has_words, !streams.is_empty()))?;
            let level = query.min_level.map_or(0, |it| it as i64);
            let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
            let (from, to) = (query.range.from.millis(), query.range.to.millis());
            let rows = statement.query_map(params![words.to_fts5(), from, to, level, streams, limit], |row| {
                let relevance = if has_words { -row.get::<_, f64>(4)? } else { 0.0 };
                Ok(LogHit { id: LogId(row.get::<_, i64>(0)? as u64), record: record_of(row)?, relevance })
            })?;
            rows.collect()
        };
        search().map_err(Error::sqlite("search the log index"))
    }

    /// One line.
    pub fn line(&self, id: LogId) -> Result<Option<LogRecord>, Error> {
        let line = || -> rusqlite::Result<Option<LogRecord>> {
            let connection = self.reader()?;
            let mut statement = connection.prepare(
                "SELECT lines.id, time, labels, line FROM lines JOIN streams ON streams.id = stream WHERE lines.id = ?",
            )?;
            let mut rows = statement.query_map([id.0 as i64], record_of)?;
            rows.next().transpose()
        };
        line().map_err(Error::sqlite("read a log line"))
    }

    /// The newest time of its lines.
    pub fn newest_time(&self) -> Result<Option<Timestamp>, Error> {
        let newest = || -> rusqlite::Result<Option<i64>> {
            self.reader()?.query_row("SELECT max(time) FROM lines", [], |it| it.get(0))
        };
        Ok(newest().map_err(Error::sqlite("read a partition of the log index"))?.map(Timestamp::from_millis))
    }

    fn files(&self) -> [PathBuf; 3] {
        ["", "-wal", "-shm"].map(|it| disk::with_suffix(&self.path, it))
    }

    fn reader(&self) -> rusqlite::Result<Connection> {
        Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
    }
}

impl OpenPartition {
    /// Opens a file for adding lines.
    pub fn open(partition: Partition) -> Result<Self, Error> {
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&partition.path)?;
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
            connection.execute_batch(SCHEMA)?;
            connection.execute("INSERT OR REPLACE INTO about VALUES ('day', ?)", [partition.day])?;
            Ok(connection)
        };
        let connection = open().map_err(Error::sqlite("open a partition of the log index"))?;
        Ok(Self { partition, connection, streams: HashMap::new() })
    }

    /// Adds lines in one transaction; durable when it returns.
    pub fn insert<'a>(&mut self, lines: impl Iterator<Item = &'a Line>) -> Result<(), Error> {
        let insert = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            {
                let mut insert_line = transaction.prepare("INSERT OR IGNORE INTO lines VALUES (?, ?, ?, ?, ?, ?)")?;
                let mut insert_text = transaction.prepare("INSERT INTO text (rowid, line) VALUES (?, ?)")?;
                for line in lines {
                    let stream = stream_id(&transaction, &mut self.streams, &line.record.labels)?;
                    let (id, time, text) = (line.id as i64, line.record.time.millis(), &line.record.line);
                    let level = line.level as i64;
                    if insert_line.execute(params![id, time, stream, level, line.digest as i64, text])? > 0 {
                        insert_text.execute(params![id, text])?;
                    }
                }
            }
            transaction.commit()
        };
        let result = insert().map_err(Error::sqlite("add lines to the log index"));
        if result.is_err() {
            // Ids of streams that were not committed must not be used again.
            self.streams.clear();
        }
        result
    }
}

fn stream_id(connection: &Connection, streams: &mut HashMap<SeriesId, i64>, labels: &Labels) -> rusqlite::Result<i64> {
    if let Some(id) = streams.get(&labels.id()) {
        return Ok(*id);
    }
    let text = serde_json::to_string(labels).map_err(|it| rusqlite::Error::ToSqlConversionFailure(Box::new(it)))?;
    let hash = labels.id().hash() as i64;
    connection.prepare("INSERT OR IGNORE INTO streams (hash, labels) VALUES (?, ?)")?.execute(params![hash, text])?;
    let id = connection.prepare("SELECT id FROM streams WHERE hash = ?")?.query_row([hash], |it| it.get(0))?;
    streams.insert(labels.id(), id);
    Ok(id)
}

/// A JSON array of the streams that match, "" for all of them, None for none.
fn matching_streams(connection: &Connection, matchers: &[Matcher]) -> rusqlite::Result<Option<String>> {
    if matchers.is_empty() {
        return Ok(Some(String::new()));
    }
    let mut statement = connection.prepare("SELECT id, labels FROM streams")?;
    let mut rows = statement.query([])?;
    let mut found: Vec<i64> = vec![];
    while let Some(row) = rows.next()? {
        let labels = labels_of(row, 1)?;
        if matchers.iter().all(|it| it.matches(&labels)) {
            found.push(row.get(0)?);
        }
    }
    let is_found = !found.is_empty();
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    Ok(is_found.then(|| format!("[{}]", texts.join(","))))
}

/// All values are bound; parameters that a form does not need stay unused in a condition that holds.
fn statement_for(has_words: bool, has_streams: bool) -> String {
    let (columns, tables, words, order) = if has_words {
        (", bm25(text)", "text JOIN lines ON lines.id = text.rowid", "text MATCH ?1", "bm25(text), time DESC")
    } else {
        ("", "lines", "?1 = ''", "time DESC, lines.id DESC")
    };
    let streams = if has_streams { "stream IN (SELECT value FROM json_each(?5))" } else { "?5 = ''" };
    format!(
        "SELECT lines.id, time, labels, lines.line{columns} FROM {tables} JOIN streams ON streams.id = stream \
         WHERE {words} AND time BETWEEN ?2 AND ?3 AND level >= ?4 AND {streams} ORDER BY {order} LIMIT ?6"
    )
}

fn record_of(row: &Row<'_>) -> rusqlite::Result<LogRecord> {
    Ok(LogRecord::new(Timestamp::from_millis(row.get(1)?), labels_of(row, 2)?, row.get::<_, String>(3)?))
}

fn labels_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Labels> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
