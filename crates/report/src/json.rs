//! The report for machines: every field of the report, nothing shortened.

use crate::IncidentReport;

/// One JSON object with the fields of [`IncidentReport`]. Values that are not a number become null.
pub fn json(report: &IncidentReport) -> String {
    serde_json::to_string_pretty(report).expect("plain data always has a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn it_can_be_read_back() {
        let value: serde_json::Value = serde_json::from_str(&json(&sample::report())).unwrap();
        assert_eq!(value["incident"]["id"], "INC-7");
        assert_eq!(value["incident"]["diagnosis"]["causes"][0]["fault"], "cpu_hog");
        assert_eq!(value["plans"][0]["id"], "PLAN-3");
        assert_eq!(value["charts"][0]["points"].as_array().unwrap().len(), 60);
    }

    #[test]
    fn hostile_text_stays_inside_its_string() {
        let value: serde_json::Value = serde_json::from_str(&json(&sample::hostile())).unwrap();
        assert_eq!(value["incident"]["title"], sample::HOSTILE);
    }
}
