//! How many alerts may there be? A number per hour, day or week, and where a budget stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// So many alerts in a period: `3 per day`.
///
/// ```
/// use signal::AlertBudget;
///
/// let budget: AlertBudget = "2 per week".parse().unwrap();
/// assert_eq!((budget.alerts(), budget.period_days()), (2.0, 7.0));
/// assert_eq!(budget.to_string(), "2 per week");
/// assert!("2 per fortnight".parse::<AlertBudget>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlertBudget(f64, Period);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Period {
    Hour,
    Day,
    Week,
}

impl AlertBudget {
    /// Alerts per period.
    pub fn alerts(self) -> f64 {
        self.0
    }

    /// The period in days.
    pub fn period_days(self) -> f64 {
        match self.1 {
            Period::Hour => 1.0 / 24.0,
            Period::Day => 1.0,
            Period::Week => 7.0,
        }
    }

    /// The same as alerts per day.
    pub fn per_day(self) -> f64 {
        self.0 / self.period_days()
    }
}

impl FromStr for AlertBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a budget such as 3 per day, 1 per week or 2 per hour");
        let (count, period) = text.split_once(" per ").or_else(|| text.split_once('/')).ok_or_else(wrong)?;
        let period = match period.trim() {
            "hour" => Period::Hour,
            "day" => Period::Day,
            "week" => Period::Week,
            _ => return Err(wrong()),
        };
        let alerts = count.trim().parse().ok().filter(|it| (0.01..=10_000.0).contains(it)).ok_or_else(wrong)?;
        Ok(Self(alerts, period))
    }
}

impl fmt::Display for AlertBudget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = match self.1 {
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Week => "week",
        };
        write!(formatter, "{} per {period}", self.0)
    }
}

impl From<AlertBudget> for String {
    fn from(budget: AlertBudget) -> Self {
        budget.to_string()
    }
}

impl TryFrom<String> for AlertBudget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Where a budget stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetStatus {
    /// Its name: that of the service or team unless it was given another one.
    pub name: String,
    /// What was configured.
    pub budget: AlertBudget,
    /// The same as alerts per day.
    pub budget_per_day: f64,
    /// Incidents opened in its scope in the last 24 hours.
    pub alerts_last_day: u32,
    /// Incidents opened on each of the last 7 days (24 hours each), oldest first.
    pub alerts_by_day: Vec<u32>,
    /// A point counts from this score on; 1.0 unless the budget has raised it.
    pub multiplier: f64,
    /// A score above this is told whatever the budget says.
    pub always_above: f64,
    /// Alerts per day that are to be expected with this threshold, from the calibration.
    pub expected_per_day: f64,
    /// Days that the calibration remembers, older ones weighing less.
    pub calibrated_days: f64,
    /// Alerts that the raised threshold has held back since the start of the process.
    pub held_total: u64,
    /// The newest of them, newest first.
    pub held: Vec<HeldAlert>,
}

/// An alert that a budget has held back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldAlert {
    /// The series that was furthest out, as text.
    pub series: String,
    /// The first point that would have alerted.
    pub onset: Timestamp,
    /// The newest such point.
    pub last_seen: Timestamp,
    /// The highest score.
    pub peak_score: f64,
    /// The threshold it did not reach.
    pub threshold: f64,
}

/// Tells where the alert budgets stand.
pub trait Budgets: Send + Sync {
    /// All budgets in order of their names; empty if none is configured.
    fn budgets(&self) -> Vec<BudgetStatus>;
}
