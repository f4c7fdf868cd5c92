//! How right a model of three classes is expected to be, on a running server, before labels come; and what labels say.

use serde_json::{Value, json};

use crate::support::predictions::{self, label};
use crate::support::server::{QUIET, Server};

/// Predictions that are the reference.
const REFERENCE: usize = 1500;
/// In the order of the model, which is that of no alphabet.
const CLASSES: [&str; 3] = ["setosa", "virginica", "versicolor"];

/// Predictions of a model that is served elsewhere.
struct Asked {
    random: fastrand::Rng,
    next: usize,
}

impl Asked {
    /// A prediction and its label. `sure` is how much of the rest goes to the class that is told.
    fn one(&mut self, sure: f64) -> (Value, Value) {
        self.next += 1;
        let best = self.random.usize(0..3);
        let rest = (1.0 - sure * (0.05 + 0.95 * self.random.f64())) / 1.5;
        let probabilities = [0, 1, 2].map(|it| if it == best { 1.0 - rest } else { rest / 2.0 });
        let mut place = self.random.f64();
        let truth = probabilities.iter().position(|it| {
            place -= it;
            place < 0.0
        });
        let id = format!("p{}", self.next);
        let row = json!({
            "id": id, "model": "iris", "version": "1", "features": {"width": self.random.f64()},
            "prediction": CLASSES[best], "probabilities": probabilities,
        });
        (row, json!({"id": id, "label": CLASSES[truth.unwrap_or(best)]}))
    }

    fn send(&mut self, server: &Server, n: usize, sure: f64) -> Vec<Value> {
        let (rows, labels): (Vec<Value>, Vec<Value>) = (0..n).map(|_| self.one(sure)).unzip();
        predictions::log(server, &rows);
        labels
    }
}

fn compare(server: &Server) -> Value {
    server.post_json("/sentinel/v1/drift/iris/run", &json!({"actor": "test"})).json()
}

fn estimated(run: &Value, metric: &str) -> Value {
    let all = run["estimated"].as_array().unwrap_or_else(|| panic!("{run:#}"));
    all.iter().find(|it| it["metric"] == metric).unwrap_or_else(|| panic!("{run:#}")).clone()
}

/// Guarantees: MUST 597, 599, 760 and 761 of docs/specs/model-watch.md.
#[test]
fn a_model_that_is_less_sure_is_expected_to_be_worse_and_is() {
    let config = format!(
        "{QUIET}
model_watches:
  - model: iris
    reference: {{first: {REFERENCE}}}
    window: {{count: 800, min_count: 200}}
    schedule: \"\"
    alert: [estimated_f1_drop > 0.05]
"
    );
    let mut server = Server::start("many-classes", &config);
    let mut asked = Asked { random: fastrand::Rng::with_seed(5), next: 0 };
    let labels = asked.send(&server, REFERENCE, 0.9);
    asked.send(&server, 800, 0.9);
    assert!(compare(&server)["no_estimate"].as_str().unwrap().starts_with("0 of the 300 labels"));
    label(&server, &labels);
    let run = compare(&server);
    let is_inside =
        |it: &Value| it["lower"].as_f64() <= it["value"].as_f64() && it["value"].as_f64() <= it["upper"].as_f64();
    for metric in ["accuracy", "f1", "precision", "recall", "roc_auc"] {
        let usual = estimated(&run, metric);
        assert!(is_inside(&usual), "{usual}");
    }
    assert_eq!(run["measures"]["estimated_f1_drop"].as_f64().map(|it| it < 0.05), Some(true));

    let hidden = asked.send(&server, 800, 0.4);
    let fallen = compare(&server);
    label(&server, &hidden);
    let real = compare(&server);
    for metric in ["accuracy", "f1", "precision", "recall", "roc_auc"] {
        let expected = estimated(&fallen, metric);
        assert!(expected["value"].as_f64() < expected["lower"].as_f64(), "{expected}");
        let (expected, real) = (expected["value"].as_f64().unwrap(), real["measures"][metric].as_f64().unwrap());
        assert!((real - expected).abs() < 0.06, "{metric}: {real} {expected}");
    }
    let page = server.get("/model-watch/iris").text();
    assert!(page.contains("Expected performance") && page.contains("unusual"), "{page}");
    let open = crate::support::wait_for(std::time::Duration::from_secs(180), "the fall is an incident", || {
        server.list("/sentinel/v1/incidents").into_iter().next()
    });
    assert_eq!(open["services"], json!(["iris"]));
    server.stop();
}
