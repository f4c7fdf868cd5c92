//! `sentinel eval rca`: how often is the ranker right on published incidents with a known cause?
//!
//! One file per published set; `made` has incidents that nobody had; `labeled` is a case with its answer, `quiet` cuts times without a
//! fault out of them, `verdicts` ranks all cases and judges the answers, `fit` says what weights that do not know a set
//! reach on it, `tables` tells the result, and `perturb` whether it stays when the same is said otherwise. BARO and N-sigma run on the same cases: with the preparation that their authors publish,
//! they have to reach the published values, which checks the harness.

mod fit;
mod labeled;
mod made;
pub(crate) mod nezha;
mod perturb;
mod petshop;
mod quiet;
mod rcaeval;
mod rcd;
mod rootcausebench;
mod tables;
mod verdicts;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use diagnose::case::{Calibration, Case, Observed, Weights};

use super::Report;
use crate::bad_input::BadInput;
use crate::progress::Progress;
pub(crate) use labeled::Labeled;
use labeled::entries;

/// Options of `eval rca`.
#[derive(Clone, Debug, Args)]
pub struct RcaArgs {
    /// The folder with published incidents somewhere below it.
    #[arg(value_name = "DIR", required_unless_present = "made")]
    pub folder: Option<PathBuf>,
    /// Adds so many made-up incidents: systems, faults and measurements by chance, unlike those that are published; a third of them is without a fault.
    #[arg(long, value_name = "NUMBER")]
    pub made: Option<usize>,
    /// Which ones are made up: another number, other incidents.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "made")]
    pub seed: u64,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// How many seconds too late the incidents are noticed; below 0 for too early.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_hyphen_values = true)]
    pub late: i64,
    /// Fits the weights and the confidence to these cases and prints them, and what they reach on a set that they were not fitted to. Takes minutes.
    #[arg(long)]
    pub fit: bool,
    /// Changes every case in one way at a time (other names, units, order, gaps, no time of begin, ..) and tells how many are still right. Takes minutes.
    #[arg(long)]
    pub perturb: bool,
    /// Adds a table with one row per case.
    #[arg(long)]
    pub cases: bool,
}

/// Folders deeper than this below the given one are not looked at.
const MAX_DEPTH: usize = 6;

type Read = fn(&Path) -> Result<Option<Vec<Labeled>>, BadInput>;
/// How the files of each set are read.
const SETS: &[Read] = &[petshop::read, nezha::read, rootcausebench::read, rcd::read, rcaeval::read];

/// `sentinel eval rca`.
///
/// # Errors
/// `BadInput` if there is no case below the folder, or a file of one cannot be read.
pub fn evaluate(args: &RcaArgs) -> Result<Report, BadInput> {
    let mut cases = vec![];
    if let Some(folder) = &args.folder {
        find(folder, 0, &mut cases)?;
        if cases.is_empty() {
            let advice = "give a folder with RCD, PetShop, Nezha, RCAEval or RootCauseBench below it";
            return Err(BadInput::of_file(
                &folder.display().to_string(),
                "no case of a known set lies below it",
                advice,
            ));
        }
    }
    cases.extend(made::cases(args.made.unwrap_or(0), args.seed)?);
    cases.iter_mut().for_each(|it| it.case.at += args.late * 1000);
    cases.extend(quiet::of(&cases));
    let progress = Progress::new(cases.len(), "ranking");
    let observed: Vec<(Observed<'_>, f64)> = cases.iter().map(|it| observe(&it.case, &progress)).collect();
    let (observed, millis): (Vec<Observed<'_>>, Vec<f64>) = observed.into_iter().unzip();
    let known = fit::Known { cases: &cases, observed: &observed };
    let mut verdicts = verdicts::of(&known, &Weights::SHIPPED, &Calibration::SHIPPED);
    verdicts.iter_mut().zip(millis).for_each(|(it, millis)| it.millis += millis);
    let mut report = tables::report(&cases, &verdicts, args);
    if args.perturb {
        report.breakdowns.push(perturb::table(&cases));
    }
    if args.fit {
        let (notes, held_out) = fit::report(&known);
        report.notes.extend(notes);
        report.breakdowns.extend(held_out);
    }
    Ok(report)
}

/// What a case shows, and how many milliseconds it took to see it.
fn observe<'a>(case: &'a Case, progress: &Progress) -> (Observed<'a>, f64) {
    let started = Instant::now();
    let observed = Observed::of(case);
    progress.advance(1);
    (observed, started.elapsed().as_secs_f64() * 1e3)
}

/// The cases of the first set that knows the folder, else of the folders in it.
fn find(folder: &Path, depth: usize, cases: &mut Vec<Labeled>) -> Result<(), BadInput> {
    for read in SETS {
        if let Some(found) = read(folder)? {
            cases.extend(found);
            return Ok(());
        }
    }
    if depth < MAX_DEPTH {
        let folders: Vec<PathBuf> = entries(folder)?.into_iter().filter(|it| it.is_dir()).collect();
        folders.iter().try_for_each(|it| find(it, depth + 1, cases))?;
    }
    Ok(())
}
