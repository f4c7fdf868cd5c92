//! Which class is each of a row's probabilities of? As configured, or seen from the answers: a model says the class that it
//! gives the highest probability.

use std::collections::BTreeMap;

use crate::watch::performance::{Answered, class, word};

/// So large a share of the answers of a class has its highest probability at the same place.
const LEAST_SHARE: f64 = 0.7;

/// The class at each place of the probabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClassOrder {
    places: BTreeMap<String, usize>,
}

impl ClassOrder {
    /// Of answers; `told` is what the user says of it, empty if nothing. None if it is not clear.
    pub fn of(answers: &[&Answered], told: &[String]) -> Option<Self> {
        let n = answers.iter().map(|it| it.probabilities.len()).max().filter(|it| *it > 1)?;
        let whole: Vec<&Answered> = answers.iter().copied().filter(|it| it.probabilities.len() == n).collect();
        if !told.is_empty() {
            let places = told.iter().enumerate().map(|(place, it)| (class(it), place)).collect();
            return (told.len() == n).then_some(Self { places });
        }
        let mut places = seen(&whole)?;
        let mut classes: Vec<String> = whole.iter().flat_map(|it| [word(&it.prediction), word(&it.label)]).collect();
        classes.sort();
        classes.dedup();
        classes.retain(|it| !places.contains_key(it));
        let is_free = |place: &usize| places.values().all(|it| it != place);
        let free: Vec<usize> = (0..n).filter(is_free).collect();
        match (classes.as_slice(), free.as_slice()) {
            ([], _) => {}
            // One class was never said, and one place is left.
            ([class], [place]) => _ = places.insert(class.clone(), *place),
            // Classes that are numbers count from 0, as all that was said does.
            (rest, _) if places.iter().all(|(class, place)| class.parse() == Ok(*place)) => {
                for class in rest {
                    places.insert(class.clone(), class.parse().ok().filter(|it| free.contains(it))?);
                }
            }
            _ => return None,
        }
        Some(Self { places })
    }

    /// The place of a class; none of one that is not known.
    pub fn place(&self, class: &str) -> Option<usize> {
        self.places.get(class).copied()
    }

    /// Classes with their places.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize)> {
        self.places.iter().map(|(class, place)| (class.as_str(), *place))
    }
}

/// The place of each class that was said; none if two share one, or one has none.
fn seen(answers: &[&Answered]) -> Option<BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, BTreeMap<usize, usize>> = BTreeMap::new();
    for it in answers {
        let best = it.probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
        *counts.entry(word(&it.prediction)).or_default().entry(best.0).or_default() += 1;
    }
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (class, by_place) in counts {
        let (place, n) = by_place.iter().max_by_key(|it| it.1)?;
        let is_clear = *n as f64 >= LEAST_SHARE * by_place.values().sum::<usize>() as f64;
        if !is_clear || places.values().any(|it| it == place) {
            return None;
        }
        places.insert(class, *place);
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use signal::FeatureValue;

    use super::*;

    fn answers(all: &[(FeatureValue, FeatureValue, usize)]) -> Vec<Answered> {
        let one = |(prediction, label, place): &(FeatureValue, FeatureValue, usize)| Answered {
            prediction: prediction.clone(),
            probability: None,
            probabilities: (0..3).map(|it| if it == *place { 0.6 } else { 0.2 }).collect(),
            label: label.clone(),
        };
        all.iter().map(one).collect()
    }

    fn places(all: &[(FeatureValue, FeatureValue, usize)], told: &[&str]) -> Option<Vec<(String, usize)>> {
        let told: Vec<String> = told.iter().map(|it| (*it).to_owned()).collect();
        let found = ClassOrder::of(&answers(all).iter().collect::<Vec<_>>(), &told)?;
        Some(found.iter().map(|(class, place)| (class.to_owned(), place)).collect())
    }

    #[test]
    fn the_order_is_told_or_seen_or_not_clear() {
        let is = |all: &[(&str, usize)]| Some(all.iter().map(|it| (it.0.to_owned(), it.1)).collect::<Vec<_>>());
        let words = |said: &'static str, came: &'static str, place| (said.into(), came.into(), place);
        let seen = [words("a", "a", 2), words("b", "a", 0), words("c", "c", 1)];
        assert_eq!(places(&seen, &[]), is(&[("a", 2), ("b", 0), ("c", 1)]));
        assert_eq!(places(&seen, &["a", "b", "c"]), is(&[("a", 0), ("b", 1), ("c", 2)]));
        assert_eq!(places(&seen, &["a", "b"]), None);
        let one_is_never_said = [words("a", "c", 2), words("b", "a", 0)];
        assert_eq!(places(&one_is_never_said, &[]), is(&[("a", 2), ("b", 0), ("c", 1)]));
        let two_are_never_said = [words("a", "c", 2), words("a", "b", 2)];
        assert_eq!(places(&two_are_never_said, &[]), None);
        let numbers = |said: f64, came: f64, place| (said.into(), came.into(), place);
        let counted = [numbers(1.0, 0.0, 1), numbers(1.0, 2.0, 1)];
        assert_eq!(places(&counted, &[]), is(&[("0", 0), ("1", 1), ("2", 2)]));
        assert_eq!(places(&[words("a", "a", 2), words("b", "b", 2)], &[]), None);
    }
}
