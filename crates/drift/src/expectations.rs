//! Do a user's own tests hold? A measure of the report, and conditions with the names that Evidently gives them.

use serde::{Deserialize, Serialize};

use crate::report::{Change, ColumnReport, Outcome, Report, Status, Summary};

/// Relative width within which numbers are equal.
const SAME: f64 = 1e-9;

/// A test. Conditions that are left out are not asked; all others must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// The column, for a measure of a column.
    pub column: Option<String>,
    /// What is measured in the current data.
    pub metric: Metric,
    /// Equal to.
    pub eq: Option<Bound>,
    /// Not equal to.
    pub not_eq: Option<Bound>,
    /// Above.
    pub gt: Option<Bound>,
    /// At least.
    pub gte: Option<Bound>,
    /// Below.
    pub lt: Option<Bound>,
    /// At most.
    pub lte: Option<Bound>,
    /// One of these.
    pub is_in: Option<Vec<f64>>,
    /// None of these.
    pub not_in: Option<Vec<f64>>,
    /// Whether a pipeline stops when it does not hold; yes if left out.
    pub is_critical: Option<bool>,
}

/// What a value is held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bound {
    /// A number.
    Number(f64),
    /// The same measure of the reference, give or take a share of it.
    Relative {
        /// 0.1 is 10 %.
        relative: f64,
    },
    /// The same measure of the reference, give or take so much.
    Absolute {
        /// In the unit of the measure.
        absolute: f64,
    },
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)+) => {
        /// What can be measured.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Metric {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Metric {
            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

metrics! {
    /// Columns that drifted.
    #[default]
    DriftedColumns "drifted_columns",
    /// Share of columns that drifted.
    ShareOfDriftedColumns "share_of_drifted_columns",
    /// Columns of the reference that are missing.
    MissingColumns "missing_columns",
    /// Columns that the reference does not have.
    NewColumns "new_columns",
    /// Columns that hold something else now.
    ChangedTypes "changed_types",
    /// Rows.
    Rows "rows",
    /// Rows that are the same as an earlier one.
    Duplicates "duplicates",
    /// Share of them.
    DuplicateShare "duplicate_share",
    /// 1 if the column drifted, else 0.
    Drifted "drifted",
    /// Score of the column's test.
    DriftScore "drift_score",
    /// Adjusted p-value of the column.
    DriftPValue "drift_p_value",
    /// Effect of the column, in standard deviations.
    DriftEffect "drift_effect",
    /// Cells without a value.
    Missing "missing",
    /// Share of them.
    MissingShare "missing_share",
    /// Infinite numbers.
    Infinite "infinite",
    /// Words among numbers.
    Mixed "mixed",
    /// Different values.
    Unique "unique",
    /// Share of cells with words that the reference does not have.
    NewCategoryShare "new_category_share",
    /// Share of numbers outside of the reference's range.
    OutOfRangeShare "out_of_range_share",
    /// Mean.
    Mean "mean",
    /// Standard deviation.
    Std "std",
    /// Least.
    Min "min",
    /// Greatest.
    Max "max",
    /// Median.
    Median "median",
    /// The value that 5 % do not exceed.
    Quantile05 "q05",
    /// The value that 25 % do not exceed.
    Quantile25 "q25",
    /// The value that 75 % do not exceed.
    Quantile75 "q75",
    /// The value that 95 % do not exceed.
    Quantile95 "q95",
    /// Share of zeros.
    ZeroShare "zero_share",
}

impl Expectation {
    /// Whether it holds.
    pub fn check(&self, report: &Report) -> Outcome {
        let conditions = self.conditions();
        let column = self.column.as_deref();
        let about = column.map_or_else(|| self.metric.name().to_owned(), |it| format!("{}({it})", self.metric.name()));
        let asked: Vec<String> = conditions.iter().map(|(name, bound)| format!("{name} {bound}")).collect();
        let name = format!("{about} {}", asked.join(" and "));
        let measured = match self.measured(report) {
            Ok(it) => it,
            Err(reason) => return Outcome { name, status: Status::Error, description: reason, value: None },
        };
        if conditions.is_empty() {
            let description = "it has no condition, such as lte: 0.1".to_owned();
            return Outcome { name, status: Status::Error, description, value: Some(measured.0) };
        }
        let failed: Vec<&String> = conditions
            .iter()
            .zip(&asked)
            .filter(|((name, bound), _)| !bound.holds(name, measured))
            .map(|it| it.1)
            .collect();
        let status = match (failed.is_empty(), self.is_critical) {
            (true, _) => Status::Success,
            (false, Some(false)) => Status::Warning,
            (false, _) => Status::Fail,
        };
        let reference = measured.1.map_or(String::new(), |it| format!(" (reference: {it})"));
        let failed: Vec<&str> = failed.iter().map(|it| it.as_str()).collect();
        let description = match failed.is_empty() {
            true => format!("{about} is {}{reference}", measured.0),
            false => format!("{about} is {}{reference}, not {}", measured.0, failed.join(", not ")),
        };
        Outcome { name, status, description, value: Some(measured.0) }
    }

    fn conditions(&self) -> Vec<(&'static str, Asked)> {
        let single = [
            ("eq", self.eq),
            ("not_eq", self.not_eq),
            ("gt", self.gt),
            ("gte", self.gte),
            ("lt", self.lt),
            ("lte", self.lte),
        ];
        let single = single.into_iter().filter_map(|(name, bound)| Some((name, Asked::Bound(bound?))));
        let sets = [("is_in", &self.is_in), ("not_in", &self.not_in)];
        let sets = sets.into_iter().filter_map(|(name, set)| Some((name, Asked::Set(set.clone()?))));
        single.chain(sets).collect()
    }

    /// The measure in the current data, and in the reference where it has one.
    fn measured(&self, report: &Report) -> Result<(f64, Option<f64>), String> {
        if let Some(table) = self.of_table(report) {
            return table;
        }
        let name = self
            .column
            .as_deref()
            .ok_or_else(|| format!("{} is a measure of a column: name it", self.metric.name()))?;
        let column = report.columns.iter().find(|it| it.name == name);
        let column = column.ok_or_else(|| format!("there is no column {name} on both sides"))?;
        self.of_column(column).ok_or_else(|| format!("column {name} has no {}", self.metric.name()))
    }

    fn of_table(&self, report: &Report) -> Option<Result<(f64, Option<f64>), String>> {
        let changes = |what: Change| report.schema_changes.iter().filter(|it| it.change == what).count() as f64;
        let duplicates = |share: bool| {
            let of = |it: &crate::report::Facts| {
                it.duplicates.map(|count| if share { count as f64 / it.rows.max(1) as f64 } else { count as f64 })
            };
            let now = of(&report.current).ok_or_else(|| "rows that came before are not counted in Parquet".to_owned());
            now.map(|it| (it, of(&report.reference)))
        };
        Some(match self.metric {
            Metric::DriftedColumns => Ok((report.verdict.drifted as f64, None)),
            Metric::ShareOfDriftedColumns => Ok((report.verdict.share, None)),
            Metric::MissingColumns => Ok((changes(Change::Missing), None)),
            Metric::NewColumns => Ok((changes(Change::New), None)),
            Metric::ChangedTypes => Ok((changes(Change::Type), None)),
            Metric::Rows => Ok((report.current.rows as f64, Some(report.reference.rows as f64))),
            Metric::Duplicates => duplicates(false),
            Metric::DuplicateShare => duplicates(true),
            _ => return None,
        })
    }

    fn of_column(&self, column: &ColumnReport) -> Option<(f64, Option<f64>)> {
        let finding = column.finding.as_ref();
        match self.metric {
            Metric::Drifted => Some((f64::from(u8::from(finding?.drifted)), None)),
            Metric::DriftScore => Some((finding?.score, None)),
            Metric::DriftPValue => Some((finding?.adjusted_p.or(finding?.p_value)?, None)),
            Metric::DriftEffect => Some((finding?.effect, None)),
            Metric::NewCategoryShare => Some((column.new_category_share?, None)),
            Metric::OutOfRangeShare => Some((column.out_of_range_share?, None)),
            _ => Some((self.of_summary(&column.current)?, self.of_summary(&column.reference))),
        }
    }

    fn of_summary(&self, side: &Summary) -> Option<f64> {
        let share = |count: u64| count as f64 / side.rows.max(1) as f64;
        let quantile = |idx: usize| side.quantiles.and_then(|it| it.get(idx).copied());
        let moment = |idx: usize| side.moments.and_then(|it| it.get(idx).copied());
        match self.metric {
            Metric::Missing => Some(side.missing as f64),
            Metric::MissingShare => Some(share(side.missing)),
            Metric::Infinite => Some(side.infinite as f64),
            Metric::Mixed => Some(side.mixed as f64),
            Metric::Unique => Some(side.distinct),
            Metric::Mean => moment(0),
            Metric::Std => moment(1),
            Metric::Min => quantile(0),
            Metric::Quantile05 => quantile(1),
            Metric::Quantile25 => quantile(2),
            Metric::Median => quantile(3),
            Metric::Quantile75 => quantile(4),
            Metric::Quantile95 => quantile(5),
            Metric::Max => quantile(6),
            Metric::ZeroShare => side.zeros.map(share),
            _ => None,
        }
    }
}

/// What a condition asks for.
#[derive(Clone, Debug)]
enum Asked {
    Bound(Bound),
    Set(Vec<f64>),
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bound(Bound::Number(it)) => write!(f, "{it}"),
            Self::Bound(Bound::Relative { relative }) => write!(f, "the reference +- {} %", relative * 100.0),
            Self::Bound(Bound::Absolute { absolute }) => write!(f, "the reference +- {absolute}"),
            Self::Set(it) => write!(f, "{it:?}"),
        }
    }
}

impl Asked {
    /// Whether the value fulfills the condition; without a value of the reference nothing relative does.
    fn holds(&self, name: &str, (value, reference): (f64, Option<f64>)) -> bool {
        let is_same = |a: f64, b: f64| (a - b).abs() <= SAME * a.abs().max(b.abs());
        let bound = match self {
            Self::Set(set) => return set.iter().any(|it| is_same(*it, value)) == (name == "is_in"),
            Self::Bound(it) => it,
        };
        let (middle, width) = match (bound, reference) {
            (Bound::Number(it), _) => (*it, 0.0),
            (Bound::Relative { relative }, Some(it)) => (it, it.abs() * relative.abs()),
            (Bound::Absolute { absolute }, Some(it)) => (it, absolute.abs()),
            (Bound::Relative { .. } | Bound::Absolute { .. }, None) => return false,
        };
        let is_equal = is_same(value, middle) || (value - middle).abs() <= width;
        match name {
            "eq" => is_equal,
            "not_eq" => !is_equal,
            "gt" => value > middle - width,
            "gte" => value >= middle - width || is_equal,
            "lt" => value < middle + width,
            _ => value <= middle + width || is_equal,
        }
    }
}

impl Report {
    /// Adds the outcomes of a user's tests; the verdict counts those that failed.
    pub fn expect(&mut self, expectations: &[Expectation], config: &crate::config::Config) {
        self.expectations = expectations.iter().map(|it| it.check(self)).collect();
        self.conclude(config);
    }
}
