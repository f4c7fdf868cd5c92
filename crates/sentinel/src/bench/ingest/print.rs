//! How are the figures of ingestion shown to people? As tables, each beside what is wanted.

use super::{Figures, disk};

/// Prints all of them.
pub(super) fn print(figures: &Figures) {
    println!("at full speed, detection on, senders on the same {} cores", figures.cores);
    let rows = figures.full_speed.iter().map(|it| {
        let flooded = it.flooded;
        let refused = flooded.refused_requests.to_string();
        let cost = format!("{:.2}", flooded.cpu_seconds_per_million);
        let (speed, memory) = (format!("{:.0}", flooded.events_per_second), format!("{:.0}", flooded.peak_rss_mb));
        vec![it.protocol.to_owned(), speed, cost, memory, refused]
    });
    table(["PROTOCOL", "EVENTS/S (must 300000, aim 1000000)", "CPU S/MILLION", "PEAK MB", "REFUSED"], rows);
    let rate = figures.steady.first().map_or(0.0, |it| it.steady.events_per_second);
    println!("\nat {rate:.0} events a second, from due to verdict (kafka: upper bounds)");
    let rows = figures.steady.iter().map(|it| {
        let steady = it.steady;
        let millis = [steady.verdict_p50_ms, steady.verdict_p99_ms, steady.verdict_max_ms];
        let mut row = vec![it.protocol.to_owned()];
        row.extend(millis.map(|it| format!("{it:.1}")));
        row.push(format!("{:.2}", steady.server_cores));
        row.push(format!("{}", steady.refused_requests));
        row
    });
    table(["PROTOCOL", "P50 MS", "P99 MS (must 50, aim 5)", "MAX MS", "CORES", "REFUSED"], rows);
    println!("\non disk, merged; noise is what no code can save (see docs/book/src/figures.md)");
    let rows = figures.samples.iter().map(|it| {
        let numbers = [it.bytes_per_sample, it.noise_bytes_per_sample].map(|it| format!("{it:.2}"));
        let mut row = vec![it.name.clone(), it.samples.to_string(), format!("{:.0}", it.bytes)];
        row.extend(numbers);
        row
    });
    let mix: Vec<String> = disk::MIX.iter().map(|(name, share)| format!("{:.0} % {name}", share * 100.0)).collect();
    let all =
        vec![mix.join(", "), String::new(), String::new(), format!("{:.2}", figures.bytes_per_sample), String::new()];
    table(["SERIES", "SAMPLES", "BYTES", "BYTES/SAMPLE (must 1.5, aim 0.6)", "NOISE"], rows.chain([all]));
    println!();
    let rows = figures.logs.iter().map(|it| {
        let bounds = [it.most_raw_bytes_per_byte, it.random_raw_bytes_per_byte.unwrap_or(f64::NAN)];
        let ratios = [it.raw_bytes_per_byte, bounds[0], bounds[1]]
            .map(|it| if it.is_finite() { format!("1/{it:.1}") } else { "-".to_owned() });
        let mut row = vec![it.name.clone(), it.lines.to_string(), it.raw_bytes.to_string(), format!("{:.0}", it.bytes)];
        row.extend(ratios);
        row
    });
    table(["LOGS", "LINES", "RAW BYTES", "BYTES", "ON DISK (must 1/8)", "IDS ALONE", "ALL RANDOM"], rows);
    println!("\nwhat the bytes of lines are for, in percent");
    let rows = figures.logs.iter().map(|it| {
        let parts = [it.parts.filters, it.parts.plain, it.parts.words, it.parts.rows, it.parts.rest];
        let percent = |part: u64| format!("{:.1}", part as f64 * 100.0 / it.bytes);
        [it.name.clone()].into_iter().chain(parts.map(percent)).collect::<Vec<String>>()
    });
    table(["LOGS", "FILTERS", "PLAIN IDS", "WORDS", "ROWS", "HEADERS"], rows);
    if !figures.peers.is_empty() {
        peers(figures);
    }
}

fn peers(figures: &Figures) {
    println!("\nthe same remote write to each; the others store and do not judge");
    let row = |name: String, numbers: [f64; 4], digits: usize| {
        let mut row = vec![name];
        row.extend(numbers.map(|it| format!("{it:.digits$}")));
        row
    };
    let absolute = figures.peers.iter().map(|it| {
        let flooded = it.flooded;
        let [speed, cost] = [flooded.events_per_second, flooded.cpu_seconds_per_million];
        row(it.name.clone(), [speed, cost, flooded.peak_rss_mb, it.bytes_per_sample], 2)
    });
    let ratios = figures.ratios.iter().map(|it| {
        let numbers = [it.events_per_second, it.cpu_seconds_per_million, it.peak_rss, it.bytes_per_sample];
        row(format!("sentinel / {}", it.peer), numbers, 2)
    });
    table(["PROGRAM", "EVENTS/S", "CPU S/MILLION", "PEAK MB", "BYTES/SAMPLE"], absolute.chain(ratios));
}

fn table<const N: usize>(heading: [&str; N], rows: impl Iterator<Item = Vec<String>>) {
    offline::aligned::print(&heading.map(str::to_owned), &rows.collect::<Vec<_>>());
}
