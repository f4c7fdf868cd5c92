//! Trains a model anew: `sentinel train` as a program of its own, with an array of arguments and never through a shell.
//!
//! The result is a new version in a folder of its own, named by the incident. It serves when a person says so in the
//! configuration; what serves now is never touched, so there is nothing to undo. A training that is cut short leaves no
//! version: it writes beside, and the folder gets its name when it is whole.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use signal::StepKind;

use crate::config::Config;
use crate::placeholder::{self, Facts, Template as Text};
use crate::refusal::{Refusal, RefusalReason};
use crate::remedy::command::run_program;
use crate::remedy::{Acting, Effect, Remedy, Template, Tools};

/// Trees that are asked for at most.
const MAX_TREES: u32 = 10_000;
/// A version has this file.
const SCHEMA: &str = "schema.json";

/// A train step of a playbook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// The data: CSV or Parquet, one of `act.train_data`. Required.
    pub data: String,
    /// The column that the model learns. Required.
    pub target: String,
    /// The model's name; placeholders may stand in it. Default `{service}`.
    #[serde(default = "default_name")]
    pub name: String,
    /// The folder that versions lie in, at or below one of `act.train_folders`; the new one is named by the incident.
    /// Required.
    pub folder: String,
    /// Trees. Default 200.
    #[serde(default = "default_trees")]
    pub trees: u32,
    /// Columns that are no inputs. Default none.
    #[serde(default)]
    pub ignore: Vec<String>,
}

fn default_name() -> String {
    "{service}".to_owned()
}

const fn default_trees() -> u32 {
    200
}

impl Template for Train {
    fn validate(&self, config: &Config) -> Vec<String> {
        let mut problems = vec![];
        problems.extend(problem_of_data(&self.data, config).map(|it| format!("data: {it}")));
        problems.extend(problem_of_folder(&self.folder, config).map(|it| format!("folder: {it}")));
        match Text::parse(&self.name) {
            Err(problem) => problems.push(format!("name: {problem}")),
            Ok(text) if !placeholder::is_safe(&text.with_dummies("x")) => {
                problems.push(format!("name: {:?} is no plain name", self.name));
            }
            Ok(_) => {}
        }
        if !is_word(&self.target) {
            problems.push("target: name a column".to_owned());
        }
        if !(1..=MAX_TREES).contains(&self.trees) {
            problems.push(format!("trees: must be from 1 to {MAX_TREES}"));
        }
        if self.ignore.iter().any(|it| !is_word(it)) {
            problems.push("ignore: name columns".to_owned());
        }
        problems
    }

    fn plan(&self, facts: &Facts, config: &Config) -> Result<StepKind, Refusal> {
        let name = placeholder::fill(&self.name, facts)?;
        let version = placeholder::fill("{incident}", facts)?;
        let training = Training {
            data: self.data.clone(),
            target: self.target.clone(),
            name,
            out: format!("{}/{version}", self.folder.trim_end_matches('/')),
            trees: self.trees,
            ignore: self.ignore.clone(),
        };
        training.permit(config)?;
        Ok(training.step())
    }
}

/// A training that is ready to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Training {
    /// The data.
    pub data: String,
    /// The column that is learned.
    pub target: String,
    /// The model.
    pub name: String,
    /// The folder of the new version.
    pub out: String,
    /// Trees.
    pub trees: u32,
    /// Columns that are no inputs.
    pub ignore: Vec<String>,
}

impl Training {
    fn step(self) -> StepKind {
        let Self { data, target, name, out, trees, ignore } = self;
        StepKind::Train { data, target, name, out, trees, ignore }
    }

    /// Arguments of `sentinel`. Each value is one argument, joined to its flag, so that none can be taken for a flag.
    fn arguments(&self, out: &Path) -> Vec<String> {
        let mut arguments = vec!["train".to_owned()];
        let trees = self.trees.to_string();
        let out = out.to_string_lossy();
        let pairs = [
            ("--data", &*self.data),
            ("--target", &*self.target),
            ("--name", &*self.name),
            ("--trees", &*trees),
            ("--out", &*out),
        ];
        arguments.extend(pairs.iter().map(|(flag, value)| format!("{flag}={value}")));
        arguments.extend(self.ignore.iter().map(|it| format!("--ignore={it}")));
        arguments
    }

    async fn run(&self, tools: &Tools<'_>) -> Effect {
        match std::env::current_exe() {
            Ok(program) => self.run_with(&program, tools).await,
            Err(error) => Effect::failed(format!("the program itself cannot be found: {error}")),
        }
    }

    async fn run_with(&self, program: &Path, tools: &Tools<'_>) -> Effect {
        let out = PathBuf::from(&self.out);
        if out.join(SCHEMA).exists() {
            return Effect::ok(format!("the version {} is there already", out.display()));
        }
        let part = PathBuf::from(format!("{}.part", self.out));
        // What an earlier training left when it was cut short.
        if let Err(error) = std::fs::remove_dir_all(&part)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Effect::failed(format!("{} cannot be removed: {error}", part.display()));
        }
        let limit = Duration::from_secs(tools.config.train_timeout_secs);
        let effect = run_program(&program.to_string_lossy(), &self.arguments(&part), limit).await;
        if !effect.is_ok {
            return effect;
        }
        if !part.join(SCHEMA).exists() {
            return Effect::failed(format!("no model was written: {}", effect.detail));
        }
        match std::fs::rename(&part, &out) {
            Ok(()) => {
                Effect::ok(format!("the new version is {}; it does not serve yet. {}", out.display(), effect.detail))
            }
            Err(error) => Effect::failed(format!("{} cannot get its name: {error}", part.display())),
        }
    }
}

impl Remedy for Training {
    fn permit(&self, config: &Config) -> Result<(), Refusal> {
        let folder = Path::new(&self.out).parent().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        let problem = problem_of_data(&self.data, config).or_else(|| problem_of_folder(&folder, config));
        let names = std::iter::once(&self.target).chain(&self.ignore);
        let is_plain = placeholder::is_safe(&self.name) && names.into_iter().all(|it| is_word(it));
        let problem = problem.or_else(|| (!is_plain).then(|| "its names are not plain".to_owned()));
        problem.map_or(Ok(()), |text| Err(Refusal::new(RefusalReason::NotAllowed, text)))
    }

    fn describe(&self) -> String {
        format!("train {} to tell {} from {} into {}", self.name, self.target, self.data, self.out)
    }

    /// What serves is the same afterwards, so that no signal could tell that it helped.
    fn proves_itself(&self) -> bool {
        true
    }

    fn carry_out<'a>(&'a self, tools: &'a Tools<'a>) -> Acting<'a> {
        Box::pin(self.run(tools))
    }
}

fn problem_of_data(data: &str, config: &Config) -> Option<String> {
    let is_listed = config.train_data.iter().any(|it| it == data);
    (!is_listed || problem_of_path(data).is_some()).then(|| format!("{data:?} is not in act.train_data"))
}

fn problem_of_folder(folder: &str, config: &Config) -> Option<String> {
    let is_below = |it: &String| problem_of_path(it).is_none() && Path::new(folder).starts_with(it);
    let is_right = problem_of_path(folder).is_none() && config.train_folders.iter().any(is_below);
    (!is_right).then(|| format!("{folder:?} is not at or below a folder of act.train_folders"))
}

/// What is wrong with a path of the allow-lists.
pub fn problem_of_path(path: &str) -> Option<&'static str> {
    let it = Path::new(path);
    let is_plain = it.components().all(|it| matches!(it, Component::RootDir | Component::Normal(_)));
    let is_right = it.is_absolute() && is_plain && it != Path::new("/") && !path.chars().any(char::is_control);
    (!is_right).then_some("must be an absolute path without ..")
}

fn is_word(name: &str) -> bool {
    (1..=200).contains(&name.len()) && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signal::IncidentId;

    fn config() -> Config {
        let (train_data, train_folders) = (vec!["/data/adult.csv".to_owned()], vec!["/models".to_owned()]);
        Config { train_data, train_folders, ..Config::default() }
    }

    fn training() -> Training {
        Training {
            data: "/data/adult.csv".to_owned(),
            target: "income".to_owned(),
            name: "income".to_owned(),
            out: "/models/income/INC-7".to_owned(),
            trees: 30,
            ignore: vec!["--force".to_owned()],
        }
    }

    /// Guarantees: MUST 603 of docs/specs/remedy.md.
    #[test]
    fn only_listed_data_and_folders_are_allowed() {
        assert_eq!(training().permit(&config()), Ok(()));
        let change = |change: fn(&mut Training)| {
            let mut it = training();
            change(&mut it);
            it.permit(&config()).is_err()
        };
        assert!(change(|it| it.data = "/etc/shadow".to_owned()));
        assert!(change(|it| it.out = "/models2/income/INC-7".to_owned()));
        assert!(change(|it| it.out = "/models/../etc/INC-7".to_owned()));
        assert!(change(|it| it.out = "/INC-7".to_owned()));
        assert!(change(|it| it.target = "a\nb".to_owned()));
        assert!(change(|it| it.name = "a b".to_owned()));
        assert!(training().permit(&Config::default()).is_err());
    }

    #[test]
    fn a_step_holds_everything_and_no_value_becomes_a_flag() {
        let template: Train =
            serde_json::from_str(r#"{"data":"/data/adult.csv","target":"income","folder":"/models/income/","trees":30,"ignore":["--force"]}"#)
                .unwrap();
        assert_eq!(template.validate(&config()), Vec::<String>::new());
        let facts =
            Facts { incident: IncidentId(7), service: "income".to_owned(), host: None, process: None, version: None };
        assert_eq!(template.plan(&facts, &config()), Ok(training().step()));
        let arguments = training().arguments(Path::new("/models/income/INC-7.part"));
        assert_eq!(
            arguments,
            [
                "train",
                "--data=/data/adult.csv",
                "--target=income",
                "--name=income",
                "--trees=30",
                "--out=/models/income/INC-7.part",
                "--ignore=--force"
            ]
        );
    }

    /// Guarantees: MUST 604 of docs/specs/remedy.md: a program that writes nothing, or fails, leaves no version.
    #[tokio::test]
    async fn what_is_cut_short_leaves_no_version() {
        let folder = std::env::temp_dir().join(format!("sentinel-train-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("INC-7.part")).unwrap();
        let training = Training { out: folder.join("INC-7").display().to_string(), ..training() };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (config, client) = (config(), reqwest::Client::new());
        let tools = Tools { config: &config, client: &client, idempotency_key: String::new() };
        for program in ["/bin/true", "/bin/false"] {
            let effect = training.run_with(Path::new(program), &tools).await;
            assert!(!effect.is_ok && !folder.join("INC-7").exists(), "{program}: {effect:?}");
        }
        assert!(!folder.join("INC-7.part").exists());
        std::fs::create_dir_all(folder.join("INC-7")).unwrap();
        std::fs::write(folder.join("INC-7").join(SCHEMA), "{}").unwrap();
        let effect = training.run_with(Path::new("/bin/false"), &tools).await;
        assert!(effect.is_ok && effect.detail.contains("there already"), "{effect:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
