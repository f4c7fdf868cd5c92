//! How long do tasks wait? Load averages and pressure stall information, read from /proc.
//!
//! Pressure: <https://docs.kernel.org/accounting/psi.html>. Kernels without it simply report none.

use super::Batch;

const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

pub(super) fn load_and_pressure(batch: &mut Batch<'_>) {
    if let Ok(text) = std::fs::read_to_string("/proc/loadavg") {
        for (name, value) in ["host_load1", "host_load5", "host_load15"].iter().zip(loads(&text)) {
            batch.add(name, &[], value);
        }
    }
    for resource in RESOURCES {
        if let Ok(text) = std::fs::read_to_string(format!("/proc/pressure/{resource}")) {
            for (kind, percent) in pressures(&text) {
                batch.add("host_pressure_percent", &[("resource", resource), ("kind", kind)], percent);
            }
        }
    }
}

fn loads(text: &str) -> impl Iterator<Item = f64> {
    text.split_ascii_whitespace().take(3).map_while(|it| it.parse().ok())
}

/// `some` and `full` with their 10 s average, from `some avg10=1.50 avg60=... total=...`.
fn pressures(text: &str) -> impl Iterator<Item = (&str, f64)> {
    text.lines().filter_map(|line| {
        let (kind, rest) = line.split_once(' ')?;
        let percent = rest.split(' ').find_map(|it| it.strip_prefix("avg10="))?;
        Some((kind, percent.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read() {
        assert_eq!(loads("0.57 0.91 1.10 2/345 6789\n").collect::<Vec<_>>(), [0.57, 0.91, 1.10]);
        let text = "some avg10=83.65 avg60=41.49 avg300=13.79 total=78905786\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(pressures(text).collect::<Vec<_>>(), [("some", 83.65), ("full", 0.5)]);
        assert_eq!(pressures("nonsense\nsome avg60=1\n").count(), 0);
        assert_eq!(loads("").count(), 0);
    }
}
