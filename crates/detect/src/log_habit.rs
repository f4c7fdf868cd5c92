//! How does one kind of line usually come, and what does it usually carry?

use learn::events::{Cadence, Categories, EventRate, Numbers, NumbersVerdict, number_of};
use learn::logs::parameters;
use learn::sketch::hash_text;
use serde::{Deserialize, Serialize};

/// Variables are read from at most so many lines of a kind per second; the rest only counts.
const READ_PER_SECOND: u8 = 20;
/// So many outliers among the newest 20 numbers, or lines with a new word, are worth telling.
pub(crate) const OUTLIERS: u32 = 3;
/// Of a value that is quoted.
const VALUE_BYTES: usize = 60;

/// The habits of one kind of line of one service. What goes on at the moment is not kept over a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Habit {
    pub rate: EventRate,
    pub cadence: Cadence,
    pub first_millis: i64,
    pub newest_millis: i64,
    /// Lines since the first one, while it may still be new.
    #[serde(skip)]
    pub novel_lines: Option<u32>,
    /// Since when there are far more lines than usual.
    #[serde(skip)]
    pub surge_since: Option<i64>,
    /// True while it is told as vanished.
    #[serde(skip)]
    pub is_vanished: bool,
    parameters: Vec<Parameter>,
    /// The newest second in which variables were read, and how often.
    #[serde(skip)]
    read: (i64, u8),
}

/// One variable of the line.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Parameter {
    numbers: Numbers,
    words: Categories,
}

/// A variable that is far from what usually stands there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Odd {
    /// From 0.
    pub place: u8,
    pub y: f64,
    pub yhat: f64,
    pub lowest: f64,
    pub highest: f64,
    pub text: String,
}

impl Habit {
    pub fn new(millis: i64) -> Self {
        Self {
            rate: EventRate::new(millis),
            cadence: Cadence::default(),
            first_millis: millis,
            newest_millis: millis,
            novel_lines: None,
            surge_since: None,
            is_vanished: false,
            parameters: vec![],
            read: (i64::MIN, 0),
        }
    }

    /// Judges the variables of a line by those before, and takes them in.
    pub fn read(&mut self, template: &str, line: &str, millis: i64, most: usize) -> Vec<Odd> {
        let second = millis.div_euclid(1000);
        self.read = if self.read.0 == second { (second, self.read.1.saturating_add(1)) } else { (second, 1) };
        if self.read.1 > READ_PER_SECOND {
            return vec![];
        }
        let values = parameters(template, line);
        let count = values.len().min(most);
        if count != self.parameters.len() {
            // The template has widened: what stood at a place before says nothing about what stands there now.
            self.parameters = vec![Parameter::default(); count];
        }
        let places = self.parameters.iter_mut().zip(values).zip(0..);
        places.filter_map(|((it, value), place)| it.observe(value, place)).collect()
    }

    /// What was counted and read so far was of lines cut in another way.
    pub fn begin_anew(&mut self) {
        *self = Self { first_millis: self.first_millis, ..Self::new(self.newest_millis) };
    }

    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.parameters.capacity() * size_of::<Parameter>()
    }
}

impl Parameter {
    fn observe(&mut self, value: &str, place: u8) -> Option<Odd> {
        let text = crate::log_text::shortened(value, VALUE_BYTES);
        if let Some(number) = number_of(value) {
            return match self.numbers.observe(number) {
                NumbersVerdict::Outlier { usual, lowest, highest, recent: OUTLIERS.. } => Some(Odd {
                    place,
                    y: number,
                    yhat: usual,
                    lowest,
                    highest,
                    text: format!(
                        "variable {} is {text:?}, usually about {}, at most {}",
                        place + 1,
                        rounded(usual),
                        rounded(highest)
                    ),
                }),
                _ => None,
            };
        }
        let count = self.words.observe(hash_text(value));
        (count >= OUTLIERS).then(|| Odd {
            place,
            y: f64::from(count),
            yhat: 0.0,
            lowest: 0.0,
            highest: 0.0,
            text: format!("variable {} is {text:?} for the first time, {count} times now", place + 1),
        })
    }
}

/// Three significant digits are enough to read.
pub(crate) fn rounded(value: f64) -> String {
    let magnitude = value.abs();
    match magnitude {
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        0.01..10.0 => format!("{value:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.1e}"),
    }
}
