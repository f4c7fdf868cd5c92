//! Is it the number of a payment card? Digits in the groups of a scheme, with the right check digit.

use std::ops::Range;

use super::{Secret, is_word_byte, run};

/// Four groups of four with a sign between them.
const MOST_BYTES: usize = 19;

/// What stands between groups.
const fn is_gap(byte: u8) -> bool {
    byte == b'-' || byte == b' '
}

/// 15 or 16 digits in groups, of a card scheme, with the right check digit (Luhn, ISO/IEC 7812-1).
pub(super) fn card(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    // One more than the longest: what goes on is none.
    let digits_and_gaps = text.as_bytes().get(idx..)?.iter().take(MOST_BYTES + 1);
    let length = digits_and_gaps.take_while(|it| it.is_ascii_digit() || is_gap(**it)).count();
    if length < 15 {
        return None;
    }
    let end = idx + text.get(idx..idx + length)?.trim_end_matches([' ', '-']).len();
    let is_free_before = !text.get(..idx)?.ends_with(['-', '.', '+', '/', '#', '%']);
    let goes_on = text.as_bytes().get(run(text, end, is_gap)).is_some_and(u8::is_ascii_digit);
    if goes_on || end - idx > MOST_BYTES {
        return None;
    }
    let digits: Vec<u8> = text.get(idx..end)?.bytes().filter(u8::is_ascii_digit).map(|it| it - b'0').collect();
    let groups: Vec<usize> = text.get(idx..end)?.split([' ', '-']).map(str::len).collect();
    let is_grouped = matches!(groups.as_slice(), [4, 4, 4, 4] | [4, 6, 5] | [15] | [16]);
    let is_free_behind = !text.as_bytes().get(end).is_some_and(|it| is_word_byte(*it) || *it == b'.');
    let is_card = is_free_before && is_free_behind && is_grouped && is_scheme(&digits) && luhn(&digits);
    is_card.then_some((idx..end, Secret::Card))
}

fn is_scheme(digits: &[u8]) -> bool {
    let first = digits.iter().take(4).fold(0_u32, |sum, it| sum * 10 + u32::from(*it));
    match digits.len() {
        15 => matches!(first / 100, 34 | 37),
        16 => matches!(first, 4000..=4999 | 5100..=5599 | 2221..=2720 | 6011 | 6500..=6599),
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |it: u8| if it > 4 { it * 2 - 9 } else { it * 2 };
    let values = digits.iter().rev().enumerate().map(|(idx, it)| if idx % 2 == 1 { doubled(*it) } else { *it });
    values.map(u32::from).sum::<u32>().is_multiple_of(10)
}
