//! What follows from what people say of incidents? A threshold that is a little higher where they see noise, causes that
//! are weighed a little more or less; bounded, forgotten with time, and taken back when they take their word back.
//!
//! Nothing is kept but the lessons themselves: what counts now is found from all of them in order, so that one that is
//! taken back has never been.

mod config;
mod moved;

use std::collections::BTreeMap;
use std::time::Duration;

use signal::{
    AnomalyKind, Cause, FaultClass, Feedback, Hours, Incident, Lesson, LessonEffect, LessonTarget, Opinion, Symptom,
    Timestamp,
};

pub use self::config::{FeedbackConfig, Never};
use self::moved::Moved;

/// Lessons that are kept; of more the oldest are forgotten, with what they moved.
const MOST: usize = 5000;
/// What lasts longer has no hour of its own.
const MOST_HOURS: u8 = 12;
/// Kinds of series that one lesson moves: those that were furthest away.
const MOST_FAMILIES: usize = 20;

/// All lessons.
#[derive(Clone, Debug)]
pub struct LessonBook {
    config: FeedbackConfig,
    lessons: Vec<Lesson>,
    next: u64,
}

impl LessonBook {
    /// Nothing is learned yet.
    pub const fn new(config: FeedbackConfig) -> Self {
        Self { config, lessons: vec![], next: 1 }
    }

    /// Takes back what [`LessonBook::save`] wrote.
    ///
    /// # Errors
    /// The bytes are no lessons.
    pub fn restore(config: FeedbackConfig, bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let lessons: Vec<Lesson> = serde_json::from_slice(bytes)?;
        let next = lessons.iter().map(|it| it.id).max().unwrap_or(0) + 1;
        Ok(Self { config, lessons, next })
    }

    /// All lessons as JSON.
    pub fn save(&self) -> Vec<u8> {
        serde_json::to_vec(&self.lessons).expect("texts, times and finite numbers are JSON")
    }

    /// Takes in an opinion, and says what moved. An earlier one of the same person on the same thing no longer counts.
    pub fn teach(&mut self, incident: &Incident, said: Feedback, now: Timestamp) -> Lesson {
        let is_earlier = |it: &&mut Lesson| {
            it.undone_by.is_none()
                && it.incident == incident.id
                && it.said.action == said.action
                && it.said.actor == said.actor
        };
        self.lessons.iter_mut().filter(is_earlier).for_each(|it| it.undone_by = Some("sentinel".to_owned()));
        let before = self.moved(now);
        let mut effects = if self.config.learn { self.effects(incident, &said, &before) } else { vec![] };
        let (id, incident) = (self.next, incident.id);
        self.lessons.push(Lesson { id, time: now, incident, said, effects: effects.clone(), undone_by: None });
        let after = self.moved(now);
        for it in &mut effects {
            it.from = value(&before, &it.target);
            (it.to, it.now) = (value(&after, &it.target), value(&after, &it.target));
        }
        self.next += 1;
        if self.lessons.len() > MOST {
            self.lessons.remove(0);
        }
        let last = self.lessons.last_mut().expect("one was added");
        last.effects = effects;
        last.clone()
    }

    /// Takes a lesson back; None if there is none of this number that counts.
    pub fn undo(&mut self, id: u64, actor: &str) -> Option<Lesson> {
        let lesson = self.lessons.iter_mut().find(|it| it.id == id && it.undone_by.is_none())?;
        lesson.undone_by = Some(actor.to_owned());
        Some(lesson.clone())
    }

    /// All lessons, newest first, as they count now.
    pub fn lessons(&self, now: Timestamp) -> Vec<Lesson> {
        let moved = self.moved(now);
        let mut all: Vec<Lesson> = self.lessons.iter().rev().cloned().collect();
        all.iter_mut().flat_map(|it| &mut it.effects).for_each(|it| it.now = value(&moved, &it.target));
        all
    }

    /// What counts now and is not as usual.
    pub fn now(&self, now: Timestamp) -> BTreeMap<LessonTarget, f64> {
        let moved = self.moved(now).into_iter();
        moved.map(|(target, it)| (target, it.value)).filter(|(target, it)| (it - usual(target)).abs() > 0.005).collect()
    }

    /// Everything that was said, in order, with what was forgotten in between.
    fn moved(&self, now: Timestamp) -> BTreeMap<LessonTarget, Moved> {
        let ceilings = self.ceilings();
        let mut moved = BTreeMap::<LessonTarget, Moved>::new();
        for lesson in self.lessons.iter().filter(|it| it.undone_by.is_none()) {
            let is_noise = lesson.said.opinion == Opinion::Noise;
            for effect in &lesson.effects {
                let usual = usual(&effect.target);
                let ceiling = ceilings.get(&at_any_hour(&effect.target)).copied().unwrap_or(f64::INFINITY);
                let it = moved.entry(effect.target.clone()).or_insert_with(|| Moved::new(usual, ceiling, lesson.time));
                it.forget(lesson.time, self.config.half_life_days);
                match effect.target {
                    LessonTarget::Threshold { hours: None, .. } if is_noise => it.noise(effect.basis, &self.config),
                    LessonTarget::Threshold { .. } if is_noise => it.noise_at_hour(effect.basis, &self.config),
                    LessonTarget::Threshold { .. } => {}
                    LessonTarget::Ranking { .. } => it.ranking(effect.basis, &self.config),
                }
            }
        }
        moved.values_mut().for_each(|it| it.forget(now, self.config.half_life_days));
        moved
    }

    /// What real faults leave of the room of thresholds, whatever was said of noise before or after.
    fn ceilings(&self) -> BTreeMap<LessonTarget, f64> {
        let mut ceilings = BTreeMap::new();
        for lesson in self.lessons.iter().filter(|it| it.undone_by.is_none() && it.said.opinion != Opinion::Noise) {
            for it in lesson.effects.iter().filter(|it| matches!(it.target, LessonTarget::Threshold { .. })) {
                let ceiling = ceilings.entry(at_any_hour(&it.target)).or_insert(f64::INFINITY);
                *ceiling = ceiling.min(Moved::ceiling(it.basis));
            }
        }
        ceilings
    }

    /// What an opinion speaks of, with the score or the weight that it rests on.
    fn effects(
        &self,
        incident: &Incident,
        said: &Feedback,
        before: &BTreeMap<LessonTarget, Moved>,
    ) -> Vec<LessonEffect> {
        let effect = |target, basis| LessonEffect { target, basis, from: 0.0, to: 0.0, now: 0.0 };
        // What is said of an action is written down; which actions there are is for playbooks to say.
        if said.action.is_some() {
            return vec![];
        }
        let mut effects: Vec<LessonEffect> = vec![];
        for symptom in self.movable(incident) {
            // The score was taken against what had been learned until then.
            let peak = symptom.peak.value * in_force(before, symptom);
            for target in targets(symptom) {
                // Of each kind the furthest away comes first.
                if effects.len() < 2 * MOST_FAMILIES && !effects.iter().any(|it| it.target == target) {
                    effects.push(effect(target, peak));
                }
            }
        }
        let first = incident.diagnosis.as_ref().and_then(|it| it.causes.first());
        effects.extend(weights(first, said).into_iter().map(|(target, basis)| effect(target, basis)));
        effects
    }

    /// Symptoms whose threshold may move, the furthest away first.
    fn movable<'a>(&self, incident: &'a Incident) -> Vec<&'a Symptom> {
        let is_movable = |it: &&Symptom| {
            // What a series never showed before says nothing about what it shows again.
            it.kind != AnomalyKind::Novelty
                && it.has_series()
                && it.peak.value.is_finite()
                && it.peak.value > 0.0
                && !self.config.is_never(&it.labels)
        };
        let mut movable: Vec<&Symptom> = incident.symptoms.iter().filter(is_movable).collect();
        movable.sort_by(|a, b| b.peak.value.total_cmp(&a.peak.value));
        movable
    }
}

/// What a symptom speaks of: points on its side of what is expected, at any hour and around its own.
fn targets(symptom: &Symptom) -> impl Iterator<Item = LessonTarget> {
    let (metric, owner) = (symptom.labels.name().to_owned(), symptom.labels.owner().to_owned());
    let of = move |hours| {
        let (metric, owner) = (metric.clone(), owner.clone());
        LessonTarget::Threshold { metric, owner, direction: Some(symptom.direction), hours }
    };
    let hours = Some(hours_around(symptom)).filter(|it| it.count() <= MOST_HOURS);
    std::iter::once(None).chain(hours.map(Some)).map(of)
}

/// The hours of the day of a symptom, with one before and one after it.
fn hours_around(symptom: &Symptom) -> Hours {
    let margin = Duration::from_secs(3600);
    let length = symptom.last_seen.secs_since(symptom.onset).max(0.0) + 2.0 * margin.as_secs_f64();
    let from = hour_of_day(symptom.onset.minus(margin));
    if length >= 23.0 * 3600.0 {
        return Hours { from, to: (from + 23) % 24 };
    }
    Hours { from, to: hour_of_day(symptom.last_seen.plus(margin)) }
}

/// 0 to 23, of UTC.
pub(crate) fn hour_of_day(time: Timestamp) -> u8 {
    u8::try_from(time.millis().rem_euclid(86_400_000) / 3_600_000).unwrap_or(0)
}

/// The threshold that the points of a symptom were compared with.
fn in_force(moved: &BTreeMap<LessonTarget, Moved>, symptom: &Symptom) -> f64 {
    let (metric, owner, hour) = (symptom.labels.name(), symptom.labels.owner(), hour_of_day(symptom.onset));
    let fits = |it: &LessonTarget| match it {
        LessonTarget::Threshold { metric: a, owner: b, direction, hours } => {
            a == metric
                && b == owner
                && direction.is_none_or(|it| it == symptom.direction)
                && hours.is_none_or(|it| it.covers(hour))
        }
        LessonTarget::Ranking { .. } => false,
    };
    moved.iter().filter(|it| fits(it.0)).map(|it| it.1.value).fold(1.0, f64::max)
}

fn at_any_hour(target: &LessonTarget) -> LessonTarget {
    match target.clone() {
        LessonTarget::Threshold { metric, owner, direction, .. } => {
            LessonTarget::Threshold { metric, owner, direction, hours: None }
        }
        other => other,
    }
}

/// Which causes are weighed otherwise: the one that was told, and the one that is named in its place.
fn weights(first: Option<&Cause>, said: &Feedback) -> Vec<(LessonTarget, f64)> {
    let of = |service: &str, fault: Option<FaultClass>, by: f64| {
        (LessonTarget::Ranking { service: service.to_owned(), fault }, by)
    };
    let told = |by: f64| first.map(|it| of(&it.service, Some(it.fault), by));
    let named = said.cause.as_ref().filter(|it| first.is_none_or(|first| first.service != **it));
    match said.opinion {
        Opinion::Noise => vec![],
        Opinion::Right => told(0.25).into_iter().collect(),
        Opinion::Wrong => told(-0.5).into_iter().chain(named.map(|it| of(it, None, 0.5))).collect(),
    }
}

const fn usual(target: &LessonTarget) -> f64 {
    match target {
        LessonTarget::Threshold { .. } => 1.0,
        LessonTarget::Ranking { .. } => 0.0,
    }
}

fn value(moved: &BTreeMap<LessonTarget, Moved>, target: &LessonTarget) -> f64 {
    moved.get(target).map_or_else(|| usual(target), |it| it.value)
}

#[cfg(test)]
mod tests;
