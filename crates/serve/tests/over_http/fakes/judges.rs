//! What is usual? Budgets, groups, rows, and the past under other thresholds.

use serve::{Row, RowJudge, RowVerdict};
use signal::{
    AlertBudget, BackTest, BackTestAlert, BackTestOutcome, BackTestQuestion, BackTester, BandPoint, BudgetStatus,
    Budgets, GroupKind, GroupMember, GroupStatus, Groups, HeldAlert, Labels, PortError, Severity, Timestamp,
};

use super::{HOSTILE, World};

impl Budgets for World {
    fn budgets(&self) -> Vec<BudgetStatus> {
        if self.series.is_empty() {
            return vec![];
        }
        let budget: AlertBudget = "3 per day".parse().unwrap();
        let held = HeldAlert {
            series: HOSTILE.to_owned(),
            onset: self.begin,
            last_seen: self.begin,
            peak_score: 1.2,
            threshold: 1.4,
        };
        let status = BudgetStatus {
            name: "checkout".to_owned(),
            budget,
            budget_per_day: 3.0,
            alerts_last_day: 2,
            alerts_by_day: vec![0, 1, 0, 4, 3, 0, 2],
            multiplier: 1.4,
            always_above: 10.0,
            expected_per_day: 2.5,
            calibrated_days: 13.0,
            held_total: 1,
            held: vec![held],
        };
        vec![BudgetStatus { name: HOSTILE.to_owned(), alerts_last_day: 7, ..status.clone() }, status]
    }
}

impl Groups for World {
    fn groups(&self) -> Vec<GroupStatus> {
        let member = |pod: &str, value, is_apart| GroupMember {
            labels: Labels::metric("http_request_duration_seconds", &[("service", "checkout"), ("pod", pod)]),
            value,
            expected: value.map(|_| [0.1, 0.08, 0.12]),
            score: if is_apart { 2.5 } else { 0.2 },
            is_apart,
            explanation: if is_apart { format!("pod {pod} is at 0.3.") } else { String::new() },
        };
        let fleet = |labels, members| GroupStatus { kind: GroupKind::Fleet, labels, is_ready: true, members };
        let labels = Labels::metric("http_request_duration_seconds", &[("service", "checkout")]);
        let members = vec![member("a", Some(0.1), false), member("b", None, false), member(HOSTILE, Some(0.3), true)];
        let mut groups = vec![fleet(labels.clone(), members)];
        for idx in 0..3 {
            let labels = Labels::metric("quiet", &[("service", &format!("quiet-{idx}"))]);
            groups.insert(0, fleet(labels.clone(), vec![member("c", Some(0.1), false)]));
        }
        groups.push(GroupStatus {
            kind: GroupKind::Signals,
            is_ready: false,
            ..fleet(labels, vec![member("d", Some(9.0), false)])
        });
        if self.series.is_empty() { vec![] } else { groups }
    }
}

impl RowJudge for World {
    fn judge(&self, rows: &[Row]) -> Vec<RowVerdict> {
        let one = |row: &Row| {
            let largest = row.iter().max_by(|left, right| left.1.total_cmp(right.1));
            let (top_feature, score) = largest.map_or((None, 0.0), |it| (Some(it.0.clone()), it.1 / 1000.0));
            RowVerdict { is_anomaly: score > 1.0, score, top_feature }
        };
        rows.iter().map(one).collect()
    }
}

impl BackTester for World {
    fn back_test(&self, question: &BackTestQuestion) -> Result<BackTest, PortError> {
        let has_labels = |it: &&Labels| question.selector.iter().all(|(name, value)| it.get(name) == Some(value));
        let series: Vec<Labels> = self.series.iter().filter(has_labels).cloned().collect();
        let Some(first) = series.first() else {
            return Err(PortError::Invalid("selector: no stored series has these labels".to_owned()));
        };
        let times: Vec<Timestamp> = Self::times(question.range).collect();
        let band = times.iter().map(|it| BandPoint { time: *it, score: self.verdict(first, *it) }).collect();
        let score = self.verdict(first, self.clock.now());
        let alert = BackTestAlert {
            series: first.to_string(),
            onset: self.begin,
            detected_at: self.begin,
            end: None,
            severity: Severity::Warning,
            peak_score: score.value,
            value: score.y,
            expected: score.yhat,
            expected_lower: score.yhat_lower,
            expected_upper: score.yhat_upper,
            why: HOSTILE.to_owned(),
        };
        let outcomes = question.choices.iter().map(|choice| BackTestOutcome {
            name: choice.name(),
            choice: *choice,
            alerts: vec![alert.clone()],
            alerts_left_out: 0,
            alerts_per_day: Some(1.0),
            held: 0,
            threshold: 1.0,
            threshold_max: 1.0,
        });
        let (points, outcomes) = (times.len(), outcomes.collect());
        Ok(BackTest { series, range: question.range, points, points_before: 0, days: 1.0, outcomes, band })
    }
}
