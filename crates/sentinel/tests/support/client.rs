//! How does a test send exactly the bytes it means, also bad ones? A small HTTP/1.1 client over a plain socket.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long a request may take before the test fails; generous because the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(120);

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Bytes after the headers, without transfer coding.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.status, self.text()))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }
}

/// Text as a part of an address or a form.
pub fn encoded(text: &str) -> String {
    let byte = |it: u8| if it.is_ascii_alphanumeric() { char::from(it).to_string() } else { format!("%{it:02X}") };
    text.bytes().map(byte).collect()
}

/// Sends a request and reads the whole answer. The connection is used once.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    head.push_str(&format!("content-length: {}\r\n", body.len()));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut writer = stream.try_clone()?;
    let mut bytes = Vec::new();
    std::thread::scope(|scope| {
        // A server may refuse a large body before it has read it: the answer is read while the body is still sent,
        // and a broken pipe is then no failure of the request.
        scope.spawn(move || writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(body)));
        read_answer(&mut stream, &mut bytes)
    })?;
    parse(&bytes)
}

/// Reads until the answer is whole: not every server closes the connection because it is asked to.
fn read_answer(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    while !is_whole(bytes) {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n_bytes) => bytes.extend_from_slice(&buffer[..n_bytes]),
            // The connection is reset when a body was refused before its end; what was answered is there.
            Err(_) if !bytes.is_empty() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// True if the bytes hold headers and as much body as these announce.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|it| it.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|it| bytes.len() >= end + 4 + it)
}

fn parse(bytes: &[u8]) -> io::Result<Answer> {
    let broken = |what: &str| io::Error::other(format!("{what}: {:?}", String::from_utf8_lossy(bytes)));
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").ok_or_else(|| broken("no end of headers"))?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).ok_or_else(|| broken("no status"))?;
    let pairs = head.lines().skip(1).filter_map(|it| it.split_once(':'));
    let headers: Vec<_> = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let rest = &bytes[end + 4..];
    let is_chunked = headers.iter().any(|it| it.0 == "transfer-encoding" && it.1 == "chunked");
    let body = if is_chunked { unchunked(rest).ok_or_else(|| broken("bad chunks"))? } else { rest.to_vec() };
    Ok(Answer { status, headers, body })
}

fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|it| it == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(end + 2..end + 2 + size)?);
        bytes = bytes.get(end + 2 + size + 2..)?;
    }
}
