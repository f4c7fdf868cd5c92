//! What was changed by people or pipelines? Deploys, configuration and flags in a range.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use signal::{Change, ChangeKind};

use super::finding;
use crate::arguments::{Arguments, RANGE, schema};
use crate::frame::{MOST_SENTENCE, MOST_VALUE, quoted};
use crate::sources::{Sources, blocking};
use crate::{Finding, Tool, ToolError, ToolSpec};

const NAME: &str = "list_changes";
const MOST_CHANGES: usize = 30;
const DEFAULT_RANGE: Duration = Duration::from_secs(6 * 3600);
const MOST_RANGE: Duration = Duration::from_secs(30 * 86_400);

/// `list_changes`.
pub struct ListChanges(pub Sources);

impl Tool for ListChanges {
    fn spec(&self) -> ToolSpec {
        let rows = [("service", "string", false, "Only changes of this service."), RANGE[0], RANGE[1]];
        ToolSpec {
            name: NAME.to_owned(),
            description: "Lists deploys, changes of configuration, flags and others (the last 6 hours by default), \
                          the newest first."
                .to_owned(),
            parameters: schema(&rows),
        }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let asked = Arguments::read(arguments, &["service", "from", "to"])?;
            let service = asked.optional_text("service")?.map(str::to_owned);
            let range = asked.range(self.0.clock.now(), DEFAULT_RANGE, MOST_RANGE)?;
            let log = Arc::clone(&self.0.changes);
            let mut changes = blocking(move || log.changes(range)).await?;
            changes.retain(|it| service.as_ref().is_none_or(|name| it.service == *name));
            changes.reverse();
            let total = changes.len();
            changes.truncate(MOST_CHANGES);
            let again = json!({ "service": service, "from": range.from, "to": range.to });
            let head = format!("{total} changes between {} and {}.", range.from, range.to);
            Ok(finding(head, NAME, &again, changes.iter().map(fact).collect()))
        })
    }
}

fn fact(change: &Change) -> String {
    let kind = match change.kind {
        ChangeKind::Deploy => "Deploy",
        ChangeKind::Config => "Change of configuration",
        ChangeKind::Flag => "Flag",
        ChangeKind::Other => "Change",
    };
    let version = change.version.as_ref().map_or(String::new(), |it| format!(", version {}", quoted(it, MOST_VALUE)));
    let (service, title) = (quoted(&change.service, MOST_VALUE), quoted(&change.title, MOST_SENTENCE));
    format!("{kind} of service {service} at {}: {title}{version}.", change.time)
}
