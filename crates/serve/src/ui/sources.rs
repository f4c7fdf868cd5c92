//! Which ways in bring how much, and what was left out? Sources, the topics of Kafka, and the workers behind a responder.

use maud::{Markup, html};
use signal::Timestamp;

use super::text;
use crate::NamedCount;
use crate::sources::{KafkaStatus, SourceStatus, TopicStatus};
use crate::workforce::{WorkerStatus, WorkforceStatus, ranges};

/// Partitions of a topic that are told one by one, the one that is farthest behind first.
const PARTITIONS: usize = 50;

/// The table of sources.
pub fn table(all: &[SourceStatus], rate_secs: f64) -> Markup {
    html! {
        section aria-labelledby="h-sources" {
            div.head { h2 id="h-sources" { "Sources" } span.muted { "counts since the start, rates over the last " (text::span(std::time::Duration::from_secs_f64(rate_secs.clamp(1.0, 1e9)))) } }
            @if all.is_empty() {
                div.empty data-testid="no-sources" {
                    h3 { "Nothing has come in yet" }
                    p { "Point OpenTelemetry at port 4318 or 4317, Prometheus " code { "remote_write" } " at " code { "/api/v1/write" } ", Promtail or Alloy at " code { "/loki/api/v1/push" } ", Telegraf at " code { "/api/v2/write" } "; " a href="/docs" { "the API" } " has them all." }
                }
            } @else {
                table.stack {
                    caption.hidden { "Ways in with what came and what was left out" }
                    thead { tr { th scope="col" { "Source" } th.num scope="col" { "Received" } th.num scope="col" { "Per second" } th scope="col" { "Left out, by reason" } th scope="col" { "Requests that failed" } } }
                    tbody { @for it in all { (source(it)) } }
                }
            }
        }
    }
}

fn source(it: &SourceStatus) -> Markup {
    html! {
        tr data-testid="source" data-key={ "s" (it.name) } {
            td data-label="Source" { code { (it.name) } }
            td.num data-label="Received" { (text::grouped(it.received)) }
            td.num data-label="Per second" { (text::number(it.per_second)) }
            td data-label="Left out" { (reasons(&it.dropped)) }
            td data-label="Failed" {
                @if it.turned_away > 0 { span.chip.bad { "no memory, come later " (text::grouped(it.turned_away)) } " " }
                @if it.turned_away == 0 || !it.failed.is_empty() { (reasons(&it.failed)) }
            }
        }
    }
}

fn reasons(all: &[NamedCount]) -> Markup {
    html! {
        @if all.is_empty() { span.muted { "none" } }
        @for it in all { span.chip.bad { (it.name.replace('_', " ")) " " (text::grouped(it.count)) } " " }
    }
}

/// How far behind Kafka is; nothing if nothing is read from it.
pub fn kafka(status: Option<&KafkaStatus>) -> Markup {
    let Some(it) = status else { return html! {} };
    html! {
        section aria-labelledby="h-kafka" data-testid="kafka" {
            div.head { h2 id="h-kafka" { "Kafka" } span.muted { (text::counted(it.messages, "message")) " read, " (text::grouped(it.in_flight)) " not durable yet" } }
            p.muted.small {
                (text::counted(it.rebalances, "rebalance")) " \u{b7} paused " (text::counted(it.pauses, "time")) " for the store \u{b7} "
                (text::counted(it.commit_failures, "refused commit"))
            }
            @if !it.poison.is_empty() { p.notice.bad { "Messages that could not be read: " (reasons(&it.poison)) } }
            @if it.topics.is_empty() { div.empty { p { "No partition is assigned to this process. Other members of the group may have all of them, or the brokers do not answer." } } }
            @else {
                table.stack {
                    caption.hidden { "Topics with their lag" }
                    thead { tr { th scope="col" { "Topic" } th scope="col" { "Group" } th scope="col" { "Partitions here" } th.num scope="col" { "Lag, messages" } } }
                    tbody { @for it in &it.topics { (topic(it)) } }
                }
            }
        }
    }
}

fn topic(it: &TopicStatus) -> Markup {
    let mut partitions = it.partitions.clone();
    partitions.sort_by_key(|(number, lag)| (std::cmp::Reverse(*lag), *number));
    let numbers: Vec<u32> = partitions.iter().map(|it| it.0).collect();
    html! {
        tr data-testid="topic" data-key={ "k" (text::plain(&it.group)) "/" (text::plain(&it.topic)) } {
            td data-label="Topic" { code { (text::plain(&it.topic)) } }
            td data-label="Group" { code { (text::plain(&it.group)) } }
            td data-label="Partitions here" {
                details { summary { (numbers.len()) " (" (ranges(&numbers)) ")" }
                    @for (number, lag) in partitions.iter().take(PARTITIONS) { span.chip.bad[*lag > 0] { span.key { "partition " (number) } " " (text::grouped(*lag)) } " " }
                    @if partitions.len() > PARTITIONS { span.muted { (partitions.len() - PARTITIONS) " more" } }
                }
            }
            td.num data-label="Lag, messages" { (text::grouped(it.lag)) }
        }
    }
}

/// Who judges signals, where other processes do.
pub fn workers(status: Option<&WorkforceStatus>, now: Timestamp) -> Markup {
    let Some(it) = status else { return html! {} };
    let unassigned = it.unassigned();
    html! {
        section aria-labelledby="h-workers" data-testid="workers" {
            div.head { h2 id="h-workers" { "Workers" } span.muted { (it.workers.len()) " there, " (it.partitions) " partitions" } }
            @if !unassigned.is_empty() { p.notice.bad role="alert" { "No worker answers for " (if unassigned.len() == 1 { "partition " } else { "partitions " }) (ranges(&unassigned)) "." } }
            @if !it.workers.is_empty() {
                table.stack {
                    caption.hidden { "Workers with their partitions" }
                    thead { tr { th scope="col" { "Worker" } th scope="col" { "Address" } th scope="col" { "Partitions" } th.num scope="col" { "Lag, records" } th.num scope="col" { "Anomalies told" } th scope="col" { "Heard" } } }
                    tbody { @for it in &it.workers { (worker(it, now)) } }
                }
            }
        }
    }
}

fn worker(it: &WorkerStatus, now: Timestamp) -> Markup {
    html! {
        tr data-testid="worker" data-key={ "w" (text::plain(&it.name)) } {
            td data-label="Worker" { (text::plain(&it.name)) }
            td data-label="Address" { code { (text::plain(&it.address)) } }
            td data-label="Partitions" { @if it.partitions.is_empty() { span.muted { "none" } } @else { (ranges(&it.partitions)) } }
            td.num data-label="Lag, records" { (text::grouped(it.lag)) }
            td.num data-label="Anomalies told" { (text::grouped(it.anomalies)) }
            td data-label="Heard" { (text::ago(it.heard, now)) }
        }
    }
}
