//! Does a model in an ONNX file that was exported from Python forecast a watch, and is one that does not fit told?

use std::path::Path;
use std::process::Command;

use crate::support::server::{Folder, QUIET};

fn wave() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/models/wave.onnx").display().to_string()
}

fn watch(path: &str, lookback: &str, scaled: bool) -> String {
    format!(
        "{QUIET}
watches:
  - metric: load_wave
    granularity: 1s
    horizon: 12s
    lookback: {lookback}
    model_class: onnx
    parameters: {{path: '{path}', scaled: {scaled}}}
"
    )
}

fn check(name: &str, config: &str) -> String {
    let folder = Folder::new(name);
    let file = folder.write("sentinel.yaml", config);
    let run = Command::new(env!("CARGO_BIN_EXE_sentinel")).arg("check").arg("-c").arg(file).output().unwrap();
    assert_ne!(run.status.code(), Some(0), "it is refused");
    format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr))
}

/// Guarantees: MUST 439 of docs/specs/onnx.md.
#[cfg(not(feature = "onnx"))]
#[test]
fn a_build_without_the_runtime_says_how_to_get_it() {
    let said = check("network-without", &watch(&wave(), "2m", false));
    assert!(said.contains("model_class: onnx needs a build with the feature onnx"), "{said}");
}

#[cfg(feature = "onnx")]
mod with_the_runtime {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::{check, watch, wave};
    use crate::support::server::Server;
    use crate::support::wait_for;

    fn now() -> i64 {
        jiff::Timestamp::now().as_second()
    }

    fn value(secs: i64) -> f64 {
        let angle = std::f64::consts::TAU * (secs % 12) as f64 / 12.0;
        500.0 + 40.0 * angle.sin() + 15.0 * (2.0 * angle).cos()
    }

    fn observation(secs: i64) -> Value {
        let time = jiff::Timestamp::from_second(secs).unwrap().to_string();
        json!({"timestamp": time, "service_name": "pump", "metrics": {"load_wave": value(secs)}})
    }

    /// Guarantees: MUST 439 of docs/specs/onnx.md. The horizon is twice what the model tells at once.
    #[test]
    fn a_wave_is_forecast_exactly() {
        let server = Server::start("network-wave", &watch(&wave(), "2m", true));
        let begin = now();
        // Some of what is to come, too: each value is there when its second is asked for.
        let all: Vec<Value> = (-120..300).map(|it| observation(begin + it)).collect();
        assert_eq!(server.post_json("/monitor", &json!(all)).status, 200);
        // A first look may fall into the middle of the post, and then holds the last value for what is not there yet. The
        // model reads 36 values: so much later it has seen none of that.
        let points = wait_for(Duration::from_secs(240), "the wave is forecast exactly", || {
            let all = server.list("/sentinel/v1/models?limit=10");
            let model = all.first().filter(|it| it["ready"] == true)?;
            let told = server.get(&format!("/sentinel/v1/models/{}/chart", model["id"].as_str()?)).json();
            told["forecast"].as_array().filter(|it| it.iter().all(is_exact)).cloned()
        });
        assert_eq!(points.len(), 12, "{points:?}");
    }

    fn is_exact(point: &Value) -> bool {
        let time: jiff::Timestamp = point["time"].as_str().unwrap().parse().unwrap();
        (point["value"].as_f64().unwrap() - value(time.as_second())).abs() < 0.5
    }

    /// Guarantees: MUST 439 of docs/specs/onnx.md.
    #[test]
    fn what_does_not_fit_is_told() {
        let said = check("network-missing", &watch("nothing.onnx", "2m", false));
        assert!(said.contains("watches[0].parameters.path: \"nothing.onnx\": cannot read nothing.onnx"), "{said}");
        let said = check("network-short", &watch(&wave(), "30s", false));
        assert!(
            said.contains("watches[0].lookback: \"30s\" has 30 values") && said.contains("\"36s\" would do"),
            "{said}"
        );
    }
}
