//! Is the processor short, and is one process to blame?

use signal::{FaultClass, Role};

use super::Draft;
use crate::docket::Docket;
use crate::facts::{Facts, Owner, Process};
use crate::movement::Movement;
use crate::phrase::{clock, number, plain, quoted, value};
use crate::rank::Hypothesis;

/// A process that grew by less, in percent of one core, takes no CPU worth a word.
const MIN_GROWTH: f64 = 50.0;
/// Below this share of one core, and below that use of the host, nobody waits for the processor, in percent.
const MIN_USE: f64 = 80.0;
const MIN_HOST_USE: f64 = 70.0;
/// Share of the host's growth that a process must explain.
const MIN_SHARE: f64 = 0.4;

pub(super) fn hypotheses(owner: &Owner, facts: &Facts, docket: &mut Docket<'_>) -> Vec<Hypothesis> {
    let moved = owner.rising(Role::Cpu).filter(|it| is_usage(it)).max_by(|a, b| {
        let rank = |it: &Movement| (it.labels.get("core").is_none(), it.strength());
        let ((a_whole, a_strength), (b_whole, b_strength)) = (rank(a), rank(b));
        a_whole.cmp(&b_whole).then(a_strength.total_cmp(&b_strength))
    });
    hog(owner, moved, facts, docket)
        .into_iter()
        .chain(moved.and_then(|it| saturation(owner, it, facts, docket)))
        .collect()
}

/// Load averages and pressure follow slowly; use itself is what counts.
fn is_usage(it: &Movement) -> bool {
    !["load", "pressure"].iter().any(|word| it.labels.name().contains(word))
}

fn hog(owner: &Owner, moved: Option<&Movement>, facts: &Facts, docket: &mut Docket<'_>) -> Option<Hypothesis> {
    let is_cpu = |it: &&Process| it.labels.name().contains("cpu");
    let process = owner.processes.iter().find(is_cpu).filter(|it| it.during - it.before >= MIN_GROWTH)?;
    if process.during < MIN_USE && moved.is_none_or(|it| it.during < MIN_HOST_USE) {
        return None;
    }
    let growth = process.during - process.before;
    let cores = owner.moves.iter().filter(|it| it.labels.get("core").is_some()).count().max(1);
    // Without a host series that moved, the process must speak for itself.
    let share = moved.map_or(0.5, |it| growth / ((it.during - it.before) * cores as f64).max(growth));
    if share < MIN_SHARE {
        return None;
    }
    let mut draft = Draft::new(-2.2, process.onset);
    draft.weigh(2.6, share);
    draft.weigh(1.2, 1.0 - process.before / process.during);
    draft.weigh(0.8, growth / 200.0);
    draft.weigh(0.6, facts.earliness(process.onset));
    draft.cite(docket.process(&owner.name, process));
    let mut host = String::new();
    if let Some(it) = moved {
        draft.weigh(1.0, it.strength());
        draft.cite(docket.movement(it));
        host =
            format!("; CPU of the host rose from {} to {}", value(&it.labels, it.before), value(&it.labels, it.during));
    }
    let summary = format!(
        "Process {} ({}) takes {} % of one core on {} since {}{host}.",
        process.pid,
        quoted(&process.command),
        number(process.during),
        plain(&owner.name),
        clock(process.onset),
    );
    Some(draft.finish(&owner.name, FaultClass::CpuHog, process.labels.to_string(), summary))
}

fn saturation(owner: &Owner, it: &Movement, facts: &Facts, docket: &mut Docket<'_>) -> Option<Hypothesis> {
    // Percent of a host ends at 100, percent of one core does not; both are short from about here on.
    if it.during < 70.0 && it.labels.name().contains("percent") {
        return None;
    }
    let mut draft = Draft::new(-2.2, it.onset);
    draft.weigh(1.3, it.strength());
    draft.weigh(0.9, (it.during - 70.0) / 25.0);
    draft.weigh(0.4, facts.earliness(it.onset));
    draft.cite(docket.movement(it));
    let summary = format!(
        "CPU of {} rose from {} to {} since {}, and no single process explains it.",
        plain(&owner.name),
        value(&it.labels, it.before),
        value(&it.labels, it.during),
        clock(it.onset)
    );
    Some(draft.finish(&owner.name, FaultClass::CpuSaturation, it.labels.to_string(), summary))
}
