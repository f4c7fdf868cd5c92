//! Has one member left its fleet, while the others are calm?
//!
//! Members do the same work, so that a rise of traffic moves them together. At each tick a member is compared with what
//! its peers say: each peer's value, less the peer's usual distance from the fleet, is a vote for the common level, and
//! the median of the votes is taken (without the member's own). Spread is the median absolute deviation (Hampel, "The
//! influence curve and its role in robust estimation", Journal of the American Statistical Association 69, 1974). A
//! bigger host or a leader is far from its peers at all times, which is its usual distance; leader and follower that
//! change places are not told.
//!
//! It fails where most members are at fault at once (the single series say so), and where members do different work.

use super::scale::{Scale, median_of, median_without};

/// Makes a median absolute deviation a standard deviation, and a mean absolute one.
const MEDIAN_TO_SCALE: f64 = 1.4826;
const MEAN_TO_SCALE: f64 = 1.2533;
/// Residuals teach at most so many scales.
const CLIP_SCALES: f64 = 3.0;
/// Two percent is noise whatever the past says.
const LEAST_SPREAD: f64 = 0.02;
/// A new member has the offset of its first ticks, which count so much more.
const FIRST_TICKS: u32 = 12;
/// Ticks over which the present place is averaged: the mean of a few tells small deviations from noise.
const PLACE_TICKS: f64 = 6.0;
/// A point counts at most so many half widths of what is usual.
const LARGEST_POINT: f64 = 3.0;
/// Two places are the same if they differ by at most this share of the way between them.
const SWAP_SHARE: f64 = 0.25;
/// The band of a member is wider by this over the root of its ticks.
const YOUNG_WIDENING: f64 = 3.0;
/// Jumps of one percent are noise.
const LEAST_ROUGHNESS: f64 = 0.01;
/// Ticks over which the present roughness is averaged.
const ROUGH_TICKS: f64 = 12.0;
/// Ticks without any change after which a member that used to change is stuck.
const STUCK_TICKS: u16 = 24;
/// A member changes at most ticks if it has changed at this share.
const CHANGING_SHARE: f32 = 0.9;
/// Members whose places were swapped must keep them for so many ticks.
const SWAP_TICKS: u16 = 6;
/// Largest score.
const LARGEST_SCORE: f64 = 1e6;

/// What may be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FleetSettings {
    /// Distance from the peers that scores 1.0, in robust standard deviations.
    pub threshold_scales: f64,
    /// How much rougher than usual, measured against the peers, scores 1.0.
    pub threshold_roughness: f64,
    /// Ticks before a member is judged.
    pub warm_up_ticks: u32,
    /// Ticks that offset and spread remember.
    pub memory_ticks: u32,
    /// Ticks apart after which the new place of a member is its usual place.
    pub adopt_ticks: u32,
    /// At most this share of the members (but always one) may deviate; if more do, it is the fleet that has changed.
    pub most_deviating: f64,
}

impl Default for FleetSettings {
    fn default() -> Self {
        Self {
            threshold_scales: 6.0,
            threshold_roughness: 4.0,
            warm_up_ticks: 60,
            memory_ticks: 2880,
            adopt_ticks: 720,
            most_deviating: 0.25,
        }
    }
}

/// What a fleet knows of one member: 48 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Member {
    /// Usual distance from the common level, and how much it varies.
    offset: f64,
    spread: f32,
    /// Where it has been lately, seen from its usual place.
    lately: f32,
    /// Mean absolute change of the distance from tick to tick: usually, and lately.
    roughness: f32,
    roughness_lately: f32,
    /// The residual of the last tick, and the value.
    before: f32,
    value_before: f64,
    /// Share of ticks at which its value changes.
    changing: f32,
    ticks: u32,
    apart_ticks: u32,
    unchanged_ticks: u16,
    swapped_ticks: u16,
}

impl Member {
    /// Ticks taken in.
    pub fn ticks(&self) -> u32 {
        self.ticks
    }
}

/// How a member deviates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deviation {
    /// Its level.
    Level,
    /// Its level is right, but it jumps about as it never did.
    Rough,
    /// It stands still while its peers move.
    Stuck,
}

/// What is said of one member at one tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// 1.0 is the threshold; 0 while it cannot be judged.
    pub value: f64,
    /// In which way it deviates, if the score is above 1.0.
    pub deviation: Deviation,
    /// Where it has been over the last six ticks or so, in the unit of the values: this is judged.
    pub lately: f64,
    /// What was to be expected of this member, in the unit of the values.
    pub expected: f64,
    /// Lower edge of what is usual for it.
    pub lower: f64,
    /// Upper edge of what is usual for it.
    pub upper: f64,
    /// The peers' median as it is, without offsets.
    pub median: f64,
    /// Standard deviations on the scale: 0.05 is about 5 %.
    pub spread: f64,
    /// Peers compared with.
    pub peers: usize,
    /// Distance from the expected place on the scale, of this tick and of the last few; used by learning.
    residual: f64,
    smoothed: f64,
    /// The index of the member that it has changed places with.
    swapped_with: Option<usize>,
}

/// The state of a fleet apart from its members.
///
/// ```
/// use learn::group::{Fleet, FleetSettings, Member};
///
/// let mut fleet = Fleet::new(FleetSettings::default());
/// let mut members = [Member::default(); 5];
/// for tick in 0..2000 {
///     let wave = 100.0 + 40.0 * (tick as f64 / 30.0).sin();
///     // The last one is twice as big as the others.
///     let values = [1.0, 1.01, 0.99, 1.02, 2.0].map(|it| it * wave);
///     let standings = fleet.score_tick(&members, &values);
///     assert!(standings.iter().all(|it| it.value < 1.0));
///     fleet.learn_tick(&mut members, &values, &standings);
/// }
/// // A single point could be anything; half a dozen are a member that has left its fleet.
/// let values = [100.0, 101.0, 180.0, 102.0, 200.0];
/// assert!(fleet.score_tick(&members, &values)[2].value < 1.0);
/// for _ in 0..6 {
///     let standings = fleet.score_tick(&members, &values);
///     fleet.learn_tick(&mut members, &values, &standings);
/// }
/// let standings = fleet.score_tick(&members, &values);
/// assert!(standings[2].value > 1.0 && standings[4].value < 1.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    settings: FleetSettings,
    scale: Scale,
    /// Usual size of the median.
    size: f64,
    /// Usual spread of residuals over the fleet.
    spread: f64,
    ticks: u32,
}

impl Fleet {
    /// Has seen nothing yet.
    pub fn new(settings: FleetSettings) -> Self {
        Self { settings, scale: Scale::default(), size: 0.0, spread: 0.0, ticks: 0 }
    }

    /// Judges all members at one tick; learns nothing. `values` are the members' values in the same order, NaN for a
    /// member that has none; the answer has one standing per member.
    pub fn score_tick(&self, members: &[Member], values: &[f64]) -> Vec<Standing> {
        let votes = self.votes(members, values);
        let mut standings: Vec<Standing> = members
            .iter()
            .zip(values)
            .zip(&votes.rank)
            .map(|((it, y), rank)| self.stand(it, *y, *rank, &votes))
            .collect();
        self.judge_shape(members, &mut standings);
        self.find_swap(members, &mut standings);
        let judged = standings.iter().filter(|it| it.peers > 0).count();
        let deviating = standings.iter().filter(|it| it.value > 1.0).count();
        if deviating > 1 && deviating as f64 > self.settings.most_deviating * judged as f64 {
            standings.iter_mut().for_each(|it| it.value = it.value.min(1.0));
        }
        standings
    }

    /// Learns from a tick that was scored. The standings must be those of the same members and values.
    pub fn learn_tick(&mut self, members: &mut [Member], values: &[f64], standings: &[Standing]) {
        let present: Vec<f64> = values.iter().copied().filter(|it| it.is_finite()).collect();
        if present.is_empty() {
            return;
        }
        self.learn_size(members, median_of(&sorted(present)));
        let mut residuals = vec![];
        for ((member, y), standing) in members.iter_mut().zip(values).zip(standings) {
            if !y.is_finite() {
                continue;
            }
            self.learn_member(member, *y, standing);
            if member.ticks >= FIRST_TICKS && standing.value <= 1.0 {
                residuals.push(standing.smoothed.abs());
            }
        }
        if let Some(middle) = residuals.len().checked_sub(1).map(|it| it / 2) {
            let now = MEDIAN_TO_SCALE * sorted(residuals).get(middle).copied().unwrap_or(0.0);
            let clipped = if self.spread > 0.0 { now.min(CLIP_SCALES * self.spread) } else { now };
            self.spread += self.rate(self.ticks) * (clipped - self.spread);
        }
        self.ticks = self.ticks.saturating_add(1);
        self.swap(members, standings);
    }

    fn votes(&self, members: &[Member], values: &[f64]) -> Votes {
        let is_voter = |it: &Member| it.ticks >= FIRST_TICKS.min(self.settings.warm_up_ticks);
        let mut votes: Vec<(usize, f64)> = vec![];
        let (mut plain, mut lately) = (vec![], vec![]);
        for (idx, (member, y)) in members.iter().zip(values).enumerate() {
            if y.is_finite() && is_voter(member) {
                votes.push((idx, self.scale.of(*y) - member.offset));
                plain.push(*y);
                lately.push(f64::from(member.lately).abs());
            }
        }
        votes.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut rank = vec![usize::MAX; members.len()];
        for (place, (idx, _)) in votes.iter().enumerate() {
            rank.get_mut(*idx).into_iter().for_each(|it| *it = place);
        }
        let votes: Vec<f64> = votes.into_iter().map(|(_, it)| it).collect();
        let spread = sorted(lately);
        Votes { rank, spread: MEDIAN_TO_SCALE * median_of(&spread), votes, median: median_of(&sorted(plain)) }
    }

    fn stand(&self, member: &Member, y: f64, rank: usize, votes: &Votes) -> Standing {
        let level = median_without(&votes.votes, rank);
        let peers = votes.votes.len().saturating_sub(usize::from(rank < votes.votes.len()));
        let spread = f64::from(member.spread).max(self.spread).max(votes.spread).max(LEAST_SPREAD);
        // What is known from few ticks is known badly.
        let young = 1.0 + YOUNG_WIDENING / f64::from(member.ticks.max(1)).sqrt();
        let half = self.settings.threshold_scales * spread * young;
        let expected = level + member.offset;
        let residual = if y.is_finite() { self.scale.of(y) - expected } else { 0.0 };
        // One point may be anything; it counts so much that it cannot carry the mean over the threshold by itself.
        let smoothed = smooth(f64::from(member.lately), residual.clamp(-LARGEST_POINT * half, LARGEST_POINT * half));
        let is_judged = y.is_finite() && member.ticks >= self.settings.warm_up_ticks && peers >= 3;
        Standing {
            value: if is_judged { (smoothed.abs() / half).min(LARGEST_SCORE) } else { 0.0 },
            deviation: Deviation::Level,
            lately: self.scale.back(expected + smoothed),
            expected: self.scale.back(expected),
            lower: self.scale.back(expected - half),
            upper: self.scale.back(expected + half),
            median: votes.median,
            spread,
            peers: if is_judged { peers } else { 0 },
            residual,
            smoothed,
            swapped_with: None,
        }
    }

    /// Roughness and standstill, of members whose level is right: against the peers, so that a fleet that is rough
    /// together is not told.
    fn judge_shape(&self, members: &[Member], standings: &mut [Standing]) {
        let ratio = |it: &Member| f64::from(it.roughness_lately) / f64::from(it.roughness).max(LEAST_ROUGHNESS);
        let is_judged = |it: &Standing| it.peers > 0;
        let ratios = members.iter().zip(&*standings).filter(|(_, it)| is_judged(it)).map(|(it, _)| ratio(it));
        let usual = median_of(&sorted(ratios.collect())).max(1.0);
        let present = standings.iter().filter(|it| is_judged(it)).count();
        let moving =
            members.iter().zip(&*standings).filter(|(it, at)| is_judged(at) && it.unchanged_ticks == 0).count();
        for (member, standing) in members.iter().zip(standings).filter(|(_, it)| is_judged(it) && it.value <= 1.0) {
            let rough = ratio(member) / usual / self.settings.threshold_roughness;
            let is_stuck = member.unchanged_ticks >= STUCK_TICKS
                && member.changing >= CHANGING_SHARE
                && 4 * moving >= 3 * present.saturating_sub(1);
            if is_stuck {
                (standing.value, standing.deviation) = (2.0, Deviation::Stuck);
            } else if rough > 1.0 {
                (standing.value, standing.deviation) = (rough.min(LARGEST_SCORE), Deviation::Rough);
            }
        }
    }

    /// Two members that stand exactly where the other one usually stands have changed places.
    fn find_swap(&self, members: &[Member], standings: &mut [Standing]) {
        let apart: Vec<usize> = (0..).zip(&*standings).filter(|(_, it)| it.value > 1.0).map(|(idx, _)| idx).collect();
        for idx in apart {
            let (Some(a), Some(at_a)) = (members.get(idx), standings.get(idx)) else { continue };
            let mut others = members.iter().zip(&*standings).enumerate();
            let Some((other, _)) = others.find(|(_, (b, at_b))| {
                let gap = b.offset - a.offset;
                let is_at = |it: &Standing, gap: f64| (it.residual - gap).abs() <= SWAP_SHARE * gap.abs();
                at_b.peers > 0
                    && gap.abs() > self.settings.threshold_scales * at_a.spread
                    && is_at(at_a, gap)
                    && is_at(at_b, -gap)
            }) else {
                continue;
            };
            for (idx, other) in [(idx, other), (other, idx)] {
                if let Some(it) = standings.get_mut(idx) {
                    (it.value, it.swapped_with) = (it.value.min(1.0), Some(other));
                }
            }
        }
    }

    fn learn_size(&mut self, members: &mut [Member], median: f64) {
        let now = median.abs();
        let size = if self.ticks == 0 { now } else { self.size + (now - self.size) / f64::from(FIRST_TICKS) };
        self.size = size;
        if self.ticks < FIRST_TICKS || self.scale.is_outgrown_by(size) {
            // Distances on the old scale mean nothing on the new one.
            let scale = self.scale.around(size);
            if scale != self.scale {
                members.iter_mut().for_each(|it| *it = Member::default());
                (self.scale, self.spread) = (scale, 0.0);
            }
        }
    }

    fn learn_member(&self, member: &mut Member, y: f64, standing: &Standing) {
        let settings = &self.settings;
        let is_apart = standing.value > 1.0 && standing.deviation == Deviation::Level;
        let rate = self.rate(member.ticks);
        if member.ticks == 0 {
            // Of a new member nothing is known: its first distance is its offset.
            member.offset += standing.residual;
        } else {
            self.learn_shape(member, y, standing, rate);
            if !is_apart {
                self.learn_place(member, standing, rate);
            }
            member.lately = standing.smoothed as f32;
        }
        (member.before, member.value_before) = (if member.ticks == 0 { 0.0 } else { standing.residual as f32 }, y);
        member.apart_ticks = if is_apart { member.apart_ticks.saturating_add(1) } else { 0 };
        member.swapped_ticks = if standing.swapped_with.is_some() { member.swapped_ticks.saturating_add(1) } else { 0 };
        if member.apart_ticks >= settings.adopt_ticks {
            member.offset += f64::from(member.lately);
            (member.lately, member.apart_ticks) = (0.0, 0);
        }
        member.ticks = member.ticks.saturating_add(1);
    }

    fn learn_place(&self, member: &mut Member, standing: &Standing, rate: f64) {
        let usual = CLIP_SCALES * f64::from(member.spread).max(self.spread).max(LEAST_SPREAD);
        let is_young = member.ticks < self.settings.warm_up_ticks;
        let clip = |it: f64| if is_young { it } else { it.clamp(-usual, usual) };
        member.offset += rate * clip(standing.residual);
        member.spread += (rate * (MEAN_TO_SCALE * clip(standing.smoothed).abs() - f64::from(member.spread))) as f32;
    }

    fn learn_shape(&self, member: &mut Member, y: f64, standing: &Standing, rate: f64) {
        let usual = f64::from(member.roughness).max(LEAST_ROUGHNESS);
        let change = (standing.residual - f64::from(member.before)).abs();
        // One jump is a level; a run of jumps is roughness.
        let lately = change.min(3.0 * self.settings.threshold_roughness * usual);
        member.roughness_lately += ((lately - f64::from(member.roughness_lately)) / ROUGH_TICKS) as f32;
        if member.ticks < self.settings.warm_up_ticks {
            member.roughness += (rate * (change - f64::from(member.roughness))) as f32;
        } else if standing.value <= 1.0 {
            member.roughness += (rate * (change.min(CLIP_SCALES * usual) - f64::from(member.roughness))) as f32;
        }
        let has_changed = y != member.value_before;
        member.unchanged_ticks = if has_changed { 0 } else { member.unchanged_ticks.saturating_add(1) };
        // The run that may end as a standstill must not make the member one that seldom changes.
        let is_stuck = standing.value > 1.0 && standing.deviation == Deviation::Stuck;
        let rate = if has_changed { rate } else { 0.1 * rate };
        if !is_stuck {
            member.changing += (rate * (f64::from(u8::from(has_changed)) - f64::from(member.changing))) as f32;
        }
    }

    fn swap(&self, members: &mut [Member], standings: &[Standing]) {
        for (idx, standing) in standings.iter().enumerate() {
            let Some(other) = standing.swapped_with.filter(|it| *it > idx) else { continue };
            let offset_of = |idx: usize| members.get(idx).map(|it| (it.offset, it.spread, it.swapped_ticks));
            let (Some(a), Some(b)) = (offset_of(idx), offset_of(other)) else { continue };
            if a.2.min(b.2) >= SWAP_TICKS {
                for (idx, (offset, spread, _)) in [(idx, b), (other, a)] {
                    if let Some(it) = members.get_mut(idx) {
                        (it.offset, it.spread, it.swapped_ticks, it.lately) = (offset, spread, 0, 0.0);
                    }
                }
            }
        }
    }

    /// The weight of a tick: all ticks alike at first, then the newest remember.
    fn rate(&self, ticks: u32) -> f64 {
        1.0 / f64::from(ticks.saturating_add(1).min(self.settings.memory_ticks.max(1)))
    }
}

/// What the members say of the common level.
struct Votes {
    /// Sorted.
    votes: Vec<f64>,
    /// The place of each member's vote in `votes`; `usize::MAX` if it has none.
    rank: Vec<usize>,
    spread: f64,
    median: f64,
}

/// The mean of the last ticks, with a new one.
fn smooth(lately: f64, residual: f64) -> f64 {
    lately + (residual - lately) / PLACE_TICKS
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
