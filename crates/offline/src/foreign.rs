//! Which file was given in place of a table? What its first bytes tell, so that nobody is told that a workbook is not UTF-8.

use crate::bad_input::BadInput;

/// First bytes, what the file is, and what to do.
const FORMATS: [(&[u8], &str, &str); 13] = [
    (b"PARE", "it is Parquet whose footer is encrypted", "decrypt it first"),
    (b"PK\x03\x04", "it is a ZIP archive or an Excel workbook", "unpack it, or save it as CSV or Parquet"),
    (b"\xd0\xcf\x11\xe0", "it is an old Excel workbook", "save it as CSV or Parquet"),
    (b"ARROW1", "it is an Arrow (Feather) file", "save it as Parquet"),
    (b"FEA1", "it is a Feather file", "save it as Parquet"),
    (b"ORC", "it is ORC", "save it as Parquet"),
    (b"Obj\x01", "it is Avro", "save it as Parquet"),
    (b"\x89HDF", "it is HDF5", "save it as CSV or Parquet"),
    (b"\x93NUMPY", "it is an array of NumPy", "save it as CSV or Parquet"),
    (b"SQLite format 3", "it is a SQLite database", "export the table as CSV"),
    (b"BZh", "it is packed with bzip2", "pack it with gzip or zstd, or unpack it"),
    (b"\xfd7zXZ", "it is packed with xz", "pack it with gzip or zstd, or unpack it"),
    (b"\x04\x22\x4d\x18", "it is packed with LZ4", "pack it with gzip or zstd, or unpack it"),
];

/// Begins of JSON, which no heading of CSV has.
const JSON: [&[u8]; 4] = [b"{\"", b"[{", b"[[", b"{ \""];

/// Refuses what is no table of a kind that is read here.
///
/// # Errors
/// If the first bytes of a file are those of another format.
pub fn refuse(file: &str, start: &[u8]) -> Result<(), BadInput> {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    if JSON.iter().any(|it| text.starts_with(it)) {
        return Err(BadInput::of_file(file, "it is JSON", "save it as CSV or Parquet"));
    }
    // A heading may begin as a format does, but then it goes on as text.
    let is_text = |it: &[u8]| {
        std::str::from_utf8(it.get(..64.min(it.len())).unwrap_or_default()).is_ok_and(|it| !it.chars().any(is_binary))
    };
    match FORMATS.iter().find(|it| start.starts_with(it.0)).filter(|_| !is_text(start)) {
        Some((_, found, advice)) => Err(BadInput::of_file(file, *found, *advice)),
        None => Ok(()),
    }
}

fn is_binary(it: char) -> bool {
    it.is_control() && !it.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: MUST 886 of docs/specs/drift-report.md.
    #[test]
    fn other_formats_are_told_by_their_name() {
        let told = |start: &[u8]| refuse("f", start).err().map_or_else(String::new, |it| it.to_string());
        assert_eq!(told(b"PARE\x15\x04"), "f: it is Parquet whose footer is encrypted; decrypt it first");
        assert_eq!(told(b"ORC\x00\x01"), "f: it is ORC; save it as Parquet");
        assert_eq!(told(b"\n [{\"a\": 1}]"), "f: it is JSON; save it as CSV or Parquet");
        assert_eq!(told(b"{\"a\": 1}\n{\"a\": 2}\n"), "f: it is JSON; save it as CSV or Parquet");
        for table in [&b"PAR1"[..], b"a,b\n1,2\n", b"ORCHID,b\n", b"", b"Order;x\n", b"[a],b\n"] {
            assert_eq!(told(table), "", "{table:?}");
        }
    }
}
