//! How is an estimator written down? As 64-bit words with a version in front, so that every bit comes back.
//!
//! Text would lose NaN and, depending on the reader, the last bit of a number.

/// Why words are not an estimator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordsError {
    /// Written by another release; start fresh.
    Version(u64),
    /// Cut short, too long, or a number that cannot occur; start fresh.
    Damaged,
}

impl std::fmt::Display for WordsError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(formatter, "estimator state of unknown version {version}"),
            Self::Damaged => formatter.write_str("damaged estimator state"),
        }
    }
}

impl std::error::Error for WordsError {}

/// A value that fits a word.
pub(super) trait Word: Sized {
    fn to_word(&self) -> u64;
    fn from_word(word: u64) -> Option<Self>;
}

impl Word for u32 {
    fn to_word(&self) -> u64 {
        u64::from(*self)
    }
    fn from_word(word: u64) -> Option<Self> {
        Self::try_from(word).ok()
    }
}

impl Word for u16 {
    fn to_word(&self) -> u64 {
        u64::from(*self)
    }
    fn from_word(word: u64) -> Option<Self> {
        Self::try_from(word).ok()
    }
}

impl Word for i64 {
    fn to_word(&self) -> u64 {
        self.cast_unsigned()
    }
    fn from_word(word: u64) -> Option<Self> {
        Some(word.cast_signed())
    }
}

impl Word for f32 {
    fn to_word(&self) -> u64 {
        u64::from(self.to_bits())
    }
    fn from_word(word: u64) -> Option<Self> {
        u32::try_from(word).ok().map(Self::from_bits)
    }
}

impl Word for f64 {
    fn to_word(&self) -> u64 {
        self.to_bits()
    }
    fn from_word(word: u64) -> Option<Self> {
        Some(Self::from_bits(word))
    }
}
