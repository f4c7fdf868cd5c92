//! Do programs get the answers that the protocols promise? MUST 500 to 514 of docs/specs/predict.md.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed, as it should")]

mod support;

use std::io::Read as _;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use serde_json::{Value, json};
use signal::Meter as _;
use support::{Folder, config, open};

/// MUST 500, 501: a body with some fields under any spelling is answered, and the answer names the defaults.
#[tokio::test]
async fn some_fields_are_enough() {
    let folder = Folder::new();
    let server = open(&config(&folder), &folder);
    let (status, answer) = server.post("/predict", r#"{"hours_per_week": 50}"#).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["prediction"], &answer["label"]), (&json!(1), &json!(">50K")));
    assert!(answer["probability"].as_f64().unwrap() > 0.5);
    assert_eq!((&answer["model"], &answer["version"]), (&json!("income"), &json!("1")));
    assert_eq!(answer["defaulted"], json!(["education"]));
    let id = answer["id"].as_str().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "4"), "a UUID 4");
    let (_, answer) =
        server.post("/models/income/predict?version=2", r#"{"degree": "PhD", "Hours per week": 3}"#).await;
    assert_eq!((&answer["prediction"], &answer["version"]), (&json!(1), &json!("2")));
    assert_eq!(answer.get("defaulted"), None);
    // MUST 511: what turned out to be true may be told by the name of the class.
    let told = json!([{"id": answer["id"], "label": "<=50K"}, {"id": id, "label": "other"}]);
    assert_eq!(server.post("/feedback", told.to_string()).await.1["labels"], 2);
    let labels: Vec<_> = server.logged(2).into_iter().map(|it| it.label.map(|it| it.label)).collect();
    assert_eq!(labels, [Some("other".into()), Some(0.0.into())]);
    // What was given is logged, not what was filled in.
    let rows = server.logged(2);
    assert_eq!(rows[0].inference.features[1].1, signal::FeatureValue::Missing);
    assert_eq!(rows[1].inference.features[1].1, "PhD".into());
    assert_eq!(&*rows[0].inference.id, id);
}

/// MUST 618: a served version is given away whole, and nothing else is.
#[tokio::test]
async fn the_files_of_a_model_are_given_away() {
    let folder = Folder::new();
    let server = open(&config(&folder), &folder);
    let (status, list) = server.get("/models/income/files?version=2").await;
    assert_eq!((status, &list["version"]), (200, &json!("2")), "{list}");
    let names: Vec<&str> = list["files"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(names.len() >= 2 && names.contains(&"schema.json"), "{names:?}");
    let (status, schema) = server.get("/models/income/files/schema.json").await;
    assert_eq!(status, 200);
    assert!(schema["columns"].as_array().is_some_and(|it| !it.is_empty()), "{schema}");
    for name in ["nothing", "..%2F..%2Fetc%2Fpasswd", "sentinel.yaml"] {
        assert_eq!(server.get(&format!("/models/income/files/{name}")).await.0, 404, "{name}");
    }
    assert_eq!(server.get("/models/none/files").await.0, 404);
}

/// MUST 502: every field at fault is named, in a problem document.
#[tokio::test]
async fn every_field_at_fault_is_named() {
    let folder = Folder::new();
    let server = open(&config(&folder), &folder);
    let body = r#"{"hours_per_week": -1, "education": 1.5, "educaton": "PhD"}"#;
    let request = Request::post("/predict").body(Body::from(body)).unwrap();
    let (status, problem, response) = server.send(request).await;
    assert_eq!((status, &response.headers()["content-type"]), (422, &"application/problem+json".parse().unwrap()));
    let fields: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["educaton", "hours-per-week"]);
    assert!(problem["errors"][0]["problem"].as_str().unwrap().contains("did you mean \"education\""));
    let (_, warned) = server.post("/predict", r#"{"hours_per_week": 90, "education": "Doctor"}"#).await;
    assert_eq!(warned["warnings"].as_array().unwrap().len(), 2, "{warned}");
    for (body, wanted) in
        [("", 400), ("[1]", 400), ("{\"age\"", 400), ("{\"education\": {}}", 422), ("{\"hours-per-week\": 1e400}", 400)]
    {
        assert_eq!(server.post("/predict", body).await.0, wanted, "{body}");
    }
    let twice = server.post("/predict", r#"{"hours_per_week": 1, "hours-per-week": 2}"#).await;
    assert!(twice.1["detail"].as_str().unwrap().contains("twice"), "{twice:?}");
    assert_eq!(server.post("/models/other/predict", "{}").await.0, 404);
    assert_eq!(server.post("/predict?version=9", "{}").await.0, 404);
    // A batch names rows, too, and is refused as a whole.
    let (status, problem) = server.post("/predict/batch", r#"[{}, {"hours_per_week": "x"}, {"no": 1}]"#).await;
    let rows: Vec<u64> = problem["errors"].as_array().unwrap().iter().map(|it| it["row"].as_u64().unwrap()).collect();
    assert_eq!((status, rows), (422, vec![1, 2]));
    assert_eq!(server.logged(1).len(), 1);
}

/// MUST 889: what JSON has no words for is taken as training wrote it.
#[tokio::test]
async fn flags_and_codes_are_taken_as_training_wrote_them() {
    let folder = Folder::new();
    let config = config(&folder);
    let place = folder.join("model/schema.json");
    let text = std::fs::read_to_string(&place).unwrap();
    std::fs::write(&place, text.replace("\"Bachelors\"", "\"True\"").replace("\"HS-grad\"", "\"40\"")).unwrap();
    let server = open(&config, &folder);
    let mut n_rows = 0;
    for (sent, taken) in [("true", "True"), ("40", "40"), ("40.0", "40"), ("\"True\"", "True")] {
        let (status, answer) =
            server.post("/predict", format!(r#"{{"hours_per_week": 40.0, "education": {sent}}}"#)).await;
        assert_eq!((status, answer.get("warnings")), (200, None), "{sent}: {answer}");
        n_rows += 1;
        let rows = server.logged(n_rows);
        let values: Vec<String> = rows[n_rows - 1].inference.features.iter().map(|it| it.1.to_string()).collect();
        assert_eq!(values, ["40", taken]);
    }
    let (_, answer) = server.post("/predict", r#"{"education": false}"#).await;
    assert!(answer["warnings"][0]["problem"].as_str().unwrap().contains("\"false\""), "{answer}");
    // Whole numbers may be written as fractions, but have none.
    assert_eq!(server.post("/predict", r#"{"hours_per_week": 40.5}"#).await.0, 422);
}

/// MUST 503: bounds of rows, bytes and requests at a time.
#[tokio::test]
async fn limits_hold() {
    let folder = Folder::new();
    let mut config = config(&folder);
    (config.max_rows, config.max_body_bytes) = (3, 2048);
    let server = open(&config, &folder);
    assert_eq!(server.post("/predict/batch", "[{}, {}, {}]").await.0, 200);
    assert_eq!(server.post("/predict/batch", "[{}, {}, {}, {}]").await.0, 413);
    assert_eq!(server.post("/predict", format!("{{{}}}", " ".repeat(3000))).await.0, 413);
    config.max_in_flight = 1;
    let server = open(&config, &Folder::new());
    let place = server.desk.enter().unwrap();
    let request = Request::post("/predict").body(Body::from("{}")).unwrap();
    let (status, _, response) = server.send(request).await;
    assert_eq!((status, &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    drop(place);
    assert_eq!(server.post("/predict", "{}").await.0, 200);
}

/// MUST 504: shadow and canary.
#[tokio::test]
async fn shadow_and_canary_answer_as_configured() {
    let folder = Folder::new();
    let mut config = config(&folder);
    config.models[0].shadow = Some("2".to_owned());
    let server = open(&config, &folder);
    assert_eq!(server.post("/predict", "{}").await.1["version"], "1");
    let rows = server.logged(2);
    let versions: Vec<&str> = rows.iter().map(|it| &*it.inference.version).collect();
    assert_eq!(versions, ["2", "1"]);
    assert_eq!(rows[0].inference.id, rows[1].inference.id);
    // MUST 881: the log tells them apart, and a table without versions has only what was answered.
    assert_eq!(rows.iter().map(|it| it.inference.is_shadow).collect::<Vec<_>>(), [true, false]);
    let (_, lines) = server.get("/sentinel/v1/inferences?format=csv").await;
    assert_eq!(lines.as_str().unwrap().lines().count(), 2, "{lines}");
    let (_, lines) = server.get("/sentinel/v1/inferences?format=csv&version=2").await;
    assert_eq!(lines.as_str().unwrap().lines().count(), 2, "{lines}");
    config.models[0].shadow = None;
    config.models[0].canary = Some(predict::CanaryConfig { version: "2".to_owned(), percent: 20.0 });
    let server = open(&config, &Folder::new());
    let mut of_canary = 0;
    for _ in 0..500 {
        of_canary += usize::from(server.post("/predict", "{}").await.1["version"] == "2");
    }
    // Five standard deviations of a binomial of 500 at 0.2 are 45.
    assert!((55..=145).contains(&of_canary), "{of_canary}");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = vec![];
    let mut encoder = flate2::read::GzEncoder::new(text.as_bytes(), flate2::Compression::default());
    encoder.read_to_end(&mut packed).unwrap();
    packed
}

fn tensor(name: &str, datatype: &str, data: Value) -> Value {
    json!({"name": name, "shape": [data.as_array().unwrap().len(), 1], "datatype": datatype, "data": data})
}

/// MUST 505: the Open Inference Protocol.
#[tokio::test]
async fn speaks_the_open_inference_protocol() {
    let folder = Folder::new();
    let server = open(&config(&folder), &folder);
    assert_eq!(server.get("/v2/health/live").await, (200, json!({"live": true})));
    assert_eq!(server.get("/v2/health/ready").await, (200, json!({"ready": true})));
    assert_eq!(server.get("/v2/models/income/versions/2/ready").await.1["ready"], true);
    let (_, model) = server.get("/v2/models/income").await;
    assert_eq!((&model["versions"], &model["inputs"][0]["datatype"]), (&json!(["1", "2"]), &json!("INT64")));
    let (status, error) = server.get("/v2/models/other").await;
    assert!(status == 404 && error["error"].as_str().unwrap().contains("other"));
    let body = json!({
        "id": "abc",
        "inputs": [tensor("hours-per-week", "INT64", json!([50, 10])), tensor("education", "BYTES", json!(["PhD", "HS-grad"]))],
    });
    let (status, answer) = server.post("/v2/models/income/versions/1/infer", body.to_string()).await;
    assert_eq!((status, &answer["id"], &answer["model_version"]), (200, &json!("abc"), &json!("1")), "{answer}");
    assert_eq!(answer["outputs"][0], json!({"name": "predict", "datatype": "INT64", "shape": [2], "data": [1, 0]}));
    assert_eq!(answer["outputs"][1]["shape"], json!([2, 2]));
    assert_eq!(answer["outputs"][2]["data"], json!([">50K", "<=50K"]));
    let ids: Vec<String> = server.logged(2).iter().map(|it| it.inference.id.to_string()).collect();
    assert_eq!(ids, ["abc-0", "abc-1"]);
    // One tensor with all fields, only one output, and Triton's bytes behind the JSON.
    let header = json!({
        "inputs": [{"name": "hours-per-week", "shape": [1], "datatype": "INT64", "parameters": {"binary_data_size": 8}}],
        "outputs": [{"name": "predict"}],
    })
    .to_string();
    let mut bytes = header.clone().into_bytes();
    bytes.extend(50_i64.to_le_bytes());
    let request = Request::post("/v2/models/income/infer").header("inference-header-content-length", header.len());
    let (status, answer, _) = server.send(request.body(Body::from(bytes)).unwrap()).await;
    assert_eq!((status, answer["outputs"].as_array().unwrap().len()), (200, 1), "{answer}");
    for bad in ["{}", r#"{"inputs": []}"#, r#"{"inputs": [{"name": "education", "shape": [2], "data": ["x"]}]}"#] {
        let (status, error) = server.post("/v2/models/income/infer", bad).await;
        assert!(status == 400 && error["error"].is_string(), "{bad}: {error}");
    }
}

/// MUST 506: the four forms of MLflow.
#[tokio::test]
async fn takes_invocations_of_mlflow() {
    let folder = Folder::new();
    let server = open(&config(&folder), &folder);
    let forms = [
        json!({"dataframe_split": {"columns": ["hours-per-week", "education"], "data": [[50, "PhD"], [10, "HS-grad"]]}}),
        json!({"dataframe_records": [{"hours-per-week": 50, "education": "PhD"}, {"hours-per-week": 10, "education": "HS-grad"}]}),
        json!({"instances": [[50, "PhD"], [10, "HS-grad"]]}),
        json!({"inputs": {"hours-per-week": [50, 10], "education": ["PhD", "HS-grad"]}, "params": {}}),
    ];
    for form in forms {
        assert_eq!(
            server.post("/invocations", form.to_string()).await,
            (200, json!({"predictions": [1, 0]})),
            "{form}"
        );
    }
    for bad in [
        json!({}),
        json!({"instances": [], "inputs": []}),
        json!({"instances": [[1]]}),
        json!({"inputs": 3}),
        json!({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}),
    ] {
        let (status, error) = server.post("/invocations", bad.to_string()).await;
        assert!(status == 400 && error["error_code"] == "BAD_REQUEST", "{bad}: {error}");
    }
}

/// MUST 510, 511: predictions of others, and labels that come later.
#[tokio::test]
async fn takes_predictions_and_labels() {
    let folder = Folder::new();
    let server = open(&config(&folder), &folder);
    let body = json!({"inferences": [
        {"id": "a", "model": "churn", "version": 3, "time": "2026-01-31T12:00:00Z", "features": {"x": 1.5, "y": "z"}, "prediction": 1, "probability": 0.9},
        {"model": "churn", "features": {}, "prediction": "yes", "label": "no"},
        {"model": "churn", "features": 3, "prediction": 1},
        {"model": "churn", "features": {}, "prediction": 1, "probability": 7},
        {"model": "churn", "features": {}, "prediction": 1, "probabilities": [0.5, "x", 0.25]},
    ]});
    let (status, answer) = server.post("/sentinel/v1/inferences", body.to_string()).await;
    assert_eq!(
        (status, &answer["taken"], answer["refused"].as_array().unwrap().len()),
        (202, &json!(2), 3),
        "{answer}"
    );
    assert_eq!(server.post("/sentinel/v1/inferences", "[{}]").await.0, 422);
    let joined = json!({"labels": 1, "joined": 1, "pending": 0});
    assert_eq!(server.post("/feedback", r#"{"id": "a", "label": 0}"#).await, (202, joined));
    let (status, early) = server.post("/feedback", r#"[{"id": "a", "label": 0}, {"id": "early", "label": 1}]"#).await;
    assert_eq!((status, &early["joined"], &early["pending"]), (202, &json!(1), &json!(1)), "MUST 614: {early}");
    assert!(early["note"].as_str().unwrap().contains("after 600 s"), "{early}");
    assert_eq!(server.post("/feedback", r#"[{"id": "a", "label": 1}, {"id": "b", "label": true}]"#).await.0, 202);
    assert_eq!(server.post("/feedback", r#"{"id": "", "label": 1}"#).await.0, 422);
    assert_eq!(server.post("/feedback", r#"{"id": "a"}"#).await.0, 422);
    let rows = server.logged(2);
    assert_eq!(rows[0].label.as_ref().unwrap().label, 1.0.into(), "the later label counts");
    assert_eq!(rows[1].label.as_ref().unwrap().label, "no".into());
    let (_, lines) = server.get("/sentinel/v1/inferences?model=churn&limit=1").await;
    assert_eq!(
        (&lines["id"], &lines["label"]["label"], &lines["features"]["y"]),
        (&json!("a"), &json!(1.0), &json!("z"))
    );
    let (_, text) = server.get("/sentinel/v1/inferences?format=csv&after=0&version=3").await;
    assert_eq!(text, json!("x,y,prediction,probability,timestamp,id\n1.5,z,1,0.9,2026-01-31T12:00:00.000Z,a\n"));
    assert_eq!(server.get("/sentinel/v1/inferences?model=none").await.1, json!(""));
    assert_eq!(server.get("/sentinel/v1/inferences?limit=x").await.0, 400);
    let (status, parquet, response) =
        server.send(Request::get("/sentinel/v1/inferences?format=parquet").body(Body::empty()).unwrap()).await;
    assert!(status == 200 && parquet.as_str().unwrap().starts_with("PAR1"));
    assert_eq!(response.headers()["content-type"], "application/vnd.apache.parquet");
}

/// MUST 510: numbers are logged, and given back, to their last bit, as the sender wrote them.
#[tokio::test]
async fn numbers_keep_their_last_bit() {
    let folder = Folder::new();
    let server = open(&config(&folder), &folder);
    // Of numbers with 16 digits and more a careless reader misses about one in eleven.
    let sent: Vec<f64> = (1..=500).map(|it| (f64::from(it) * std::f64::consts::PI).sin().abs() * 100.0).collect();
    let row = |(idx, it): (usize, &f64)| json!({"id": idx.to_string(), "model": "m", "features": {"x": it}, "prediction": it});
    let rows: Vec<Value> = sent.iter().enumerate().map(row).collect();
    assert_eq!(server.post("/sentinel/v1/inferences", json!(rows).to_string()).await.0, 202);
    let logged = server.logged(sent.len());
    let of = |get: &dyn Fn(&signal::Inference) -> Option<f64>| {
        logged.iter().filter_map(|it| get(&it.inference)).collect::<Vec<_>>()
    };
    assert_eq!(of(&|it| it.features[0].1.as_number()), sent);
    assert_eq!(of(&|it| it.prediction.as_number()), sent);
    let (_, csv) = server.get("/sentinel/v1/inferences?format=csv&model=m").await;
    let cell = |line: &str| line.split(',').next().and_then(|it| it.parse::<f64>().ok());
    assert_eq!(csv.as_str().unwrap().lines().filter_map(cell).collect::<Vec<_>>(), sent);
}

/// MUST 512: CloudEvents of KServe's logger, in both modes.
#[tokio::test]
async fn takes_cloudevents_of_kserve() {
    let folder = Folder::new();
    let server = open(&config(&folder), &folder);
    let binary = |kind: &str, body: Value| {
        Request::post("/")
            .header("content-type", "application/json")
            .header("ce-specversion", "1.0")
            .header("ce-id", "e1")
            .header("ce-type", format!("org.kubeflow.serving.inference.{kind}"))
            .header("ce-source", "http://localhost:9081/")
            .header("ce-inferenceservicename", "iris")
            .header("ce-time", "2026-01-31T12:00:00Z")
            .body(Body::from(body.to_string()))
            .unwrap()
    };
    let request = json!({"instances": [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]});
    assert_eq!(server.send(binary("request", request)).await.0, 202);
    assert_eq!(server.send(binary("response", json!({"predictions": [1, 2]}))).await.0, 202);
    let rows = server.logged(2);
    assert_eq!((&*rows[1].inference.id, &*rows[1].inference.model), ("e1-1", "iris"));
    assert_eq!((rows[1].inference.prediction.clone(), rows[1].inference.features.len()), (2.0.into(), 4));
    let event = |kind: &str, data: Value| json!({"specversion": "1.0", "id": "e2", "source": "s", "type": format!("org.kubeflow.serving.inference.{kind}"), "data": data});
    for it in [event("response", json!({"predictions": [5]})), event("request", json!({"inputs": {"a": [1]}}))] {
        let request = Request::post("/cloudevents").header("content-type", "application/cloudevents+json");
        assert_eq!(server.send(request.body(Body::from(it.to_string())).unwrap()).await.0, 202);
    }
    assert_eq!(&*server.logged(3)[2].inference.id, "e2");
    // MUST 883: JSON that a library took for bytes, and packed with gzip on the way.
    for (kind, data) in [("request", r#"{"instances": [[1.5]]}"#), ("response", r#"{"predictions": [3]}"#)] {
        let data = base64::engine::general_purpose::STANDARD.encode(data);
        let event = json!({"specversion": "1.0", "id": "e3", "source": "s", "type": format!("org.kubeflow.serving.inference.{kind}"), "data_base64": data});
        let request = Request::post("/").header("content-type", "application/cloudevents+json");
        let request = request.header("content-encoding", "gzip").body(Body::from(gzip(&event.to_string())));
        assert_eq!(server.send(request.unwrap()).await.0, 202);
    }
    let row = &server.logged(4)[3].inference;
    assert_eq!((&*row.id, &row.features[0].1, &row.prediction), ("e3", &1.5.into(), &3.0.into()));
    for (key, value) in [("data_base64", json!("%")), ("data_base64", json!("e30x")), ("data_base64", json!(1))] {
        let mut event =
            json!({"specversion": "1.0", "id": "e4", "source": "s", "type": "org.kubeflow.serving.inference.request"});
        event[key] = value;
        let request = Request::post("/").header("content-type", "application/cloudevents+json");
        let (status, problem, _) = server.send(request.body(Body::from(event.to_string())).unwrap()).await;
        assert!(status == 400 || status == 422, "{status}: {problem}");
    }
    let request = Request::post("/").header("content-encoding", "br").body(Body::from("x")).unwrap();
    let (status, problem, _) = server.send(request).await;
    assert!(status == 400 && problem["detail"].as_str().unwrap().contains("send gzip or none"), "{problem}");
    assert_eq!(server.post("/", "{}").await.0, 400);
}

/// MUST 513: a proxy passes requests on, answers as the server behind it does, and logs the call.
#[tokio::test]
async fn a_proxy_logs_what_passes() {
    let upstream = axum::Router::new()
        .route(
            "/v2/models/iris/infer",
            axum::routing::post(|| async {
                r#"{"outputs": [{"name": "predict", "shape": [1], "datatype": "INT64", "data": [2]}]}"#
            }),
        )
        .fallback(|| async { (axum::http::StatusCode::IM_A_TEAPOT, "no") });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, upstream).await });
    let folder = Folder::new();
    let proxy = |name: &str, upstream: String| predict::ProxyConfig {
        name: name.to_owned(),
        upstream,
        ..predict::ProxyConfig::default()
    };
    let mut config = config(&folder);
    // Nothing listens on port 1 of the loopback.
    config.proxies =
        vec![proxy("triton", format!("http://{address}/")), proxy("dead", "http://127.0.0.1:1".to_owned())];
    let server = open(&config, &folder);
    let body = json!({"inputs": [tensor("petal", "FP64", json!([1.5]))]}).to_string();
    let (status, answer) = server.post("/proxy/triton/v2/models/iris/infer", body).await;
    assert_eq!((status, &answer["outputs"][0]["data"]), (200, &json!([2])));
    let rows = server.logged(1);
    assert_eq!((&*rows[0].inference.model, &rows[0].inference.prediction), ("iris", &2.0.into()));
    assert_eq!(rows[0].inference.features, [("petal".into(), 1.5.into())]);
    assert_eq!(server.get("/proxy/triton/other").await, (418, json!("no")));
    assert_eq!(server.post("/proxy/dead/x", "{}").await.0, 502);
    assert_eq!(server.post("/proxy/none/x", "{}").await.0, 404);
}

/// What the server behind a proxy sends back: binary tensors, an error, nothing at all (and then it tells that it was asked).
fn upstream(asked: Arc<tokio::sync::Notify>) -> axum::Router {
    use axum::routing::post;
    let tensors = || async {
        let json = json!({"outputs": [{"name": "y", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]});
        let json = json.to_string();
        let length = json.len().to_string();
        let bytes: Vec<u8> = [json.as_bytes(), &0.5_f32.to_le_bytes(), &0.25_f32.to_le_bytes()].concat();
        ([("inference-header-content-length", length)], bytes)
    };
    let silent = move || {
        asked.notify_one();
        std::future::pending::<&str>()
    };
    axum::Router::new()
        .route("/tensors", post(tensors))
        .route("/packed", post(|| async { r#"{"predictions": [4]}"# }))
        .route("/bad", post(|| async { (axum::http::StatusCode::UNPROCESSABLE_ENTITY, "no such field") }))
        .route("/down", post(|| async { (axum::http::StatusCode::SERVICE_UNAVAILABLE, "overload") }))
        .route("/silent", post(silent))
}

/// A server that goes away in the middle of its answer.
async fn torn(listener: tokio::net::TcpListener) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (mut socket, _) = listener.accept().await.unwrap();
    let (mut asked, mut part) = (vec![], [0; 1024]);
    while !asked.ends_with(b"[[1]]") {
        let n = socket.read(&mut part).await.unwrap();
        asked.extend_from_slice(&part[..n]);
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"predictions\": [1";
    socket.write_all(answer).await.unwrap();
}

/// MUST 884, 885, 890: what passes a proxy as tensors behind the JSON or packed is logged as well, and what does not come
/// to its end, or is answered with an error, is counted.
#[tokio::test]
async fn a_proxy_knows_tensors_and_errors() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(tokio::sync::Notify::new());
    let router = upstream(Arc::clone(&asked));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let torn_address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(torn(listener));
    let folder = Folder::new();
    let mut config = config(&folder);
    let proxy = |name: &str, upstream| predict::ProxyConfig {
        name: name.to_owned(),
        upstream,
        ..predict::ProxyConfig::default()
    };
    config.proxies = vec![proxy("up", address), proxy("torn", torn_address)];
    let server = open(&config, &folder);
    let request = json!({"inputs": [{"name": "x", "shape": [2, 1], "datatype": "INT64", "parameters": {"binary_data_size": 16}}]});
    let request = request.to_string();
    let bytes = [request.as_bytes(), &7_i64.to_le_bytes(), &8_i64.to_le_bytes()].concat();
    let tensors = Request::post("/proxy/up/tensors").header("inference-header-content-length", request.len());
    assert_eq!(server.send(tensors.body(Body::from(bytes)).unwrap()).await.0, 200);
    let packed = Request::post("/proxy/up/packed").header("content-encoding", "gzip");
    let packed = packed.body(Body::from(gzip(r#"{"instances": [[9]]}"#))).unwrap();
    assert_eq!(server.send(packed).await.0, 200);
    let rows = server.logged(3);
    let told =
        |it: &signal::LoggedInference| (it.inference.features[0].1.to_string(), it.inference.prediction.to_string());
    let told: Vec<(String, String)> = rows.iter().map(told).collect();
    assert_eq!(told, [("7", "0.5"), ("8", "0.25"), ("9", "4")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(server.post("/proxy/up/bad", "{}").await, (422, json!("no such field")));
    assert_eq!(server.post("/proxy/up/down", "{}").await, (503, json!("overload")));
    // The client sees that it broke off, too.
    let broken = Request::post("/proxy/torn/x").body(Body::from("[[1]]")).unwrap();
    let body = tower::ServiceExt::oneshot(server.router.clone(), broken).await.unwrap().into_body();
    assert!(http_body_util::BodyExt::collect(body).await.is_err());
    // A client that does not wait any longer.
    tokio::select! {
        answer = server.post("/proxy/up/silent", "[[1]]") => panic!("{answer:?}"),
        () = asked.notified() => {}
    }
    let metrics = server.desk.metrics();
    let of = |name: &str, label: &str| {
        let fits =
            |it: &&signal::Metric| it.name == name && (label.is_empty() || it.labels.iter().any(|it| it.1 == label));
        metrics.iter().find(fits).map(|it| it.value)
    };
    let errors = "sentinel_predict_proxied_errors_total";
    assert_eq!((of(errors, "4xx"), of(errors, "5xx")), (Some(1.0), Some(1.0)));
    assert_eq!(of("sentinel_predict_proxied_rows_total", ""), Some(3.0));
    assert_eq!(of("sentinel_predict_proxied_skipped_total", ""), Some(1.0));
    assert_eq!(of("sentinel_predict_proxied_failed_total", ""), Some(1.0));
}
