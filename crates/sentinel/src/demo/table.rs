//! What came of the demo, in one table?

use serde::Serialize;

/// Everything that was shown.
#[derive(Debug, Default, Serialize)]
pub struct Shown {
    /// Faults in the order shown.
    pub faults: Vec<ShownFault>,
    /// Decoys in the order shown.
    pub decoys: Vec<ShownDecoy>,
    /// Median of the faults' detection times, in simulated seconds.
    pub median_detected_after_seconds: Option<f64>,
}

/// One fault.
#[derive(Debug, Serialize)]
pub struct ShownFault {
    /// Its name.
    pub name: String,
    /// Simulated seconds from the injection to the incident; None if there was no incident.
    pub detected_after_seconds: Option<f64>,
    /// Incidents that were opened for it.
    pub incidents: usize,
    /// True if the first-ranked cause is right.
    pub cause_right: bool,
    /// What was said to be the cause.
    pub cause: String,
    /// The playbook that was carried out.
    pub action: String,
    /// True if the signal came back after the action.
    pub verified: bool,
}

/// One decoy.
#[derive(Debug, Serialize)]
pub struct ShownDecoy {
    /// Its name.
    pub name: String,
    /// Incidents that were opened although nothing was wrong.
    pub incidents: usize,
}

impl Shown {
    /// Computes the median.
    pub fn with_median(mut self) -> Self {
        let mut times: Vec<f64> = self.faults.iter().filter_map(|it| it.detected_after_seconds).collect();
        times.sort_by(f64::total_cmp);
        let upper = times.get(times.len() / 2).copied();
        let lower = times.len().checked_sub(1).and_then(|it| times.get(it / 2)).copied();
        self.median_detected_after_seconds = lower.zip(upper).map(|(lower, upper)| (lower + upper) / 2.0);
        self
    }

    /// True if each fault had exactly one incident and was remedied, at most one cause was wrong, and no decoy fooled us.
    pub fn is_good(&self) -> bool {
        let wrong_causes = self.faults.iter().filter(|it| !it.cause_right).count();
        self.faults.iter().all(|it| it.incidents == 1 && it.verified)
            && wrong_causes <= usize::from(self.faults.len() >= 6)
            && self.decoys.iter().all(|it| it.incidents == 0)
    }
}

/// Prints the table.
pub fn print(shown: &Shown) {
    let heading = ["FAULT", "DETECTED AFTER", "INCIDENTS", "CAUSE RIGHT", "ACTION", "VERIFIED"].map(str::to_owned);
    let yes = |it: bool| if it { "yes" } else { "NO" }.to_owned();
    let fault = |it: &ShownFault| {
        let after = it.detected_after_seconds.map_or_else(|| "not found".to_owned(), |it| format!("{it:.0} s"));
        vec![it.name.clone(), after, it.incidents.to_string(), yes(it.cause_right), it.action.clone(), yes(it.verified)]
    };
    let decoy = |it: &ShownDecoy| vec![format!("{} (decoy)", it.name), "-".to_owned(), it.incidents.to_string()];
    let rows: Vec<Vec<String>> = shown.faults.iter().map(fault).chain(shown.decoys.iter().map(decoy)).collect();
    println!();
    offline::aligned::print(&heading, &rows);
    if let Some(median) = shown.median_detected_after_seconds {
        println!("\nMedian time to detection: {median:.1} s (simulated seconds, from the first second of the fault).");
    }
    println!("{}", if shown.is_good() { "Everything went as it should." } else { "Not everything went as it should." });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(after: f64, incidents: usize, verified: bool) -> ShownFault {
        let detected_after_seconds = Some(after);
        ShownFault {
            name: "x".into(),
            detected_after_seconds,
            incidents,
            cause_right: true,
            cause: String::new(),
            action: "a".into(),
            verified,
        }
    }

    #[test]
    fn two_incidents_for_one_fault_are_not_good() {
        let shown = |incidents, verified| Shown { faults: vec![fault(1.0, incidents, verified)], ..Shown::default() };
        assert!(shown(1, true).is_good());
        assert!(!shown(2, true).is_good() && !shown(0, true).is_good() && !shown(1, false).is_good());
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let shown = Shown { faults: vec![fault(1.0, 1, true), fault(4.0, 1, true)], ..Shown::default() };
        assert_eq!(shown.with_median().median_detected_after_seconds, Some(2.5));
        assert_eq!(Shown::default().with_median().median_detected_after_seconds, None);
    }
}
