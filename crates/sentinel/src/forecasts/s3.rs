//! How are models kept in an S3-compatible object store? One object per name, signed requests, whole or not there.
//!
//! Signature: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>. Addresses are path-style,
//! which MinIO, Ceph, Garage and AWS answer.

use std::io;
use std::time::Duration;

use forecast::ObjectStoreConfig;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use sha2::{Digest as _, Sha256};

use crate::forecasts::artifacts::Artifacts;
use crate::forecasts::source::causes;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Tries of one request.
const TRIES: u32 = 3;

/// A bucket, or a part of one.
pub struct ObjectStore {
    client: reqwest::Client,
    runtime: tokio::runtime::Handle,
    endpoint: String,
    host: String,
    /// `/bucket/prefix`, escaped.
    base: String,
    signer: Signer,
}

/// Who signs.
struct Signer {
    access_key: String,
    secret_key: String,
    region: String,
}

impl ObjectStore {
    /// Of `s3://bucket/prefix`; must be called within a runtime. Nothing is asked yet.
    pub fn open(url: &str, config: &ObjectStoreConfig) -> anyhow::Result<Self> {
        let (bucket, prefix) =
            forecast::bucket_of(url).ok_or_else(|| anyhow::anyhow!("{url} is no s3://bucket/prefix"))?;
        let endpoint = config.endpoint.trim_end_matches('/').to_owned();
        let host = endpoint.split_once("://").map_or("", |it| it.1).to_owned();
        // The first to install a provider wins; all of ours are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let (access_key, secret_key) = credentials(config)?;
        let base = if prefix.is_empty() { format!("/{bucket}") } else { format!("/{bucket}/{}", escaped(prefix)) };
        let signer = Signer { access_key, secret_key, region: config.region.clone() };
        Ok(Self { client, runtime: tokio::runtime::Handle::current(), endpoint, host, base, signer })
    }

    /// Status and body of the answer; tried again while the store is away.
    fn ask(&self, method: &Method, name: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let mut pause = Duration::from_millis(200);
        for attempt in 1.. {
            let error = match self.runtime.block_on(self.ask_once(method, name, body)) {
                Ok((status, _)) if status >= 500 || status == 429 => io::Error::other(format!("answered {status}")),
                Ok(answer) => return Ok(answer),
                Err(error) => io::Error::other(causes(&error)),
            };
            if attempt >= TRIES {
                return Err(io::Error::other(format!("{}{}/{name}: {error}", self.endpoint, self.base)));
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        Err(io::Error::other("no try was left"))
    }

    async fn ask_once(&self, method: &Method, name: &str, body: &[u8]) -> reqwest::Result<(u16, Vec<u8>)> {
        let path = format!("{}/{}", self.base, escaped(name));
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let hash = hex(&Sha256::digest(body));
        let headers = [("host", self.host.as_str()), ("x-amz-content-sha256", &hash), ("x-amz-date", &time)];
        let authorization = self.signer.sign(method.as_str(), &path, &headers, &hash, &time);
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.endpoint));
        for (header, value) in headers.iter().filter(|it| it.0 != "host") {
            request = request.header(*header, *value);
        }
        let answer = request.header("authorization", authorization).body(body.to_vec()).send().await?;
        Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
    }

    fn refused(&self, name: &str, status: u16, body: &[u8]) -> io::Error {
        let text: String = String::from_utf8_lossy(body).chars().take(300).collect();
        io::Error::other(format!("{}{}/{name} answered {status}: {text}", self.endpoint, self.base))
    }
}

impl Artifacts for ObjectStore {
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        match self.ask(&Method::PUT, name, bytes)? {
            (200..=299, _) => Ok(()),
            (status, body) => Err(self.refused(name, status, &body)),
        }
    }

    fn get(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match self.ask(&Method::GET, name, b"")? {
            (200, body) => Ok(Some(body)),
            (404, _) => Ok(None),
            (status, body) => Err(self.refused(name, status, &body)),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.ask(&Method::DELETE, name, b"")? {
            (200..=299 | 404, _) => Ok(()),
            (status, body) => Err(self.refused(name, status, &body)),
        }
    }
}

fn credentials(config: &ObjectStoreConfig) -> anyhow::Result<(String, String)> {
    let Some(path) = &config.credentials_file else {
        let variable = |name: &str| {
            std::env::var(name).map_err(|_| {
                anyhow::anyhow!("forecast.object_store: {name} is not set; set it, or name a `credentials_file`")
            })
        };
        return Ok((variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?));
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| anyhow::anyhow!("forecast.object_store.credentials_file: {path}: {error}"))?;
    let mut lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
    match (lines.next(), lines.next()) {
        (Some(access), Some(secret)) => Ok((access.to_owned(), secret.to_owned())),
        _ => anyhow::bail!(
            "forecast.object_store.credentials_file: {path} must have two lines, access key and secret key"
        ),
    }
}

impl Signer {
    /// The value of `Authorization`; headers are in order of name, `time` is as in `x-amz-date`.
    fn sign(&self, method: &str, path: &str, headers: &[(&str, &str)], body_hash: &str, time: &str) -> String {
        let day = time.get(..8).unwrap_or("");
        let names: Vec<&str> = headers.iter().map(|it| it.0).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("{method}\n{path}\n\n{lines}\n{names}\n{body_hash}");
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let mut key = format!("AWS4{}", self.secret_key).into_bytes();
        for part in [day, &self.region, "s3", "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        let signature = hex(&hmac(&key, to_sign.as_bytes()));
        format!("AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}", self.access_key)
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

/// A path with everything escaped that S3 signs escaped.
fn escaped(path: &str) -> String {
    let byte = |it: u8| match it {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => char::from(it).to_string(),
        other => format!("%{other:02X}"),
    };
    path.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification named above, "GET Object".
    #[test]
    fn signatures_are_those_of_the_specification() {
        let signer = Signer {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", hash),
            ("x-amz-date", "20130524T000000Z"),
        ];
        let signed = signer.sign("GET", "/test.txt", &headers, hash, "20130524T000000Z");
        assert!(
            signed.ends_with("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            "{signed}"
        );
    }
}
