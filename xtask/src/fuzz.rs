//! Do the decoders survive what nobody thought of? Builds the targets of `fuzz/` with libFuzzer, feeds each for a while,
//! and says what was done.
//!
//! The instrumentation is LLVM's own and works with a stable compiler; sanitizers, which would not, are not used. In
//! their place the address space of a target is limited, so that an input that asks for much memory is found, too.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{cargo, output, program, run as run_command};
use crate::workspace;

/// How long each target runs on the build server.
const CI_SECONDS: u64 = 60;
/// Targets that no protocol reaches: what is in files of ours or of users. They run a third of the time there, because
/// what strangers send over a network matters most.
const OF_FILES: [&str; 11] = [
    "claims",
    "model_files",
    "profiles",
    "promql",
    "questions",
    "runbooks",
    "scenario",
    "store_chunk",
    "store_pack",
    "store_wal",
    "table_cells",
];
/// Targets that run at the same time on the build server, at low priority.
const CI_JOBS: usize = 3;
/// Where chance begins on the build server: a change is judged by the same inputs as the one before it. Runs by hand
/// begin elsewhere each time.
const CI_SEED: u32 = 1;
/// Largest input, in bytes. The decoders' limits are set so that this reaches them.
const MAX_INPUT_BYTES: u32 = 4096;
/// Address space of a target, in KiB: what it asks for beyond fails, and the failure is a finding.
const MAX_ADDRESS_SPACE_KIB: u64 = 1 << 20;
/// Memory in use, in MiB.
const MAX_RESIDENT_MIB: u32 = 384;
/// Longest time for one input, in seconds.
const MAX_INPUT_SECONDS: u32 = 5;

/// Inputs of one target in the repository.
const MOST_SAVED: usize = 80;

/// Coverage of edges and of what is compared, as libFuzzer wants it.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What was asked for.
#[derive(Debug, PartialEq)]
pub struct Options {
    seconds: u64,
    jobs: usize,
    /// 0: another one each time.
    seed: u32,
    /// None: all.
    targets: Vec<String>,
    /// Targets of files run for a third of the seconds.
    is_lane: bool,
    /// Instead of looking for failures: keep the fewest inputs that reach what all known ones reach.
    is_merge: bool,
}

impl Options {
    /// `[--seconds N] [--jobs N] [--seed N] [--lane] [--merge] [TARGET...]`.
    pub fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options =
            Self { seconds: CI_SECONDS, jobs: 1, seed: 0, targets: vec![], is_lane: false, is_merge: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut number = || -> Result<u64> {
                let text = rest.next().with_context(|| format!("{argument} needs a number"))?;
                text.parse().with_context(|| format!("{argument}: {text:?} is no number"))
            };
            match *argument {
                "--seconds" => options.seconds = number()?,
                "--jobs" => options.jobs = usize::try_from(number()?)?.max(1),
                "--seed" => options.seed = u32::try_from(number()?)?,
                "--lane" => options.is_lane = true,
                "--merge" => options.is_merge = true,
                other if other.starts_with('-') => bail!("unknown option {other}"),
                other => options.targets.push(other.to_owned()),
            }
        }
        Ok(options)
    }

    /// How long one target runs.
    fn seconds_of(&self, target: &str) -> u64 {
        if self.is_lane && OF_FILES.contains(&target) { self.seconds.div_ceil(3) } else { self.seconds }
    }
}

/// Builds the targets and runs them.
pub fn run(arguments: &[&str]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let all = targets()?;
    let chosen = if options.targets.is_empty() { all.clone() } else { options.targets.clone() };
    if let Some(unknown) = chosen.iter().find(|it| !all.contains(it)) {
        bail!("there is no target {unknown:?}; there are {}", all.join(", "));
    }
    let bin = build()?;
    if options.is_merge {
        return chosen.iter().try_for_each(|it| merge(&bin, it));
    }
    println!("{} targets, {} at a time", chosen.len(), options.jobs);
    println!(
        "{:<18} {:>7} {:>11} {:>9} {:>9} {:>7} {:>9}",
        "target", "seconds", "executions", "edges", "features", "new", "peak MiB"
    );
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(vec![]));
    thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                while let Some(target) = chosen.get(next.fetch_add(1, Relaxed)) {
                    match fuzz(&bin, target, &options) {
                        Ok(report) => println!("{report}"),
                        Err(error) => {
                            println!("{target:<18} FAILED\n{error:#}");
                            failed.lock().expect("no thread panics with it").push(target.clone());
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no thread panics with it");
    ensure!(failed.is_empty(), "inputs that break a decoder were found: {}", failed.join(", "));
    Ok(())
}

/// All targets at the lowest priority beside something else, with what they say in a file.
pub struct Lane {
    child: Child,
    log: PathBuf,
}

impl Lane {
    /// Begins to build and run all targets, a few at a time: tests wait for timers and other programs for much of their
    /// time, and what is left of two cores is enough.
    pub fn begin() -> Result<Self> {
        let log = workspace::target().join("fuzz.log");
        fs::create_dir_all(workspace::target())?;
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let myself = std::env::current_exe()?;
        let mut command = program("nice");
        command.args(["-n", "19"]).arg(myself).args(["fuzz", "--lane", "--jobs", &CI_JOBS.to_string()]);
        command.args(["--seconds", &CI_SECONDS.to_string(), "--seed", &CI_SEED.to_string()]);
        command.env("CARGO_TARGET_DIR", workspace::target());
        command.stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().context("cannot start nice")?;
        println!("\n== fuzz: all targets, those of protocols {CI_SECONDS} s each, at low priority beside what follows");
        Ok(Self { child, log })
    }

    /// Waits for the end and shows what was said.
    pub fn end(mut self) -> Result<()> {
        let status = self.child.wait()?;
        println!("\n== fuzz\n{}", fs::read_to_string(&self.log).unwrap_or_default().trim_end());
        ensure!(status.success(), "cargo xtask fuzz ended with {status}");
        Ok(())
    }
}

/// Names of the targets, sorted.
fn targets() -> Result<Vec<String>> {
    let files = fs::read_dir(workspace::root().join("fuzz/fuzz_targets"))?;
    let names = files.map(|it| Ok(it?.path().file_stem().unwrap_or_default().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<Result<_>>()?;
    names.sort();
    Ok(names)
}

/// Builds all targets and returns the folder that they are in.
fn build() -> Result<PathBuf> {
    let about = output(program("rustc").arg("-vV"))?;
    let host = about.lines().find_map(|it| it.strip_prefix("host: ")).context("rustc -vV names no host")?;
    let target = workspace::target().join("fuzz");
    let mut build = cargo();
    // With --target, build scripts and macros are built without the instrumentation.
    build.args(["build", "--quiet", "--package=fuzz", "--bins", "--features=libfuzzer", "--target", host]);
    build.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", RUSTFLAGS).env_remove("CARGO_ENCODED_RUSTFLAGS");
    run_command(&mut build)?;
    Ok(target.join(host).join("debug"))
}

/// Inputs that were found on this machine and are not in the repository.
fn found_inputs(target: &str) -> PathBuf {
    workspace::target().join("fuzz/corpus").join(target)
}

/// Inputs of the repository.
fn saved_inputs(target: &str) -> PathBuf {
    workspace::root().join("fuzz/corpus").join(target)
}

/// A target with limits on what it may use.
fn limited(bin: &Path, target: &str) -> Command {
    let mut command = program("sh");
    let script = format!("ulimit -v {MAX_ADDRESS_SPACE_KIB} && exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(bin.join(target));
    command.args([
        format!("-max_len={MAX_INPUT_BYTES}"),
        format!("-timeout={MAX_INPUT_SECONDS}"),
        format!("-rss_limit_mb={MAX_RESIDENT_MIB}"),
    ]);
    command
}

/// Looks for failures and returns what was done.
fn fuzz(bin: &Path, target: &str, options: &Options) -> Result<String> {
    let artifacts = workspace::target().join("fuzz/artifacts").join(target);
    fs::create_dir_all(&artifacts)?;
    fs::create_dir_all(found_inputs(target))?;
    let mut command = limited(bin, target);
    let seconds = options.seconds_of(target);
    command.args([format!("-max_total_time={seconds}"), format!("-seed={}", options.seed)]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg("-print_final_stats=1").args([found_inputs(target), saved_inputs(target)]);
    let done = command.stdout(Stdio::null()).output().with_context(|| format!("cannot start {target}"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() {
        bail!("{}\nMend the decoder, and save the input in fuzz/corpus/{target}", finding(&said));
    }
    Ok(report(target, seconds, &said))
}

/// What libFuzzer says of a failure: the reason first, then the end, then the input itself, because the file with it may
/// be on a machine that is gone.
fn finding(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let reason = lines.iter().position(|it| it.contains("panicked at") || it.contains("ERROR: libFuzzer"));
    let first = reason.map_or(&[][..], |it| lines.get(it..lines.len().min(it + 6)).unwrap_or_default());
    let last = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default();
    let input = lines.iter().find_map(|it| it.split_once("Test unit written to ")).and_then(|it| fs::read(it.1).ok());
    let input = input.map_or_else(String::new, |it| format!("\ninput: b\"{}\"", it.escape_ascii()));
    format!("{}\n...\n{}{input}", first.join("\n"), last.join("\n"))
}

/// One line of the table, from what libFuzzer prints at the end.
fn report(target: &str, seconds: u64, said: &str) -> String {
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for line in said.lines() {
        if let Some((name, value)) = line.strip_prefix("stat::").and_then(|it| it.split_once(':')) {
            numbers.insert(name, value.trim());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            if let [name @ ("cov:" | "ft:"), value] = pair {
                numbers.insert(name, value);
            }
        }
    }
    let number = |name: &str| numbers.get(name).copied().unwrap_or("?");
    format!(
        "{target:<18} {seconds:>7} {:>11} {:>9} {:>9} {:>7} {:>9}",
        number("number_of_executed_units"),
        number("cov:"),
        number("ft:"),
        number("new_units_added"),
        number("peak_rss_mb"),
    )
}

/// Keeps, in the repository, few inputs that reach what those of the repository and of this machine reach: by branches
/// and not by how often each was taken, and no more than the repository shall have, of which the larger ones reach most.
fn merge(bin: &Path, target: &str) -> Result<()> {
    let (saved, merged) = (saved_inputs(target), workspace::target().join("fuzz/merged").join(target));
    if merged.exists() {
        fs::remove_dir_all(&merged)?;
    }
    fs::create_dir_all(&merged)?;
    fs::create_dir_all(found_inputs(target))?;
    let mut command = limited(bin, target);
    command.args(["-set_cover_merge=1", "-use_counters=0"]).arg(&merged).arg(&saved).arg(found_inputs(target));
    let done = command.output()?;
    ensure!(done.status.success(), "{target}: {}", String::from_utf8_lossy(&done.stderr));
    let mut found: Vec<(u64, PathBuf)> = fs::read_dir(&merged)?
        .map(|it| it.and_then(|it| Ok((it.metadata()?.len(), it.path()))))
        .collect::<std::io::Result<_>>()?;
    found.retain(|(_, path)| !saved.join(path.file_name().unwrap_or_default()).exists());
    found.sort_by(|a, b| b.cmp(a));
    let room = MOST_SAVED.saturating_sub(fs::read_dir(&saved)?.count());
    found.truncate(room);
    for (_, path) in &found {
        fs::copy(path, saved.join(path.file_name().unwrap_or_default()))?;
    }
    let n_added = found.len();
    println!("{target:<18} {n_added} inputs added to fuzz/corpus/{target}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let options = Options::parse(&["--seconds", "5", "influx", "--jobs", "2"]).unwrap();
        assert_eq!(
            options,
            Options {
                seconds: 5,
                jobs: 2,
                seed: 0,
                targets: vec!["influx".to_owned()],
                is_lane: false,
                is_merge: false
            }
        );
        assert!(Options::parse(&["--seconds"]).is_err());
        assert!(Options::parse(&["--minutes", "5"]).is_err());
    }

    /// Guarantees: MUST 820 of docs/specs/build.md.
    #[test]
    fn on_the_build_server_decoders_of_protocols_run_for_a_minute() {
        let lane = Options::parse(&["--lane", "--seconds", &CI_SECONDS.to_string()]).unwrap();
        let targets = targets().unwrap();
        assert!(OF_FILES.iter().all(|it| targets.iter().any(|target| target == it)), "{OF_FILES:?} of {targets:?}");
        for target in targets {
            let wanted = if OF_FILES.contains(&target.as_str()) { 20 } else { 60 };
            assert_eq!(lane.seconds_of(&target), wanted, "{target}");
        }
    }

    #[test]
    fn a_finding_begins_with_its_reason() {
        let noise = "#1 NEW cov: 1\n".repeat(100);
        let said =
            format!("{noise}thread main panicked at a.rs:1:2:\ntoo long\n{noise}SUMMARY: libFuzzer: deadly signal\n");
        let text = finding(&said);
        assert!(text.starts_with("thread main panicked at a.rs:1:2:\ntoo long"), "{text}");
        assert!(text.ends_with("SUMMARY: libFuzzer: deadly signal") && text.lines().count() < 25, "{text}");
    }

    #[test]
    fn the_report_has_what_libfuzzer_counted_last() {
        let said = "#2 INITED cov: 12 ft: 13 corp: 1/1b\n#4096 DONE   cov: 345 ft: 567 corp: 9/9b exec/s: 68\n\
            stat::number_of_executed_units: 4096\nstat::new_units_added:         8\nstat::peak_rss_mb:             30\n";
        let report = report("influx", 60, said);
        assert_eq!(report.split_whitespace().collect::<Vec<_>>(), ["influx", "60", "4096", "345", "567", "8", "30"]);
    }

    /// Guarantees: a target that is added is in the table of `fuzz/src/lib.rs`, has saved inputs and is built.
    #[test]
    fn every_target_is_a_binary_with_saved_inputs() {
        let manifest = fs::read_to_string(workspace::root().join("fuzz/Cargo.toml")).unwrap();
        let table = fs::read_to_string(workspace::root().join("fuzz/src/lib.rs")).unwrap();
        let targets = targets().unwrap();
        assert!(targets.len() >= 20, "{targets:?}");
        for target in targets {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
            assert!(table.contains(&format!("(\"{target}\", {target})")), "{target}");
            assert!(fs::read_dir(saved_inputs(&target)).is_ok_and(|mut it| it.next().is_some()), "{target}");
        }
    }
}
