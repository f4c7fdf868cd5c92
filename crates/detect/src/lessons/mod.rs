//! What follows from what people say of incidents? A threshold that is a little higher where they see noise, causes that
//! are weighed a little more or less; bounded, forgotten with time, and taken back when they take their word back.
//!
//! Nothing is kept but the lessons themselves: what counts now is found from all of them in order, so that one that is
//! taken back has never been.

mod config;
mod moved;

use std::collections::BTreeMap;

use signal::{
    Cause, FaultClass, Feedback, Incident, Labels, Lesson, LessonEffect, LessonTarget, Opinion, Symptom, Timestamp,
};

pub use self::config::{FeedbackConfig, Never};
use self::moved::Moved;

/// Lessons that are kept; of more the oldest are forgotten, with what they moved.
const MOST: usize = 5000;
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
        let mut moved = BTreeMap::<LessonTarget, Moved>::new();
        for lesson in self.lessons.iter().filter(|it| it.undone_by.is_none()) {
            for effect in &lesson.effects {
                let usual = usual(&effect.target);
                let it = moved.entry(effect.target.clone()).or_insert_with(|| Moved::new(usual, lesson.time));
                it.forget(lesson.time, self.config.half_life_days);
                match effect.target {
                    LessonTarget::Threshold { .. } => it.threshold(lesson.said.opinion, effect.basis, &self.config),
                    LessonTarget::Ranking { .. } => it.ranking(effect.basis, &self.config),
                }
            }
        }
        moved.values_mut().for_each(|it| it.forget(now, self.config.half_life_days));
        moved
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
            let target = family(&symptom.labels);
            // The score was taken against what had been learned until then.
            let peak = symptom.peak.value * value(before, &target);
            // Of each kind the furthest away comes first.
            if effects.len() < MOST_FAMILIES && !effects.iter().any(|it| it.target == target) {
                effects.push(effect(target, peak));
            }
        }
        let first = incident.diagnosis.as_ref().and_then(|it| it.causes.first());
        effects.extend(weights(first, said).into_iter().map(|(target, basis)| effect(target, basis)));
        effects
    }

    /// Symptoms whose threshold may move, the furthest away first.
    fn movable<'a>(&self, incident: &'a Incident) -> Vec<&'a Symptom> {
        let is_movable = |it: &&Symptom| {
            it.has_series() && it.peak.value.is_finite() && it.peak.value > 0.0 && !self.config.is_never(&it.labels)
        };
        let mut movable: Vec<&Symptom> = incident.symptoms.iter().filter(is_movable).collect();
        movable.sort_by(|a, b| b.peak.value.total_cmp(&a.peak.value));
        movable
    }
}

/// The kind of series that learns together.
pub(crate) fn family(labels: &Labels) -> LessonTarget {
    LessonTarget::Threshold { metric: labels.name().to_owned(), owner: labels.owner().to_owned() }
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
