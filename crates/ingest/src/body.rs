//! How does a body reach a decoder? Read up to a limit, decompressed up to a limit; a bomb is refused, not unpacked.

use std::io::Read;

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::{Config, Error};

/// Snappy's best case is 64 bytes out of a 3-byte copy; a header that promises more is a lie.
const MAX_SNAPPY_EXPANSION: usize = 32;
/// Largest window of zstd, as a power of two: 8 MiB, which RFC 8878 wants every reader to have, and no more.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The media type without parameters, in lower case; "" if there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// The content encoding in lower case; "" if there is none.
pub(crate) fn encoding(headers: &HeaderMap) -> String {
    headers.get(CONTENT_ENCODING).and_then(|it| it.to_str().ok()).unwrap_or("").trim().to_ascii_lowercase()
}

/// A header as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|it| it.to_str().ok())
}

/// Undoes `gzip`, `deflate` or `zstd`; leaves a body without encoding as it is.
pub(crate) fn plain<'a>(body: &'a [u8], encoding: &str, config: &Config) -> Result<std::borrow::Cow<'a, [u8]>, Error> {
    match encoding {
        "" | "identity" => Ok(body.into()),
        // RFC 9110 has two names for it.
        "gzip" | "x-gzip" => inflate(flate2::read::MultiGzDecoder::new(body), config).map(Into::into),
        // By RFC 9110 it is zlib's format, but some senders leave out its header, as Loki wants it.
        "deflate" | "zlib" if is_zlib(body) => inflate(flate2::read::ZlibDecoder::new(body), config).map(Into::into),
        "deflate" => inflate(flate2::read::DeflateDecoder::new(body), config).map(Into::into),
        "zstd" => {
            let malformed = |error: std::io::Error| Error::malformed("compressed body", error);
            let mut decoder = zstd::Decoder::with_buffer(body).map_err(malformed)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(malformed)?;
            inflate(decoder, config).map(Into::into)
        }
        other => Err(Error::Unsupported(format!(
            "Content-Encoding {other:?} is not supported; send gzip, deflate, zstd or none"
        ))),
    }
}

/// Begins as RFC 1950 says: the method 8, and a check number.
fn is_zlib(body: &[u8]) -> bool {
    body.first_chunk().is_some_and(|it| it[0] & 0x0f == 8 && u16::from_be_bytes(*it).is_multiple_of(31))
}

/// Undoes block-format snappy. The announced length is checked before memory is taken.
pub(crate) fn snappy(body: &[u8], config: &Config) -> Result<Vec<u8>, Error> {
    let malformed = |error: snap::Error| Error::malformed("snappy block", error);
    let length = snap::raw::decompress_len(body).map_err(malformed)?;
    if length > config.max_decompressed_bytes {
        return Err(decompressed_too_large(config));
    }
    if length > body.len().saturating_mul(MAX_SNAPPY_EXPANSION) {
        return Err(Error::malformed("snappy block", format!("{} bytes cannot hold {length}", body.len())));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(malformed)
}

fn inflate(decoder: impl Read, config: &Config) -> Result<Vec<u8>, Error> {
    let mut plain = Vec::new();
    let limit = config.max_decompressed_bytes as u64;
    let read = decoder.take(limit.saturating_add(1)).read_to_end(&mut plain);
    read.map_err(|error| Error::malformed("compressed body", error))?;
    if plain.len() > config.max_decompressed_bytes { Err(decompressed_too_large(config)) } else { Ok(plain) }
}

const fn decompressed_too_large(config: &Config) -> Error {
    Error::TooLarge {
        what: "the decompressed body",
        limit_bytes: config.max_decompressed_bytes,
        key: "max_decompressed_bytes",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bombs_are_refused() {
        let config = Config { max_decompressed_bytes: 1000, ..Config::default() };
        let bomb = gzip(&[0; 100_000]);
        let error = plain(&bomb, "gzip", &config).unwrap_err();
        assert!(matches!(error, Error::TooLarge { key: "max_decompressed_bytes", .. }), "{error}");
        // A snappy header that promises 4 GiB, then nothing.
        let error = snappy(&[0xff, 0xff, 0xff, 0xff, 0x0f], &config).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        // 900 bytes promised by five: within the limit, but impossible.
        assert!(snappy(&[0x84, 0x07, 0, 0, 0], &config).unwrap_err().to_string().contains("cannot hold"));
    }

    #[test]
    fn zstd_is_read_within_the_limits() {
        let config = Config { max_decompressed_bytes: 1000, ..Config::default() };
        let compressed = zstd::encode_all(&b"hello"[..], 3).unwrap();
        assert_eq!(&*plain(&compressed, "zstd", &config).unwrap(), b"hello");
        let bomb = zstd::encode_all(&[0; 1_000_000][..], 19).unwrap();
        assert!(matches!(plain(&bomb, "zstd", &config), Err(Error::TooLarge { .. })));
        let error = plain(b"not zstd", "zstd", &config).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        assert!(plain(&compressed[..compressed.len() - 1], "zstd", &config).is_err(), "cut off");
        // A frame that asks for a window of 128 MiB: magic number, descriptor, window descriptor.
        let error = plain(&[0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3, 1, 0, 0], "zstd", &config).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }

    #[test]
    fn plain_gzip_and_deflate_are_read() {
        let config = Config::default();
        assert_eq!(&*plain(b"x", "", &config).unwrap(), b"x");
        assert_eq!(&*plain(&gzip(b"hello"), "gzip", &config).unwrap(), b"hello");
        assert!(plain(b"not gzip", "gzip", &config).is_err());
        assert!(matches!(plain(b"x", "br", &config), Err(Error::Unsupported(_))));
        let mut zlib = flate2::write::ZlibEncoder::new(vec![], flate2::Compression::fast());
        zlib.write_all(b"hello").unwrap();
        let zlib = zlib.finish().unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::fast());
        raw.write_all(b"hello").unwrap();
        for (body, encoding) in [(&zlib, "deflate"), (&zlib, "zlib"), (&raw.finish().unwrap(), "deflate")] {
            assert_eq!(&*plain(body, encoding, &config).unwrap(), b"hello", "{encoding}");
        }
        assert!(plain(b"\xff\xff", "deflate", &config).is_err() && plain(b"", "deflate", &config).is_err());
    }
}
