//! What must hold for the estimator of every series, whatever the series is.

use proptest::prelude::*;

use super::super::views::View;
use super::*;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440;

/// Judgments of a stream with a point a minute, learned one after the other.
fn judge(stream: impl IntoIterator<Item = f64>) -> Vec<Judgment> {
    let mut detector = Detector::new(Settings::default());
    let judge = |(x, minute): (f64, i64)| {
        let judgment = detector.score_one(minute * MINUTE, x);
        detector.learn_one(minute * MINUTE, x);
        judgment
    };
    stream.into_iter().zip(0..).map(judge).collect()
}

/// Points of a stream that are news.
fn news(stream: impl IntoIterator<Item = f64>) -> Vec<usize> {
    judge(stream).iter().enumerate().filter(|it| it.1.value >= 1.0).map(|it| it.0).collect()
}

fn noise(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

#[test]
fn a_constant_series_that_steps_is_news_once() {
    assert_eq!(news((0..3000).map(|it| if it < 1000 { 50.0 } else { 60.0 })), [1000]);
}

#[test]
fn tiny_noise_on_a_constant_is_silent() {
    let mut random = fastrand::Rng::with_seed(1);
    assert_eq!(news((0..3000).map(|_| 50.0 + 1e-4 * noise(&mut random))), [0; 0]);
}

#[test]
fn a_nightly_job_is_news_for_a_few_nights_at_most() {
    let mut random = fastrand::Rng::with_seed(2);
    let job = |it: i64| if (120..150).contains(&(it % DAY)) { 80.0 } else { 20.0 };
    let found = news((0..14 * DAY).map(|it| job(it) + noise(&mut random)));
    assert!(found.iter().all(|it| *it < 3 * DAY as usize), "{found:?}");
}

/// Noise with a dip of ten points at each of these minutes.
fn dips(begins: &[i64], n_points: i64) -> Vec<f64> {
    let mut random = fastrand::Rng::with_seed(7);
    let is_dip = |it: i64| begins.iter().any(|begin| (*begin..begin + 10).contains(&it));
    (0..n_points).map(|it| if is_dip(it) { 30.0 } else { 100.0 } + noise(&mut random)).collect()
}

#[test]
fn a_dip_that_comes_again_at_some_other_time_is_told_each_time() {
    let begins = [3 * DAY + 100, 5 * DAY + 900, 6 * DAY + 400, 9 * DAY + 1200, 12 * DAY + 650];
    let found = news(dips(&begins, 14 * DAY));
    for begin in begins {
        assert!(found.contains(&(begin as usize)), "{begin}: {found:?}");
    }
    assert!(found.iter().filter(|it| **it > 2 * DAY as usize).count() <= begins.len() + 3, "{found:?}");
}

#[test]
fn a_dip_at_the_same_time_each_day_is_told_twice() {
    let begins: Vec<i64> = (3..14).map(|day| day * DAY + 125).collect();
    let found = news(dips(&begins, 14 * DAY));
    let told = begins.iter().filter(|it| found.iter().any(|found| (**it..**it + 10).contains(&(*found as i64))));
    assert_eq!(told.count(), 2, "{found:?}");
}

#[test]
fn a_dip_that_was_there_before_is_explained_by_the_band() {
    let judged = judge(dips(&[3 * DAY + 100, 5 * DAY + 900], 6 * DAY));
    let judgment = judged[5 * DAY as usize + 900];
    assert!(judgment.value >= 1.0 && judgment.news.score < 1.0);
    let text = judgment.explain().unwrap();
    assert!(text.starts_with("the value is ") && text.contains("as the edge of the band"), "{text}");
}

#[test]
fn a_quiet_day_in_a_daily_rhythm_is_news() {
    let mut random = fastrand::Rng::with_seed(3);
    let angle = |it: i64| std::f64::consts::TAU * (it % DAY) as f64 / DAY as f64;
    // On the last day the noon peak does not come; no value is unusual by itself.
    let value = |it: i64| 100.0 - if it < 13 * DAY + 500 { 50.0 * angle(it).cos() } else { 50.0 * angle(500).cos() };
    let judged = judge((0..14 * DAY).map(|it| value(it) + noise(&mut random)));
    let last_day = judged.iter().skip(13 * DAY as usize + 500);
    assert!(last_day.clone().any(|it| it.value >= 1.0 && it.news.view == View::Season));
    let before = judged.iter().take(13 * DAY as usize).skip(2 * DAY as usize);
    let false_alarms = before.filter(|it| it.value >= 1.0).count();
    assert!(false_alarms <= 1, "{false_alarms}");
}

#[test]
fn a_small_shift_that_lasts_is_news_though_no_point_is() {
    let mut random = fastrand::Rng::with_seed(4);
    let stream: Vec<f64> = (0..6000).map(|it| noise(&mut random) + if it < 5000 { 0.0 } else { 1.5 }).collect();
    let found = news(stream);
    assert!(found.iter().any(|it| (5000..5200).contains(it)), "{found:?}");
}

#[test]
fn noise_alone_is_rarely_news() {
    let mut n_news = 0;
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        n_news += news((0..7 * DAY).map(|_| 100.0 + 10.0 * noise(&mut random))).iter().filter(|it| **it > 500).count();
    }
    // These are all first weeks, in which most values are still new.
    println!("{n_news} in 140 days");
    assert!(n_news <= 45, "{n_news} in 140 days of noise");
}

#[test]
fn what_goes_on_is_ranked_below_the_threshold() {
    let judged = judge((0..600).map(|it| if it < 500 { 50.0 + (it % 5) as f64 } else { 90.0 }));
    assert!(judged[500].value >= 1.0);
    let after: Vec<f64> = judged[501..518].iter().map(|it| it.value).collect();
    let usual = judged[300..500].iter().map(|it| it.value).fold(0.0, f64::max);
    assert!(after.iter().all(|it| *it < 1.0 && *it > usual), "{usual} {after:?}");
}

#[test]
fn the_explanation_names_view_value_and_past() {
    let judged = judge((0..600).map(|it| if it < 599 { 50.0 + (it % 5) as f64 } else { 90.0 }));
    let text = judged[599].explain().unwrap();
    assert!(
        text.starts_with("the value is 90.000000: 35.")
            && text.contains("(50.000000 to 54.")
            && text.contains("Expected"),
        "{text}"
    );
    assert_eq!(judged[598].explain(), None);
}

#[test]
fn the_state_is_at_most_one_kib() {
    let mut detector = Detector::new(Settings::default());
    for minute in 0..30 * DAY {
        assert!(detector.state_bytes() <= 1024, "{}", detector.state_bytes());
        detector.learn_one(minute * MINUTE, (minute % 77) as f64);
    }
    println!("{} bytes", detector.state_bytes());
}

#[test]
fn a_slow_series_needs_no_more_memory_than_a_fast_one() {
    let bytes = |interval_millis: i64| {
        let mut detector = Detector::new(Settings::default());
        (0..5000).for_each(|it| detector.learn_one(it * interval_millis, (it % 50) as f64));
        detector.state_bytes()
    };
    assert_eq!(bytes(1000), bytes(60_000));
}

#[test]
fn absurd_numbers_are_survived() {
    let values = [0.0, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE, -0.0, 1e300];
    let judged = judge((0..3000).map(|it| values[it % values.len()]));
    for (judgment, x) in judged.iter().zip(values.iter().cycle()) {
        assert_eq!(judgment.value.is_nan(), x.is_nan());
        assert!(x.is_nan() || (0.0..=1e6).contains(&judgment.value), "{x}: {}", judgment.value);
    }
    let mut detector = Detector::new(Settings::default());
    for time in [i64::MIN, i64::MAX, 0] {
        detector.learn_one(time, 1.0);
        assert!(detector.score_one(time, 1.0).value.is_finite());
    }
}

#[test]
fn damaged_words_are_refused() {
    let words = Vec::from(&Detector::new(Settings::default()));
    assert_eq!(Detector::try_from(&words[..50]), Err(WordsError::Damaged));
    assert_eq!(Detector::try_from(&[][..]), Err(WordsError::Damaged));
    assert_eq!(Detector::try_from(&[9, 1, 2][..]), Err(WordsError::Version(9)));
}

proptest! {
    #[test]
    fn scoring_is_pure_and_a_saved_detector_goes_on_the_same(
        stream in prop::collection::vec(prop_oneof![4 => -1e3..1e3_f64, 1 => prop::num::f64::ANY], 1..200),
        cut in 0..200_usize,
    ) {
        let mut detector = Detector::new(Settings::default());
        let mut twin = detector.clone();
        for (idx, x) in stream.iter().enumerate() {
            let time = idx as i64 * 7 * MINUTE;
            if idx == cut {
                twin = Detector::try_from(Vec::from(&detector)).unwrap();
            }
            let before = Vec::from(&detector);
            let (first, again) = (detector.score_one(time, *x), detector.score_one(time, *x));
            prop_assert_eq!(first.value.to_bits(), again.value.to_bits());
            prop_assert_eq!(&before, &Vec::from(&detector));
            prop_assert_eq!(first.value.to_bits(), twin.score_one(time, *x).value.to_bits());
            detector.learn_one(time, *x);
            twin.learn_one(time, *x);
        }
    }
}
