//! What do logs say since then that they did not say before? Templates that are new, surging or gone.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use signal::{TemplateChange, TemplateTrend, TimeRange, Timestamp};

use super::{finding, number};
use crate::arguments::{Arguments, schema};
use crate::frame::{MOST_VALUE, quoted};
use crate::sources::{Sources, blocking};
use crate::{Finding, Tool, ToolError, ToolSpec};

const NAME: &str = "get_log_changes";
const MOST_CHANGES: usize = 20;
const MOST_RANGE: Duration = Duration::from_secs(6 * 3600);

/// `get_log_changes`.
pub struct LogChanges(pub Sources);

impl Tool for LogChanges {
    fn spec(&self) -> ToolSpec {
        let rows = [
            ("from", "string", true, "When the trouble began (RFC 3339, UTC), or a time back from now such as -10m."),
            ("to", "string", false, "Last instant; now if it is left out."),
            ("service", "string", false, "Only templates of this service or host."),
        ];
        ToolSpec {
            name: NAME.to_owned(),
            description: "Compares the log templates since an instant with those of the same time before: which are \
                          new, more frequent, or gone."
                .to_owned(),
            parameters: schema(&rows),
        }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let asked = Arguments::read(arguments, &["from", "to", "service"])?;
            asked.text("from")?;
            let after = asked.range(self.0.clock.now(), MOST_RANGE, MOST_RANGE)?;
            let service = asked.optional_text("service")?.map(str::to_owned);
            let before = TimeRange::new(
                after.from.minus(after.to.since(after.from)),
                Timestamp::from_millis(after.from.millis() - 1),
            );
            let templates = Arc::clone(&self.0.templates);
            let mut changes = blocking(move || Ok(templates.changes(before, after))).await?;
            changes.retain(|it| service.as_ref().is_none_or(|name| it.service == *name));
            let total = changes.len();
            changes.sort_by_key(|it| (std::cmp::Reverse(it.level), it.onset));
            changes.truncate(MOST_CHANGES);
            let again = json!({ "from": after.from, "to": after.to, "service": service });
            let head = format!("{total} templates have changed between {} and {}.", after.from, after.to);
            Ok(finding(head, NAME, &again, changes.iter().map(fact).collect()))
        })
    }
}

fn fact(change: &TemplateChange) -> String {
    let trend = match change.trend {
        TemplateTrend::New => "new",
        TemplateTrend::Surging => "surging",
        TemplateTrend::Gone => "gone",
    };
    format!(
        "Lines like {} of service {} are {trend} ({}): {} per minute before, {} per minute after, since {}.",
        quoted(&change.template, 3 * MOST_VALUE),
        quoted(&change.service, MOST_VALUE),
        change.level.as_str(),
        number(change.before_per_minute),
        number(change.after_per_minute),
        change.onset
    )
}
