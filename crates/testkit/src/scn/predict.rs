//! Which predictions does a `predict` statement make? Of one model, with inputs, an answer and, later, perhaps its label.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use signal::{FeatureValue, Inference, Label, Labels, Timestamp};

use super::cadence::Cadence;
use super::cursor::{Cursor, Mistake};
use crate::shop::random::gauss;

/// `predict every 1s from 0 to 40m income{age="40~0.3",country="DE|FR"} answers "0|1" right 0.9 after 1m`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PredictPart {
    pub(super) cadence: Cadence,
    model: Arc<str>,
    inputs: Vec<(Arc<str>, Draw)>,
    answers: Draw,
    labels: Option<LabelPart>,
}

/// `right 0.9 after 1m`
#[derive(Clone, Copy, Debug, PartialEq)]
struct LabelPart {
    right: f64,
    after: Duration,
}

/// What a value is drawn from.
#[derive(Clone, Debug, PartialEq)]
enum Draw {
    /// A number with Gaussian noise of so large a share of it.
    Number { mean: f64, noise: f64 },
    /// One of some words; what stands twice is twice as frequent.
    Words(Vec<FeatureValue>),
}

impl Draw {
    /// None if it is neither a number nor words.
    fn read(text: &str) -> Option<Self> {
        if let Some((mean, noise)) = text.split_once('~') {
            let noise: f64 = noise.parse().ok().filter(|it| (0.0..=10.0).contains(it))?;
            return Some(Self::Number { mean: mean.parse().ok()?, noise });
        }
        if let Ok(mean) = text.parse() {
            return Some(Self::Number { mean, noise: 0.0 });
        }
        let words: Vec<&str> = text.split('|').collect();
        let value = |it: &&str| it.parse::<f64>().map_or_else(|_| (*it).into(), FeatureValue::Number);
        (!words.contains(&"")).then(|| Self::Words(words.iter().map(value).collect()))
    }

    fn draw(&self, random: &mut Rng) -> FeatureValue {
        match self {
            Self::Number { mean, noise } => (mean + mean * noise * gauss(random)).into(),
            Self::Words(words) => random.choice(words).cloned().unwrap_or_default(),
        }
    }

    /// Another value: of words another one, of numbers twice as much.
    fn other(&self, than: &FeatureValue, random: &mut Rng) -> FeatureValue {
        match self {
            Self::Number { .. } => than.as_number().map_or_else(FeatureValue::default, |it| (it * 2.0 + 1.0).into()),
            Self::Words(words) => {
                let others: Vec<&FeatureValue> = words.iter().filter(|it| *it != than).collect();
                random.choice(others).cloned().unwrap_or_default()
            }
        }
    }
}

impl PredictPart {
    /// Reads what stands behind `predict`.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Mistake> {
        cursor.expect_word("every")?;
        let cadence = Cadence::read(cursor, "predictions")?;
        let offset = cursor.position();
        let selector = cursor.selector()?;
        let (model, inputs) = inputs(&selector).map_err(|expected| Mistake { offset, expected })?;
        cursor.expect_word("answers")?;
        let offset = cursor.position();
        let answers = Draw::read(&cursor.quoted()?);
        let answers =
            answers.ok_or_else(|| Mistake { offset, expected: "answers such as \"0|1\" or \"9.5~0.1\"".to_owned() })?;
        let labels = if cursor.eat_word("right") { Some(label_part(cursor)?) } else { None };
        Ok(Self { cadence, model, inputs, answers, labels })
    }

    /// When its last label has come.
    pub(super) fn end(&self) -> Duration {
        self.cadence.to + self.labels.map_or(Duration::ZERO, |it| it.after)
    }

    /// How much later labels come; none if none come.
    pub(super) fn label_after(&self) -> Option<Duration> {
        self.labels.map(|it| it.after)
    }

    /// The prediction of a number, from 0, that is made at `time`; the same each time.
    pub(super) fn inference(&self, number: u32, time: Timestamp) -> Inference {
        let mut random = self.random(number);
        let features = self.inputs.iter().map(|(name, draw)| (Arc::clone(name), draw.draw(&mut random))).collect();
        Inference {
            id: self.id(number),
            time,
            model: Arc::clone(&self.model),
            version: "1".into(),
            features,
            prediction: self.answers.draw(&mut random),
            probability: None,
            probabilities: vec![],
            latency_ms: 1.0,
            is_shadow: false,
        }
    }

    /// What turned out to be true of the same prediction.
    pub(super) fn label(&self, number: u32, time: Timestamp) -> Label {
        let said = self.inference(number, time).prediction;
        let mut random = self.random(number);
        random.seed(random.get_seed().rotate_left(17));
        let is_right = self.labels.is_none_or(|it| random.f64() < it.right);
        let label = if is_right { said } else { self.answers.other(&said, &mut random) };
        Label { id: self.id(number), label, time }
    }

    fn id(&self, number: u32) -> Arc<str> {
        format!("{}-{}-{number}", self.model, self.cadence.from.as_millis()).into()
    }

    fn random(&self, number: u32) -> Rng {
        let seed =
            Labels::new([("model", &*self.model)]).id().hash() ^ (self.cadence.from.as_millis() as u64).rotate_left(32);
        Rng::with_seed(seed.wrapping_add(u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }
}

type Inputs = (Arc<str>, Vec<(Arc<str>, Draw)>);

fn inputs(selector: &Labels) -> Result<Inputs, String> {
    let expected = || "a model with inputs, such as income{age=\"40~0.3\",country=\"DE|FR\"}".to_owned();
    if selector.name().is_empty() {
        return Err(expected());
    }
    let others = selector.iter().filter(|it| it.0 != "__name__");
    let input = |(name, text): (&str, &str)| -> Result<(Arc<str>, Draw), String> {
        Ok((name.into(), Draw::read(text).ok_or_else(expected)?))
    };
    let inputs = others.map(input).collect::<Result<Vec<_>, String>>()?;
    Ok((selector.name().into(), inputs))
}

fn label_part(cursor: &mut Cursor<'_>) -> Result<LabelPart, Mistake> {
    let offset = cursor.position();
    let right = cursor.token().parse().ok().filter(|it| (0.0..=1.0).contains(it));
    let right = right.ok_or_else(|| Mistake { offset, expected: "a share from 0 to 1, such as 0.9".to_owned() })?;
    cursor.expect_word("after")?;
    Ok(LabelPart { right, after: cursor.duration()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PredictPart, Mistake> {
        let mut cursor = Cursor::new(text);
        let part = PredictPart::read(&mut cursor)?;
        cursor.end().map(|()| part)
    }

    #[test]
    fn predictions_are_drawn_as_written_and_the_same_each_time() {
        let part =
            read(r#"every 1s from 0 to 20m income{age="40~0.3",country="DE|DE|FR"} answers "0|1" right 0.9 after 1m"#)
                .unwrap();
        let time = Timestamp::from_secs(1_000_000);
        let all: Vec<Inference> = (0..2000).map(|it| part.inference(it, time)).collect();
        assert_eq!(part.inference(7, time), all[7]);
        let ages: Vec<f64> = all.iter().filter_map(|it| it.features[0].1.as_number()).collect();
        let mean = ages.iter().sum::<f64>() / 2000.0;
        assert!((mean - 40.0).abs() < 1.0, "{mean}");
        let german = all.iter().filter(|it| it.features[1].1 == "DE".into()).count();
        assert!((1200..1460).contains(&german), "{german}");
        let right = (0..2000).filter(|it| part.label(*it, time).label == all[*it as usize].prediction).count();
        assert!((1750..1850).contains(&right), "{right}");
        assert_eq!((part.end(), part.label(3, time).id), (Duration::from_secs(1260), Arc::clone(&all[3].id)));
    }

    #[test]
    fn mistakes_are_told_where_they_are() {
        let mistakes = [
            ("from 0", 0, "`every`"),
            ("every 1ms from 0 to 1h m{a=\"1\"} answers \"1\"", 6, "1000000 predictions"),
            ("every 1s from 0 to 1m {a=\"1\"} answers \"1\"", 22, "a model with inputs"),
            ("every 1s from 0 to 1m m{a=\"x~\"} answers \"1\"", 22, "a model with inputs"),
            ("every 1s from 0 to 1m m{a=\"1\"} answers \"\"", 39, "answers such as"),
            ("every 1s from 0 to 1m m{a=\"1\"} answers \"1\" right 2", 49, "a share from 0 to 1"),
        ];
        for (text, offset, expected) in mistakes {
            let mistake = read(text).unwrap_err();
            assert!(mistake.offset == offset && mistake.expected.contains(expected), "{text}: {mistake:?}");
        }
    }
}
