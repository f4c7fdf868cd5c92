//! Which metrics are there? Names with their numbers of series, and the labels of a few.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use signal::{Labels, Matcher, SeriesQuery};

use crate::arguments::{Arguments, schema};
use crate::frame::{MOST_SENTENCE, quoted, shortened, visible};
use crate::sources::{Sources, blocking};
use crate::{Finding, Tool, ToolError, ToolSpec};

const MOST_NAMES: usize = 60;
const MOST_SERIES: usize = 20_000;

/// `list_series`. It tells no facts: what a series says is asked with `query_metrics`.
pub struct ListSeries(pub Sources);

impl Tool for ListSeries {
    fn spec(&self) -> ToolSpec {
        let rows = [
            ("service", "string", false, "Only series of this service or host."),
            ("contains", "string", false, "Only metrics whose name contains this text."),
        ];
        ToolSpec {
            name: "list_series".to_owned(),
            description: "Lists the metrics that there are, with one of their series as an example. Use it before \
                          query_metrics to learn names and labels."
                .to_owned(),
            parameters: schema(&rows),
        }
    }

    fn call<'a>(&'a self, arguments: &'a Value) -> BoxFuture<'a, Result<Finding, ToolError>> {
        Box::pin(async move {
            let asked = Arguments::read(arguments, &["service", "contains"])?;
            let service = asked.optional_text("service")?.map(str::to_owned);
            let part = asked.optional_text("contains")?.unwrap_or("").to_lowercase();
            let history = Arc::clone(&self.0.history);
            let query = SeriesQuery { matchers: Vec::<Matcher>::new(), range: None, limit: MOST_SERIES };
            let all = blocking(move || history.series(&query)).await?;
            let is_wanted = |it: &&Labels| {
                let is_of = |name: &String| [Some(it.owner()), it.service(), it.host()].contains(&Some(name.as_str()));
                service.as_ref().is_none_or(is_of) && it.name().to_lowercase().contains(&part)
            };
            Ok(Finding { text: told(all.iter().filter(is_wanted)), evidence: vec![] })
        })
    }
}

fn told<'a>(series: impl Iterator<Item = &'a Labels>) -> String {
    let mut names: BTreeMap<&str, (usize, &Labels)> = BTreeMap::new();
    for labels in series {
        names.entry(labels.name()).or_insert((0, labels)).0 += 1;
    }
    let mut text = format!("{} metrics.", names.len());
    for (name, (count, example)) in names.iter().take(MOST_NAMES) {
        let example = visible(shortened(&example.to_string(), MOST_SENTENCE));
        text.push_str(&format!("\n{} ({count} series), such as {example}", quoted(name, 100)));
    }
    if names.len() > MOST_NAMES {
        text.push_str("\nMore are left out; ask for a service or a part of the name.");
    }
    text
}
