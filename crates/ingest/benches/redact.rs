//! What does it cost to look for secrets? On lines as services write them, and on published ones where
//! `SENTINEL_TEST_DATA` names the folder with the loghub samples.

use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn of_services() -> Vec<String> {
    let line = |idx: usize| match idx % 6 {
        0 => format!(
            "2026-01-31T12:00:{:02}.123Z INFO request done method=GET path=/api/v1/orders/{idx} status=200 took={}ms",
            idx % 60,
            idx % 97
        ),
        1 => format!(
            r#"{{"time":"2026-01-31T12:00:{:02}Z","level":"info","msg":"order {idx} stored","service":"orders","trace_id":"{idx:032x}","took_ms":{}}}"#,
            idx % 60,
            idx % 31
        ),
        2 => format!(
            "10.0.{}.{} - - [31/Jan/2026:12:00:00 +0000] \"GET /static/app.{idx:08x}.js HTTP/1.1\" 200 {idx} \"-\" \"Mozilla/5.0\"",
            idx % 256,
            idx % 255
        ),
        3 => {
            format!("WARN pool exhausted: active=50 idle=0 waiting={idx} timeout=30000ms url=postgres://db:5432/orders")
        }
        4 => format!(
            "ERROR com.shop.Payments - cannot reach gateway at 10.1.2.{}: java.net.SocketTimeoutException: Read timed out",
            idx % 256
        ),
        _ => format!("DEBUG session {idx} user={idx} password=hunter{idx} refused"),
    };
    (0..2000).map(line).collect()
}

fn published(folder: &str) -> Vec<String> {
    let mut lines = vec![];
    for entry in std::fs::read_dir(Path::new(folder).join("templates")).expect("the folder has templates").flatten() {
        let name = entry.file_name().into_string().expect("names are text");
        let Ok(file) = std::fs::File::open(entry.path().join(format!("{name}_2k.log.gz"))) else { continue };
        let mut text = vec![];
        flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text).expect("the file is whole");
        lines.extend(String::from_utf8_lossy(&text).lines().map(str::to_owned));
    }
    lines
}

fn redact(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redact");
    let mut measure = |name: &str, lines: &[String]| {
        group.throughput(Throughput::Bytes(lines.iter().map(|it| it.len() as u64).sum()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| lines.iter().map(|it| ingest::redacted(black_box(it), &mut |_| {}).len()).sum::<usize>());
        });
    };
    measure("lines of services", &of_services());
    if let Ok(folder) = std::env::var("SENTINEL_TEST_DATA") {
        measure("loghub", &published(&folder));
    }
}

criterion_group!(benches, redact);
criterion_main!(benches);
