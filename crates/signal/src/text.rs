//! How are values written that have a text of their own, and how is a text cut? As that text, in JSON as well; and never inside
//! of a character.

/// Serializes a type by `Display` and reads it back by `FromStr`.
macro_rules! as_text {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use as_text;

/// The longest beginning of at most so many bytes that cuts no character.
pub fn shortened(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_cut() {
        let all = [0, 1, 2, 3, 9].map(|it| shortened("a\u{e9}b", it));
        assert_eq!(all, ["", "a", "a", "a\u{e9}", "a\u{e9}b"]);
    }
}
