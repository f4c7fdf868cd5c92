//! Is it the number of a payment card? Digits in the groups of a scheme, with the right check digit.

use std::ops::Range;

use super::{Secret, is_word_byte, run};

/// 15 or 16 digits in groups, of a card scheme, with the right check digit (Luhn, ISO/IEC 7812-1).
pub(super) fn card(text: &str, idx: usize) -> Option<(Range<usize>, Secret)> {
    let end = run(text, idx, |it| it.is_ascii_digit() || it == b'-' || it == b' ');
    if end - idx < 15 {
        return None;
    }
    let is_free_before = !text.get(..idx)?.ends_with(['-', '.', '+', '/', '#', '%']);
    let end = idx + text.get(idx..end)?.trim_end_matches([' ', '-']).len();
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
