//! A server of one kind of answer: reads a request, and writes what it is told to, cut where it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};

use serde_json::Value;

/// What came.
pub struct Request {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

/// What goes.
pub enum Answer {
    /// Status, further headers, content type, and bytes; in pieces of this size if it is streamed.
    Bytes {
        status: u16,
        headers: Vec<(&'static str, String)>,
        content_type: &'static str,
        bytes: Vec<u8>,
        cut: Option<usize>,
    },
    /// The beginning of a stream, then nothing but an open connection.
    Stalled { content_type: &'static str, bytes: Vec<u8> },
    /// The beginning of a stream, then the end of the connection.
    Broken { content_type: &'static str, bytes: Vec<u8> },
    /// Nothing.
    Silence,
}

/// Reads one request; none if the client has gone.
pub fn read(stream: &mut BufReader<impl Read>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|it| *it > 0)?;
    let path = line.split_whitespace().nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let bytes = match headers.get("content-length").map(|it| it.parse().unwrap()) {
        Some(size) => {
            let mut bytes = vec![0; size];
            stream.read_exact(&mut bytes).ok()?;
            bytes
        }
        None if headers.get("transfer-encoding").is_some_and(|it| it == "chunked") => chunks(stream)?,
        None => vec![],
    };
    Some(Request { path, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() })
}

fn chunks(stream: &mut BufReader<impl Read>) -> Option<Vec<u8>> {
    let mut bytes = vec![];
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let mut chunk = vec![0; usize::from_str_radix(line.trim(), 16).ok()? + 2];
        stream.read_exact(&mut chunk).ok()?;
        chunk.truncate(chunk.len() - 2);
        if chunk.is_empty() {
            return Some(bytes);
        }
        bytes.extend(chunk);
    }
}

/// Writes an answer. Clients that have gone are no concern of a server.
pub fn write(stream: &mut (impl Read + Write), answer: Answer) -> std::io::Result<()> {
    match answer {
        Answer::Bytes { status, headers, content_type, bytes, cut: None } => {
            let further: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let size = bytes.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n{further}content-length: {size}\r\n\r\n"
            )?;
            stream.write_all(&bytes)?;
            stream.flush()
        }
        Answer::Bytes { content_type, bytes, cut: Some(cut), .. } => {
            begin(stream, content_type)?;
            bytes.chunks(cut).try_for_each(|it| chunk(stream, it))?;
            stream.write_all(b"0\r\n\r\n")?;
            stream.flush()
        }
        Answer::Stalled { content_type, bytes } => {
            begin(stream, content_type)?;
            chunk(stream, &bytes)?;
            until_gone(stream)
        }
        Answer::Broken { content_type, bytes } => {
            begin(stream, content_type)?;
            chunk(stream, &bytes)
        }
        Answer::Silence => until_gone(stream),
    }
}

fn begin(stream: &mut impl Write, content_type: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n")
}

fn chunk(stream: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    write!(stream, "{:x}\r\n", bytes.len())?;
    stream.write_all(bytes)?;
    stream.write_all(b"\r\n")?;
    stream.flush()
}

fn until_gone(stream: &mut impl Read) -> std::io::Result<()> {
    stream.read(&mut [0]).map(drop)
}
