//! A version of a served model is promoted while the server runs: what answers, what is told and written down, and what
//! of it holds after a kill and after the configuration says something new.

use serde_json::{Value, json};

use crate::support::offline::{sentinel, stderr, stdout};
use crate::support::server::{Folder, QUIET, Server};

/// Two versions of a model, below a folder.
fn trained(folder: &Folder) {
    let mut random = fastrand::Rng::with_seed(8);
    let mut csv = "age,hours,income\n".to_owned();
    for _ in 0..300 {
        let (age, hours) = (random.u32(18..80), random.u32(10..60));
        csv.push_str(&format!("{age},{hours},{}\n", if age + hours > 85 { ">50K" } else { "<=50K" }));
    }
    let data = folder.write("data.csv", &csv);
    for version in ["1", "2"] {
        let out = folder.path().join(version);
        let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
        let done = sentinel(&["train", "--data", data, "--target", "income", "--out", out, "--trees", version]);
        assert!(done.status.success(), "{}", stderr(&done));
    }
}

fn config(folder: &Folder, shadow: &str) -> String {
    let path = folder.path().display();
    format!(
        "{QUIET}
predict:
  models:
    - name: income
      versions: [{{version: \"1\", path: \"{path}/1\"}}, {{version: \"2\", path: \"{path}/2\"}}]
      default_version: \"1\"
{shadow}model_watches: [{{model: income, schedule: \"\"}}]
"
    )
}

fn answering(server: &Server) -> String {
    let answer = server.post_json("/predict", &json!({"age": 50, "hours": 40}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["version"].as_str().unwrap().to_owned()
}

fn roles(server: &Server) -> Vec<Value> {
    let model = server.get_json("/models/income");
    model["versions"].as_array().unwrap().iter().map(|it| it["role"].clone()).collect()
}

fn audit(server: &Server, action: &str) -> Vec<Value> {
    let all = server.list("/sentinel/v1/audit?limit=1000");
    all.into_iter().filter(|it| it["action"] == action).collect()
}

/// Guarantees: MUST 765 to 767 of docs/specs/predict.md.
#[test]
// Long because it is the whole life of a promotion.
fn a_promoted_version_answers_until_the_configuration_says_something_new() {
    let folder = Folder::new("promotes");
    trained(&folder);
    let (shadowed, plain) = (config(&folder, "      shadow: \"2\"\n"), config(&folder, ""));
    let file = folder.path().join("sentinel.yaml");
    let mut server = Server::start_in(folder, &shadowed, vec![]);
    let url = format!("http://{}", server.address);
    let promote = |model: &str, version: &str| sentinel(&["models", model, "--promote", version, "--url", &url]);
    assert_eq!((answering(&server), roles(&server)), ("1".to_owned(), vec![json!("default"), json!("shadow")]));

    for (model, version, reason) in [
        ("income", "9", "the version \"9\" of income (it has 1, 2) does not exist"),
        ("other", "2", "the served model \"other\" (income is served here) does not exist"),
        ("income", "1", "version 1 of income answers already"),
    ] {
        let refused = promote(model, version);
        assert!(!refused.status.success() && stderr(&refused).contains(reason), "{}", stderr(&refused));
    }
    assert_eq!(audit(&server, "model.promote"), Vec::<Value>::new());

    let done = promote("income", "2");
    assert_eq!(stdout(&done).trim(), "2 of income answers in place of 1.", "{}", stderr(&done));
    assert_eq!((answering(&server), roles(&server)), ("2".to_owned(), vec![Value::Null, json!("default")]));
    let entries = audit(&server, "model.promote");
    assert_eq!((entries.len(), &entries[0]["subject"]), (1, &json!("income")));
    assert_eq!(entries[0]["detail"], "2 answers in place of 1");
    let card = server.get_json("/sentinel/v1/drift/income");
    assert_eq!((&card["versions"][0]["role"], &card["versions"][1]["role"]), (&json!(""), &json!("default")));
    assert_eq!(server.metric("sentinel_predict_promotions_total", &["income"]), 1.0);

    server.kill();
    server.restart();
    server.wait_until_ready();
    assert_eq!((answering(&server), roles(&server)), ("2".to_owned(), vec![Value::Null, json!("default")]));
    assert_eq!(server.metric("sentinel_predict_default_version", &["version=\"2\""]), 1.0);
    let back = server.post_json("/sentinel/v1/served/income/promote", &json!({"version": "1", "actor": "ann"}));
    assert_eq!(back.json()["before"], "2", "{}", back.text());
    assert_eq!(answering(&server), "1");
    assert!(promote("income", "2").status.success());

    // The configuration has another word for the roles: it counts again, for good.
    for text in [&plain, &shadowed] {
        server.stop();
        std::fs::write(&file, text).unwrap();
        server.restart();
        server.wait_until_ready();
        assert_eq!(answering(&server), "1");
    }
    let ended = audit(&server, "model.promotion_ended");
    assert_eq!((ended.len(), &ended[0]["actor"]), (1, &json!("configuration")));
    assert!(ended[0]["detail"].as_str().unwrap().starts_with("2 was promoted, 1 answers"), "{ended:?}");
    server.stop();
}
