//! `sentinel train`: which model do the rows of a table make, how good is it, and what was it trained on?

mod card;
mod columns;
mod quality;
mod split;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use learn::trees::forest::{self, ForestConfig, Target};
use predict::{Fields, Model as _, Rows, Schema, TreeModel};
use signal::FeatureValue;

use super::bad_input::BadInput;
use super::progress::Progress;
use super::table::Table;
use quality::Quality;

/// Options of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// CSV with a heading (also packed with gzip) or Parquet.
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// The column that the model shall tell.
    #[arg(long, value_name = "COLUMN")]
    pub target: String,
    /// Folder that the model is written to; it must not hold a model yet, unless --force is given.
    #[arg(long, value_name = "FOLDER", default_value = "model")]
    pub out: PathBuf,
    /// Kind of model.
    #[arg(long, value_enum, default_value_t)]
    pub model: Kind,
    /// Name of the model; the target's name if left out.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Columns that the model must not see (may be given several times).
    #[arg(long, value_name = "COLUMN")]
    pub ignore: Vec<String>,
    /// Whether classes or numbers are told; by the target's values if left out.
    #[arg(long, value_enum, default_value_t)]
    pub task: TaskName,
    /// Share of rows that is kept back for the test, above 0 and below 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    pub test_share: f64,
    /// Trees of the forest.
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    pub trees: usize,
    /// The same seed gives the same split (that of scikit-learn's train_test_split) and the same model.
    #[arg(long, value_name = "NUMBER", default_value_t = 42)]
    pub seed: u32,
    /// Writes over a model that is there.
    #[arg(long)]
    pub force: bool,
}

/// Kinds of models that are trained here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// Many trees on rows drawn with replacement.
    #[default]
    RandomForest,
}

/// What is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum TaskName {
    /// Text, and numbers of at most 20 different whole values, are classes.
    #[default]
    Auto,
    /// One of some classes.
    Classification,
    /// A number.
    Regression,
}

/// Whole numbers of up to so many different values are classes.
const FEW: usize = 20;
/// Classes at most.
const MOST_CLASSES: usize = 1000;

/// What was trained, and on what.
pub struct Outcome {
    pub schema: Schema,
    pub trained: forest::Trained,
    pub quality: Quality,
    /// Training rows and their target.
    pub train: (Vec<Vec<FeatureValue>>, Vec<f64>),
    /// Test rows and their target.
    pub test: (Vec<Vec<FeatureValue>>, Vec<f64>),
    /// Rows without a target.
    pub n_without_target: usize,
    pub n_rows: usize,
}

/// Runs the command.
///
/// # Errors
/// Of the file and of what is written.
pub fn run(args: &TrainArgs) -> anyhow::Result<()> {
    anyhow::ensure!(args.test_share > 0.0 && args.test_share < 1.0, "--test-share must be above 0 and below 1");
    anyhow::ensure!((1..=10_000).contains(&args.trees), "--trees must be 1 to 10000");
    let name = args.name.clone().unwrap_or_else(|| args.target.replace(|it: char| !it.is_ascii_alphanumeric(), "_"));
    anyhow::ensure!(predict::is_name(&name), "--name {name:?}: must be letters, digits, `-`, `_` or `.`");
    let is_there = predict::MODEL_FILES.iter().any(|it| args.out.join(it).exists());
    anyhow::ensure!(
        !is_there || args.force,
        "{} holds a model already; choose another --out, or --force",
        args.out.display()
    );
    let table = Table::read(&args.data)?;
    let outcome = train(&table, args)?;
    card::write(args, &name, &outcome).with_context(|| format!("cannot write to {}", args.out.display()))?;
    card::tell(args, &name, &outcome);
    Ok(())
}

fn train(table: &Table, args: &TrainArgs) -> anyhow::Result<Outcome> {
    let target = table.find(&args.target)?;
    let ignored = args.ignore.iter().map(|it| table.find(it)).collect::<Result<BTreeSet<_>, _>>()?;
    let features: Vec<usize> = (0..table.columns.len()).filter(|it| *it != target && !ignored.contains(it)).collect();
    let truth = Truth::read(table, target, args.task)?;
    let (train, test) = split::train_and_test(truth.rows.len(), args.test_share, args.seed);
    let pick = |of: &[usize]| -> (Vec<usize>, Vec<f64>) {
        of.iter().filter_map(|it| Some((*truth.rows.get(*it)?, *truth.numbers.get(*it)?))).unzip()
    };
    let ((train_rows, train_truth), (test_rows, test_truth)) = (pick(&train), pick(&test));
    let mut schema = columns::schema(table, &features, &train_rows)?;
    schema.target = predict::Target { name: args.target.clone(), classes: truth.classes.clone() };
    let fields = Fields::new(schema.clone()).map_err(|it| not_learned(table, it.join("; ")))?;
    let train_values = columns::values(table, &schema, &features, &train_rows);
    let test_values = columns::values(table, &schema, &features, &test_rows);
    let trained = {
        let _waiting = Progress::waiting("growing trees");
        let config = ForestConfig { n_trees: args.trees, seed: u64::from(args.seed), ..ForestConfig::default() };
        let told = |error: forest::TrainError| not_learned(table, error.to_string());
        forest::train(&columns::for_forest(&fields, &train_values), &truth.target(&train_truth), &config)
            .map_err(told)?
    };
    let quality = measure(&trained, &fields, &truth, &test_values, &test_truth)?;
    Ok(Outcome {
        schema,
        trained,
        quality,
        train: (train_values, train_truth),
        test: (test_values, test_truth),
        n_without_target: truth.n_missing,
        n_rows: table.n_rows(),
    })
}

fn not_learned(table: &Table, problem: String) -> BadInput {
    BadInput::of_file(&table.file, problem, "give rows with a target of at least two values")
}

/// The answers that the server would give for the test rows, against the truth.
fn measure(
    trained: &forest::Trained,
    fields: &Fields,
    truth: &Truth,
    rows: &[Vec<FeatureValue>],
    wanted: &[f64],
) -> anyhow::Result<Quality> {
    let model = TreeModel::new(trained.ensemble.clone(), "sentinel_forest", fields).map_err(anyhow::Error::msg)?;
    let answers = model.predict(&Rows { fields, values: rows.iter().map(Vec::as_slice).collect() })?;
    let told: Vec<f64> = answers.iter().map(|it| it.prediction.as_number().unwrap_or(f64::NAN)).collect();
    if truth.classes.is_empty() {
        return Ok(quality::of_numbers(wanted, &told));
    }
    let probabilities: Option<Vec<f64>> =
        if truth.classes.len() == 2 { answers.iter().map(|it| it.probability).collect() } else { None };
    Ok(quality::of_classes(wanted, &told, probabilities.as_deref()))
}

/// The target of each row that has one.
struct Truth {
    rows: Vec<usize>,
    numbers: Vec<f64>,
    classes: Vec<Arc<str>>,
    n_missing: usize,
}

impl Truth {
    fn read(table: &Table, target: usize, task: TaskName) -> Result<Self, BadInput> {
        let cells: Vec<String> = (0..table.n_rows()).map(|it| table.cell(it, target).trim().to_owned()).collect();
        let rows: Vec<usize> = (0..cells.len()).filter(|it| cells.get(*it).is_some_and(|it| !it.is_empty())).collect();
        let given: Vec<&str> = rows.iter().filter_map(|it| cells.get(*it).map(String::as_str)).collect();
        let n_missing = cells.len() - rows.len();
        let numbers: Option<Vec<f64>> =
            given.iter().map(|it| it.parse::<f64>().ok().filter(|it| it.is_finite())).collect();
        let distinct: BTreeSet<&str> = given.iter().copied().collect();
        let is_of_classes = |numbers: &[f64]| distinct.len() <= FEW && numbers.iter().all(|it| it.fract() == 0.0);
        match (task, numbers) {
            (TaskName::Regression, None) => {
                Err(not_learned(table, "the target has text, which is no number".to_owned()))
            }
            (TaskName::Regression, Some(numbers)) => Ok(Self { rows, numbers, classes: vec![], n_missing }),
            (TaskName::Auto, Some(numbers)) if !is_of_classes(&numbers) => {
                Ok(Self { rows, numbers, classes: vec![], n_missing })
            }
            (_, numbers) => {
                let mut classes: Vec<&str> = distinct.into_iter().collect();
                if numbers.is_some() {
                    // Numbers in the order of numbers: 9 stands before 10.
                    classes.sort_by(|a, b| a.parse::<f64>().unwrap_or(0.0).total_cmp(&b.parse().unwrap_or(0.0)));
                }
                if classes.len() > MOST_CLASSES {
                    return Err(not_learned(table, format!("the target has {} different texts", classes.len())));
                }
                let code = |it: &&str| classes.iter().position(|class| class == it).unwrap_or(0) as f64;
                let numbers = given.iter().map(code).collect();
                Ok(Self { rows, numbers, classes: classes.into_iter().map(Arc::from).collect(), n_missing })
            }
        }
    }

    fn target(&self, numbers: &[f64]) -> Target {
        if self.classes.is_empty() {
            return Target::Numbers(numbers.to_vec());
        }
        Target::Classes(numbers.iter().map(|it| *it as u32).collect(), self.classes.len() as u32)
    }
}
