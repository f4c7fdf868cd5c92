//! From which sides is a series looked at? Seven views of the newest points, each O(1) and a few bytes.
//!
//! The value itself; running means over about 5, 20, 50 and 200 points (the smaller a shift, the longer it must last to show);
//! the spread around a mean (noise that grows or dies); and the distance from what is usual at this time of day.
//! A running view creeps, so it would always be near to what it showed just before. It is therefore compared only with what
//! it showed some while ago: the newest values are kept back.

use super::seen::Seen;

/// The views, in the order of their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// The value itself.
    Value,
    /// A running mean over about 5 points.
    Mean5,
    /// A running mean over about 20 points.
    Mean20,
    /// A running mean over about 50 points.
    Mean50,
    /// A running mean over about 200 points.
    Mean200,
    /// The spread around a running mean over about 50 points.
    Spread,
    /// The distance from what is usual at this time of day.
    Season,
}

impl View {
    /// All views.
    pub const ALL: [Self; N_VIEWS] =
        [Self::Value, Self::Mean5, Self::Mean20, Self::Mean50, Self::Mean200, Self::Spread, Self::Season];

    /// For how many points a value has an effect on the view.
    pub(super) const fn memory_points(self) -> u32 {
        match self {
            Self::Value | Self::Season => 1,
            Self::Mean5 => 5,
            Self::Mean20 => 20,
            Self::Mean50 | Self::Spread => 50,
            Self::Mean200 => 200,
        }
    }

    /// In words, as the subject of a sentence.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Value => "the value",
            Self::Mean5 => "the mean of about 5 points",
            Self::Mean20 => "the mean of about 20 points",
            Self::Mean50 => "the mean of about 50 points",
            Self::Mean200 => "the mean of about 200 points",
            Self::Spread => "the spread of about 50 points",
            Self::Season => "the distance from what is usual at this time of day",
        }
    }
}

pub(super) const N_VIEWS: usize = 7;
/// Weights of a new point in the means and in the spread; about 2 / (points + 1).
const RATES: [f64; 4] = [0.3, 0.1, 0.04, 0.01];
const SPREAD_RATE: f64 = 0.04;
/// How many values of each running view are kept back, every how many points one: 3, 10, 20, 40 and 24 points.
const DELAYS: [(usize, u32); 5] = [(3, 1), (5, 2), (5, 4), (5, 8), (6, 4)];
const N_KEPT: usize = 24;

/// What the views need to remember.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Views {
    means: [f64; 4],
    spread_mean: f64,
    variance: f64,
    /// The rings of values that are kept back, one behind the other.
    kept: [f32; N_KEPT],
    /// Points taken in.
    pub points: u32,
}

/// The views of one more point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// One number per view; the season's is NaN while there is none.
    pub views: [f64; N_VIEWS],
    spread_mean: f64,
    variance: f64,
}

impl Views {
    /// How things would look with this value as the next point. `distance` is that from the season, NaN if unknown.
    #[inline]
    pub fn look(&self, x: f64, distance: f64) -> Sight {
        // The first points weigh more, so that a mean begins at them.
        let youth = 1.0 / (f64::from(self.points) + 1.0);
        let [a, b, c, d] = std::array::from_fn(|it| {
            let (mean, rate) = (self.means.get(it).copied().unwrap_or(x), RATES.get(it).copied().unwrap_or(1.0));
            mean + rate.max(youth) * (x - mean)
        });
        let rate = SPREAD_RATE.max(youth);
        let spread_mean = self.spread_mean + rate * (x - self.spread_mean);
        let square = if self.points == 0 { 0.0 } else { (x - self.spread_mean) * (x - spread_mean) };
        let variance = self.variance + rate * (square - self.variance);
        Sight { views: [x, a, b, c, d, variance.max(0.0).sqrt(), distance], spread_mean, variance }
    }

    /// Takes a point in; what is no longer kept back is added to what was seen.
    #[inline]
    pub fn learn(&mut self, sight: &Sight, seen: &mut [Seen; N_VIEWS]) {
        let [x, a, b, c, d, spread, distance] = sight.views;
        let [seen_x, running @ .., seen_distance] = seen;
        seen_x.add(x);
        if distance.is_finite() {
            seen_distance.add(distance);
        }
        let mut rest = self.kept.as_mut_slice();
        for (((length, every), value), seen) in DELAYS.into_iter().zip([a, b, c, d, spread]).zip(running) {
            let (ring, later) = rest.split_at_mut(length.min(rest.len()));
            rest = later;
            if self.points.is_multiple_of(every) {
                keep_back(ring, (self.points / every) as usize, value, seen);
            }
        }
        (self.means, self.spread_mean, self.variance) = ([a, b, c, d], sight.spread_mean, sight.variance);
        self.points = self.points.saturating_add(1);
    }

    /// As numbers that can be stored.
    pub fn to_words(&self) -> Vec<u64> {
        let mut words = vec![u64::from(self.points)];
        words.extend(self.means.iter().chain([&self.spread_mean, &self.variance]).map(|it| it.to_bits()));
        words.extend(self.kept.iter().map(|it| u64::from(it.to_bits())));
        words
    }

    /// How many words `to_words` gives.
    pub const WORDS: usize = 7 + N_KEPT;

    /// From such numbers; None if they cannot be.
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let mut views = Self::default();
        let mut words = words.iter().copied();
        views.points = u32::try_from(words.next()?).ok()?;
        for value in views.means.iter_mut().chain([&mut views.spread_mean, &mut views.variance]) {
            *value = Some(f64::from_bits(words.next()?)).filter(|it| it.is_finite())?;
        }
        for value in &mut views.kept {
            *value = f32::from_bits(u32::try_from(words.next()?).ok()?);
        }
        words.next().is_none().then_some(views)
    }
}

/// Puts a value into a ring, and shows the one that it replaces.
#[inline]
fn keep_back(ring: &mut [f32], n: usize, value: f64, seen: &mut Seen) {
    let length = ring.len().max(1);
    if let Some(place) = ring.get_mut(n % length) {
        if n >= length {
            seen.add(f64::from(*place));
        }
        // Not to infinity: what is larger than a float holds is as good as the largest one.
        *place = value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn views(values: impl IntoIterator<Item = f64>) -> (Views, [Seen; N_VIEWS]) {
        let (mut views, mut seen) = (Views::default(), [Seen::default(); N_VIEWS]);
        values.into_iter().for_each(|x| views.learn(&views.look(x, f64::NAN), &mut seen));
        (views, seen)
    }

    #[test]
    fn the_rings_have_room_for_what_is_kept_back() {
        assert_eq!(DELAYS.iter().map(|it| it.0).sum::<usize>(), N_KEPT);
    }

    #[test]
    fn means_and_spread_are_those_of_the_points() {
        let (views, _) = views((0..4000).map(|it| if it % 2 == 0 { 8.0 } else { 12.0 }));
        let [_, short, _, _, long, spread, season] = views.look(10.0, f64::NAN).views;
        assert!((short - 10.0).abs() < 0.4 && (long - 10.0).abs() < 0.03 && (spread - 2.0).abs() < 0.1);
        assert!(season.is_nan());
    }

    #[test]
    fn a_mean_is_not_compared_with_itself() {
        let (_, seen) = views((0..500).map(|it| if it < 498 { 10.0 } else { 20.0 }));
        let [value, short, ..] = seen;
        assert_eq!(value.gap(20.0).distance, 0.0);
        // Two points have moved the mean to 15; as it is kept back for three, that is still new.
        assert!(short.gap(15.0).distance > 4.0);
    }

    #[test]
    fn it_comes_back_from_words() {
        let (views, _) = views((0..50).map(f64::from));
        assert_eq!(views.to_words().len(), Views::WORDS);
        assert_eq!(Views::from_words(&views.to_words()), Some(views));
        assert_eq!(Views::from_words(&[1]), None);
    }
}
