//! How do people say what they think of an incident, on the command line?

use serde_json::{Value, json};

use crate::cli::{FeedbackArgs, FeedbackCommand, OpinionArg, RemoteArgs};
use crate::client::{actor, call, field, get, items, print};

/// `sentinel feedback`.
pub async fn run(args: &FeedbackArgs) -> anyhow::Result<()> {
    match &args.command {
        Some(FeedbackCommand::List { remote }) => list(remote).await,
        Some(FeedbackCommand::Undo { lesson, remote }) => undo(*lesson, remote).await,
        None => say(args).await,
    }
}

async fn say(args: &FeedbackArgs) -> anyhow::Result<()> {
    let (Some(incident), Some(opinion)) = (args.incident, args.opinion) else {
        anyhow::bail!("name an incident and an opinion: sentinel feedback INC-17 noise");
    };
    let opinion = match opinion {
        OpinionArg::Right => "right",
        OpinionArg::Wrong => "wrong",
        OpinionArg::Noise => "noise",
    };
    let path = format!("/sentinel/v1/incidents/{incident}/feedback");
    let mut body = json!({ "opinion": opinion, "comment": args.comment, "actor": actor() });
    if let Some(fields) = body.as_object_mut() {
        fields.extend(args.cause.iter().map(|it| ("cause".to_owned(), json!(it))));
        fields.extend(args.action.iter().map(|it| ("action".to_owned(), json!(it))));
    }
    let answer = call(&args.remote, reqwest::Method::POST, &path, Some(body)).await?;
    print(&args.remote, &answer, |it| {
        let last = it.get("timeline").and_then(Value::as_array).and_then(|it| it.last());
        println!("Noted for {}. {}", field(it, "id"), last.map(|it| field(it, "text")).unwrap_or_default());
    })
}

async fn undo(lesson: u64, remote: &RemoteArgs) -> anyhow::Result<()> {
    let path = format!("/sentinel/v1/feedback/{lesson}/undo");
    let answer = call(remote, reqwest::Method::POST, &path, Some(json!({ "actor": actor() }))).await?;
    print(remote, &answer, |it| println!("Lesson {} on {} is taken back.", field(it, "id"), field(it, "incident")))
}

async fn list(remote: &RemoteArgs) -> anyhow::Result<()> {
    let answer = get(remote, "/sentinel/v1/feedback?limit=1000").await?;
    print(remote, &answer, |it| {
        let cells: Vec<Vec<String>> = items(it).iter().map(row).collect();
        offline::aligned::print(
            &["LESSON", "TIME", "INCIDENT", "ACTOR", "OPINION", "MOVED", "STATE"].map(str::to_owned),
            &cells,
        );
    })
}

fn row(lesson: &Value) -> Vec<String> {
    let said = lesson.get("said").cloned().unwrap_or_default();
    let effects = lesson.get("effects").and_then(Value::as_array).cloned().unwrap_or_default();
    let state = match lesson.get("undone_by").and_then(Value::as_str) {
        Some(by) => format!("taken back by {by}"),
        None => "counts".to_owned(),
    };
    vec![
        field(lesson, "id"),
        field(lesson, "time"),
        field(lesson, "incident"),
        field(&said, "actor"),
        field(&said, "opinion"),
        effects.iter().map(moved).collect::<Vec<_>>().join(", "),
        state,
    ]
}

/// One value that moved, for people.
fn moved(effect: &Value) -> String {
    let target = effect.get("target").cloned().unwrap_or_default();
    let number = |name: &str| effect.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let what = match target.get("kind").and_then(Value::as_str) {
        Some("threshold") => format!("threshold of {} of {}", field(&target, "metric"), field(&target, "owner")),
        _ => format!("weight of {}", field(&target, "service")),
    };
    let place = serde_json::from_value::<signal::LessonTarget>(target).map_or_else(|_| String::new(), |it| it.place());
    let place = if place.is_empty() { place } else { format!(" ({place})") };
    format!("{what} {:.2} to {:.2}, now {:.2}{place}", number("from"), number("to"), number("now"))
}
