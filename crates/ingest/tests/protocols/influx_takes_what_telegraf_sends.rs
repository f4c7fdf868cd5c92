//! Is the line protocol taken as Telegraf sends it, and are errors told in the shapes of both versions of the API?

use std::io::Write as _;

use axum::http::StatusCode;
use ingest::{Config, Refused};

use crate::fake::Service;

/// What the inputs cpu, mem, disk, net, system and http_response of Telegraf 1.30 write.
const TELEGRAF: &str = "\
cpu,cpu=cpu-total,host=web-1 usage_user=2.5,usage_system=1.25,usage_idle=96.1,usage_iowait=0 1700000000000000000
mem,host=web-1 active=4294967296i,available=8589934592i,available_percent=51.2,used=8053063680i 1700000000000000000
disk,device=sda1,fstype=ext4,host=web-1,mode=rw,path=/ free=1099511627776i,inodes_used=18446744073709551615u 1700000000000000000
system,host=web-1 load1=0.25,n_cpus=8i,uptime=86400i 1700000000000000000
system,host=web-1 uptime_format=\"1 day,  0:00\" 1700000000000000000
http_response,host=web-1,method=GET,result=success,server=http://shop:80/a\\ b http_response_code=200i,response_time=0.012,response_string_match=true,result_type=\"success\" 1700000000000000000
";

fn series(service: &Service) -> Vec<String> {
    let samples = service.recorder.samples.lock().unwrap();
    samples.iter().map(|it| format!("{} {}@{}", it.labels, it.points[0].value, it.points[0].time.millis())).collect()
}

fn dropped(service: &Service, reason: &str) -> f64 {
    service.metric("sentinel_ingest_signals_dropped_total", "influx", reason)
}

/// Guarantees: MUST 100, 101 and 102 of docs/specs/ingest.md.
#[tokio::test]
async fn a_batch_of_telegraf_is_stored() {
    let service = Service::new();
    let answer = service.post("/write?db=telegraf&precision=ns", &[], TELEGRAF).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(answer.headers["x-influxdb-version"], "1.8.10");
    let found = series(&service);
    assert_eq!(found.len(), 16, "{found:#?}");
    for expected in [
        r#"cpu_usage_user{cpu="cpu-total",db="telegraf",host="web-1"} 2.5@1700000000000"#,
        r#"mem_active{db="telegraf",host="web-1"} 4294967296@1700000000000"#,
        r#"disk_inodes_used{db="telegraf",device="sda1",fstype="ext4",host="web-1",mode="rw",path="/"} 18446744073709552000@1700000000000"#,
        r#"http_response_response_string_match{db="telegraf",host="web-1",method="GET",result="success",server="http://shop:80/a b"} 1@1700000000000"#,
    ] {
        assert!(found.iter().any(|it| it == expected), "{expected} in {found:#?}");
    }
    assert_eq!(dropped(&service, "text"), 2.0);
    assert_eq!(service.metric("sentinel_ingest_signals_received_total", "influx", ""), 16.0);
}

/// Guarantees: MUST 100 and 101: version 2, gzip, units, and the arrival where a line has no time.
#[tokio::test]
async fn version_two_takes_gzip_and_every_unit() {
    let service = Service::new();
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    encoder.write_all(b"m,a=1 value=1 1700000001\n").unwrap();
    let headers = [("content-encoding", "gzip"), ("authorization", "Token x")];
    let path = "/api/v2/write?org=o&bucket=shop&precision=s";
    assert_eq!(service.post(path, &headers, encoder.finish().unwrap()).await.status, StatusCode::NO_CONTENT);
    let path = "/api/v2/write?bucket=shop&precision=ms";
    assert_eq!(service.post(path, &[], "m,a=1 value=2 1700000002000").await.status, StatusCode::NO_CONTENT);
    assert_eq!(service.post("/api/v2/write?org=o", &[], "n,db=own x=3").await.status, StatusCode::NO_CONTENT);
    assert_eq!(
        series(&service),
        [
            r#"m{a="1",db="shop"} 1@1700000001000"#,
            r#"m{a="1",db="shop"} 2@1700000002000"#,
            r#"n_x{db="own"} 3@1700000000002"#
        ]
    );
    assert_eq!(service.post("/api/v2/write", &[], "# nothing\n\n").await.status, StatusCode::NO_CONTENT);
}

/// Guarantees: MUST 103: good lines stay, the first bad one is named with its number, in the shape of each version.
#[tokio::test]
async fn a_partial_write_is_told() {
    let body = "good value=1\n\ncpu,host=web-1 usage=\nother value=2\nlate value=1 7300000000000000000\n";
    for (path, is_v2) in [("/write?db=d", false), ("/api/v2/write?bucket=d", true)] {
        let service = Service::new();
        let answer = service.post(path, &[], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let expected = "partial write: line 3: unable to parse 'cpu,host=web-1 usage=': missing field value dropped=2";
        let shown = answer.json();
        if is_v2 {
            assert_eq!(shown, serde_json::json!({"code": "invalid", "message": expected, "line": 3}));
        } else {
            assert_eq!(shown, serde_json::json!({"error": expected}));
            assert_eq!(answer.headers["x-influxdb-error"], expected);
        }
        assert_eq!(series(&service).len(), 2);
        assert_eq!((dropped(&service, "malformed"), dropped(&service, "timestamp")), (1.0, 1.0));
    }
}

/// Guarantees: MUST 873: version 3 of the API: units by the size of the numbers, and a body that is taken whole or not.
#[tokio::test]
async fn version_three_takes_what_its_clients_send() {
    let service = Service::new();
    let path = "/api/v3/write_lp?db=shop&accept_partial=true&no_sync=false";
    for time in ["1700000000", "1700000000000", "1700000000000000", "1700000000000000000"] {
        let answer = service.post(path, &[], format!("m,a=1 value=1 {time}")).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::NO_CONTENT, ""));
    }
    assert_eq!(series(&service), [r#"m{a="1",db="shop"} 1@1700000000000"#; 4]);
    let answer = service.post("/api/v3/write_lp?precision=second", &[], "n x=3 1700000001").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let body = "good value=1 1700000000\ncpu,host=a val= 123\nother value=2 1700000000\n";
    let answer = service.post("/api/v3/write_lp?accept_partial=false", &[], body).await;
    assert_eq!((answer.status, series(&service).len()), (StatusCode::BAD_REQUEST, 5), "nothing of it");
    assert_eq!(answer.json()["error"], "parsing failed for write_lp endpoint");
    let bad_line = &answer.json()["data"];
    assert_eq!((&bad_line["line_number"], &bad_line["original_line"]), (&2.into(), &"cpu,host=a val= 123".into()));
    assert_eq!(service.metric("sentinel_ingest_errors_total", "influx", "malformed"), 1.0);
    let answer = service.post("/api/v3/write_lp", &[], body).await;
    assert_eq!((answer.status, series(&service).len()), (StatusCode::BAD_REQUEST, 7), "the two good ones");
    assert_eq!(answer.json()["error"], "partial write of line protocol occurred");
    let bad_line = &answer.json()["data"][0];
    assert_eq!((&bad_line["line_number"], &bad_line["original_line"]), (&2.into(), &"cpu,host=a val= 123".into()));
    assert!(bad_line["error_message"].as_str().unwrap().contains("missing field value dropped=1"), "{bad_line}");
    let answer = service.post("/api/v3/write_lp?precision=h", &[], "m a=1").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json()["error"].as_str().unwrap().starts_with("invalid precision \"h\""), "{}", answer.text);
}

/// Guarantees: MUST 103 and 7: a body without a single good line, and parameters that are wrong.
#[tokio::test]
async fn what_is_wholly_wrong_is_refused() {
    let service = Service::new();
    let answer = service.post("/write?db=d", &[], "hello\n").await;
    assert_eq!(answer.json()["error"], "line 1: unable to parse 'hello': missing fields");
    let answer = service.post("/api/v2/write?precision=m", &[], "m a=1").await;
    assert_eq!(answer.json()["message"], "invalid precision \"m\" (use ns, us, ms or s)");
    for (headers, body, status) in [
        (&[("content-encoding", "gzip")][..], &b"no gzip"[..], StatusCode::BAD_REQUEST),
        (&[("content-encoding", "br")], b"m a=1", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (&[], b"m,t=\xff a=1", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(service.post("/write", headers, body).await.status, status);
    }
    assert!(series(&service).is_empty());
    let labels: String = (0..65).map(|it| format!(",l{it}=x")).collect();
    let answer = service.post("/write", &[], format!("m{labels} a=1\nm b=1")).await;
    assert!(answer.json()["error"].as_str().unwrap().contains("66 labels"), "{}", answer.text);
    assert_eq!((series(&service).len(), dropped(&service, "label_count")), (1, 1.0));
}

/// Guarantees: MUST 5 and 6: overload is 503 with `Retry-After`, bombs are 413.
#[tokio::test]
async fn overload_and_bombs() {
    let service =
        Service::with(&Config { max_decompressed_bytes: 1 << 20, max_body_bytes: 1 << 20, ..Config::default() });
    service.recorder.refusals.lock().unwrap().push(Refused::Busy { retry_after_secs: 3 });
    let answer = service.post("/api/v2/write", &[], "m a=1").await;
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"3".parse().unwrap())
    );
    assert_eq!(answer.json()["code"], "unavailable");
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    encoder.write_all(&vec![b' '; 2 << 20]).unwrap();
    let answer = service.post("/write", &[("content-encoding", "gzip")], encoder.finish().unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

/// Guarantees: MUST 104: Telegraf finds what it asks for before it writes.
#[tokio::test]
async fn clients_find_ping_and_their_database() {
    let service = Service::new();
    for method in ["GET", "HEAD"] {
        let answer = service.send(method, "/ping", &[], "").await;
        assert_eq!(
            (answer.status, &answer.headers["x-influxdb-version"]),
            (StatusCode::NO_CONTENT, &"1.8.10".parse().unwrap())
        );
    }
    for (path, body) in [
        ("/query?q=CREATE+DATABASE+%22telegraf%22", ""),
        ("/query", "q=CREATE+DATABASE+%22telegraf%22"),
        ("/query", "q=create%20database%20telegraf"),
    ] {
        let answer = service.post(path, &[], body).await;
        assert_eq!(
            (answer.status, &answer.json()["results"][0]["statement_id"]),
            (StatusCode::OK, &0.into()),
            "{path}"
        );
    }
    assert_eq!(service.post("/query?q=SELECT+1", &[], "").await.status, StatusCode::BAD_REQUEST);
}
