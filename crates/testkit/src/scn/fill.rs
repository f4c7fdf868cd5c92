//! What stands at the places of a log text? The line's number, a random number or one of several words.

use fastrand::Rng;

/// Fills `{n}` (the number of the line), `{10..20}` (a random number, with as many decimals as the first one is written
/// with) and `{red|green}` (one of the words). Anything else in braces stays. The same seed gives the same line.
pub(super) fn fill(text: &str, number: u32, seed: u64) -> String {
    let mut random = Rng::with_seed(seed.wrapping_add(u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let mut line = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        line.push_str(before);
        let filled = after.split_once('}').and_then(|(place, tail)| Some((word(place, number, &mut random)?, tail)));
        match filled {
            Some((word, tail)) => {
                line.push_str(&word);
                rest = tail;
            }
            None => {
                line.push('{');
                rest = after;
            }
        }
    }
    line.push_str(rest);
    line
}

fn word(place: &str, number: u32, random: &mut Rng) -> Option<String> {
    if place == "n" {
        return Some(number.to_string());
    }
    if let Some((from, to)) = place.split_once("..") {
        let decimals = from.split_once('.').map_or(0, |it| it.1.len());
        let (from, to): (f64, f64) = (from.parse().ok()?, to.parse().ok()?);
        return Some(format!("{:.decimals$}", from + random.f64() * (to - from)));
    }
    let words: Vec<&str> = place.split('|').collect();
    (words.len() > 1).then(|| random.choice(words).unwrap_or("").to_owned())
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn places_are_filled_and_other_braces_stay() {
        assert_eq!(fill("order {n} of {\"a\":1} {", 7, 1), "order 7 of {\"a\":1} {");
        assert_eq!(fill("{1..5} {a|b}", 3, 9), fill("{1..5} {a|b}", 3, 9));
        for number in 0..100 {
            let line = fill("{0.25..0.75} {a|b}", number, 4);
            let (value, word) = line.split_once(' ').unwrap();
            assert!((0.25..=0.75).contains(&value.parse().unwrap()) && value.len() == 4, "{line}");
            assert!(["a", "b"].contains(&word));
        }
    }
}
