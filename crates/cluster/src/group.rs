//! Who has which partition now? One member of a consumer group: it is given partitions, hands over their records in order,
//! commits what is durable, and lets partitions go when the group wants them elsewhere.
//!
//! One thread does all of it. A partition whose tenant is full is paused and asked again; the others go on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::base_consumer::BaseConsumer;
use rdkafka::consumer::{CommitMode, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::counts::Refusal;
use crate::topics::client;
use crate::{Config, Counts, Error};

/// How often progress is committed.
const COMMIT: Duration = Duration::from_secs(1);
/// How long one look for a record takes.
const POLL: Duration = Duration::from_millis(50);
/// How long brokers may take to tell or take offsets.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a group reads, and as whom.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The topic.
    pub topic: String,
    /// The group.
    pub group: String,
    /// Whoever has a name keeps its partitions over a short absence.
    pub member: Option<String>,
}

/// How far the work on a partition has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// All records below this offset are durable and told.
    pub position: i64,
    /// What a later owner has to know, beside the offset.
    pub note: String,
}

/// Whoever works on partitions. Everything is called from one thread.
pub trait Tenant: Send + Sync {
    /// The partition is ours from now on. `committed` is how far an earlier owner has come. Returns the offset to read from
    /// (None for the oldest record).
    fn take_over(&self, partition: u32, committed: Option<Progress>) -> Option<i64>;
    /// A record. False if there is no room: it is offered again, and nothing else of the partition before.
    fn record(&self, partition: u32, offset: i64, bytes: &[u8]) -> bool;
    /// There is no further record for the time being.
    fn caught_up(&self, partition: u32);
    /// How far the partition has come; None if there is nothing to commit.
    fn progress(&self, partition: u32) -> Option<Progress>;
    /// The partition is no longer ours; what is not durable by now is done again by the next owner. `is_orderly` is false
    /// if somebody else may have it already.
    fn let_go(&self, partition: u32, is_orderly: bool) -> Option<Progress>;
}

/// Takes part in a group until told to stop.
///
/// # Errors
/// The settings are wrong, or the group has thrown this member out for good. Brokers that are away are waited for.
pub fn take_part(
    config: &Config,
    membership: &Membership,
    tenant: Arc<dyn Tenant>,
    counts: &Arc<Counts>,
    is_stopped: &AtomicBool,
) -> Result<(), Error> {
    let context = Context::new(&membership.topic, Arc::clone(&tenant), Arc::clone(counts));
    let consumer: BaseConsumer<Context> =
        settings(config, membership).create_with_context(context).map_err(Error::kafka("make a consumer"))?;
    consumer.subscribe(&[&membership.topic]).map_err(Error::kafka("join the group"))?;
    let mut floor = Floor { consumer: &consumer, topic: &membership.topic, tenant: &*tenant, held: BTreeMap::new() };
    let mut committed: BTreeMap<u32, Progress> = BTreeMap::new();
    let mut next_commit = Instant::now() + COMMIT;
    while !is_stopped.load(Ordering::Acquire) {
        floor.offer_again();
        let polled = consumer.poll(POLL);
        for partition in consumer.context().take_gone() {
            floor.forget(partition);
            committed.remove(&partition);
        }
        match polled {
            Some(Ok(message)) => {
                counts.served();
                let partition = u32::try_from(message.partition()).unwrap_or(u32::MAX);
                floor.offer(partition, message.offset(), message.payload().unwrap_or_default());
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                counts.served();
                floor.caught_up(u32::try_from(partition).unwrap_or(u32::MAX));
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                floor.abandon();
                return Err(thrown_out(&error, &consumer, membership));
            }
            Some(Err(error)) => {
                counts.failed();
                let Membership { topic, group, .. } = membership;
                if refusal(&error, membership).is_none_or(|it| counts.refused(it)) {
                    tracing::warn!(%error, topic, group, "The brokers tell of a problem.");
                }
            }
            None => {}
        }
        if Instant::now() >= next_commit {
            next_commit = Instant::now() + COMMIT;
            if consumer.context().is_commit_refused.swap(false, Ordering::AcqRel) {
                committed.clear();
            }
            floor.commit(&mut committed, counts);
        }
    }
    floor.leave(counts);
    Ok(())
}

/// What does not pass by itself: somebody has to give rights, or make what is missing.
fn refusal(error: &KafkaError, membership: &Membership) -> Option<Refusal> {
    let Membership { topic, group, .. } = membership;
    let is_of_group = match error.rdkafka_error_code()? {
        RDKafkaErrorCode::GroupAuthorizationFailed
        | RDKafkaErrorCode::Authentication
        | RDKafkaErrorCode::SaslAuthenticationFailed => true,
        RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownPartition => false,
        _ => return None,
    };
    Some(Refusal { reason: format!("the brokers refuse reading {topic} as {group}: {error}"), is_of_group })
}

fn thrown_out(error: &KafkaError, consumer: &BaseConsumer<Context>, membership: &Membership) -> Error {
    let reason = consumer.client().fatal_error().map_or_else(|| error.to_string(), |(_, reason)| reason);
    let advice = match &membership.member {
        Some(member) => format!("; is another process running with `cluster.member: {member}`?"),
        None => String::new(),
    };
    Error::Unfit(format!("the group {} does not let us stay: {reason}{advice}", membership.group))
}

fn settings(config: &Config, membership: &Membership) -> rdkafka::ClientConfig {
    let mut client = client(config);
    client
        .set("group.id", &membership.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", (config.session_secs * 1000).to_string())
        .set("heartbeat.interval.ms", (config.session_secs * 1000 / 5).to_string())
        .set("statistics.interval.ms", "1000");
    if let Some(member) = &membership.member {
        client.set("group.instance.id", member);
    }
    // Memory for records that wait, and how long the brokers hold back an empty answer.
    for (key, value) in [("queued.max.messages.kbytes", "32768"), ("fetch.wait.max.ms", "50")] {
        if !config.settings.contains_key(key) {
            client.set(key, value);
        }
    }
    client
}

/// Records between the brokers and the tenant.
struct Floor<'a> {
    consumer: &'a BaseConsumer<Context>,
    topic: &'a str,
    tenant: &'a dyn Tenant,
    /// Records of paused partitions.
    held: BTreeMap<u32, VecDeque<(i64, Vec<u8>)>>,
}

impl Floor<'_> {
    fn offer(&mut self, partition: u32, offset: i64, bytes: &[u8]) {
        if let Some(held) = self.held.get_mut(&partition) {
            held.push_back((offset, bytes.to_vec()));
        } else if !self.tenant.record(partition, offset, bytes) {
            self.held.entry(partition).or_default().push_back((offset, bytes.to_vec()));
            // An error means that the partition is no longer ours.
            let _ = self.consumer.pause(&list(self.topic, [partition]));
        }
    }

    fn offer_again(&mut self) {
        let mut free = vec![];
        for (partition, held) in &mut self.held {
            while let Some((offset, bytes)) = held.front() {
                if !self.tenant.record(*partition, *offset, bytes) {
                    break;
                }
                held.pop_front();
            }
            if held.is_empty() {
                free.push(*partition);
            }
        }
        for partition in free {
            self.held.remove(&partition);
            let _ = self.consumer.resume(&list(self.topic, [partition]));
        }
    }

    /// What is held of a partition that was let go is read again by its next owner. If that is us, it must not be offered
    /// before what lies before it.
    fn forget(&mut self, partition: u32) {
        self.held.remove(&partition);
    }

    fn caught_up(&self, partition: u32) {
        if !self.held.contains_key(&partition) {
            self.tenant.caught_up(partition);
        }
    }

    fn owned(&self) -> Vec<u32> {
        let assignment = self.consumer.assignment().unwrap_or_default();
        numbers(&assignment, self.topic)
    }

    fn commit(&mut self, committed: &mut BTreeMap<u32, Progress>, counts: &Counts) {
        let owned = self.owned();
        self.held.retain(|it, _| owned.contains(it));
        committed.retain(|it, _| owned.contains(it));
        let progress = owned.iter().filter_map(|it| Some((*it, self.tenant.progress(*it)?)));
        let news: BTreeMap<u32, Progress> = progress.filter(|(it, now)| committed.get(it) != Some(now)).collect();
        if commit(self.consumer, self.topic, &news, CommitMode::Async, counts) {
            committed.extend(news);
        }
    }

    /// Lets everything go that others may have already.
    fn abandon(&self) {
        for partition in self.owned() {
            self.tenant.let_go(partition, false);
        }
    }

    /// Lets everything go, so that others can go on at once.
    fn leave(self, counts: &Counts) {
        let owned = self.owned();
        let last = owned.iter().filter_map(|it| Some((*it, self.tenant.let_go(*it, true)?))).collect();
        commit(self.consumer, self.topic, &last, CommitMode::Sync, counts);
    }
}

fn commit(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    progress: &BTreeMap<u32, Progress>,
    mode: CommitMode,
    counts: &Counts,
) -> bool {
    if progress.is_empty() {
        return true;
    }
    let offsets = list(topic, progress.keys().copied());
    for (partition, it) in progress {
        let number = i32::try_from(*partition).unwrap_or(i32::MAX);
        let Some(mut entry) = offsets.find_partition(topic, number) else { continue };
        // Only a negative offset is refused, and positions are none.
        let _ = entry.set_offset(Offset::Offset(it.position));
        entry.set_metadata(&it.note);
    }
    match consumer.commit(&offsets, mode) {
        Ok(()) => true,
        Err(error) => {
            counts.failed();
            tracing::warn!(%error, "Progress not committed; it is tried again, or done again by the next owner.");
            false
        }
    }
}

fn list(topic: &str, partitions: impl IntoIterator<Item = u32>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(topic, i32::try_from(partition).unwrap_or(i32::MAX));
    }
    list
}

fn numbers(list: &TopicPartitionList, topic: &str) -> Vec<u32> {
    list.elements_for_topic(topic).iter().filter_map(|it| u32::try_from(it.partition()).ok()).collect()
}

/// What the client library tells us from within a poll.
struct Context {
    topic: String,
    tenant: Arc<dyn Tenant>,
    counts: Arc<Counts>,
    /// Partitions that were let go since the last look.
    gone: Mutex<Vec<u32>>,
    /// The brokers have refused a commit, of which nothing else would tell.
    is_commit_refused: AtomicBool,
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        // A member without partitions hears of nothing else.
        if statistics.cgrp.is_some_and(|it| it.join_state == "steady" && it.assignment_size == 0) {
            self.counts.joined();
        }
        let Some(topic) = statistics.topics.get(&self.topic) else { return };
        for (number, partition) in &topic.partitions {
            if let Ok(number) = u32::try_from(*number)
                && partition.hi_offset >= 0
            {
                self.counts.end(number, partition.hi_offset);
            }
        }
    }
}

impl ConsumerContext for Context {
    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            self.counts.failed();
            self.is_commit_refused.store(true, Ordering::Release);
            tracing::warn!(%error, "Progress was not committed; it is tried again.");
        }
    }

    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.counts.rebalanced();
        let is_cooperative = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        let done = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                if list.count() > 0 {
                    self.counts.served();
                }
                let starts = self.assigned(consumer, list);
                if is_cooperative { consumer.incremental_assign(&starts) } else { consumer.assign(&starts) }
            }
            _ => {
                self.revoked(consumer, list);
                if is_cooperative { consumer.incremental_unassign(list) } else { consumer.unassign() }
            }
        };
        if let Err(error) = done {
            self.counts.failed();
            tracing::error!(%error, "The new assignment was not taken; the group assigns again.");
        }
    }
}

impl Context {
    fn new(topic: &str, tenant: Arc<dyn Tenant>, counts: Arc<Counts>) -> Self {
        let (gone, is_commit_refused) = (Mutex::default(), AtomicBool::new(false));
        Self { topic: topic.to_owned(), tenant, counts, gone, is_commit_refused }
    }

    fn take_gone(&self) -> Vec<u32> {
        std::mem::take(&mut *self.gone.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where to begin with each of the new partitions.
    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> TopicPartitionList {
        let committed = self.committed(consumer, list);
        let mut starts = TopicPartitionList::new();
        for partition in numbers(list, &self.topic) {
            let start = self.tenant.take_over(partition, committed.get(&partition).cloned());
            let offset = start.map_or(Offset::Beginning, Offset::Offset);
            // The name was given by the client library itself.
            let _ = starts.add_partition_offset(&self.topic, i32::try_from(partition).unwrap_or(i32::MAX), offset);
        }
        starts
    }

    /// What earlier owners have committed. Waited for: without it everything would be told again from the oldest record.
    fn committed(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> BTreeMap<u32, Progress> {
        let found = loop {
            match consumer.committed_offsets(list.clone(), PATIENCE) {
                Ok(it) => break it,
                Err(error) => {
                    self.counts.failed();
                    tracing::warn!(%error, "Waiting for the committed offsets.");
                }
            }
        };
        let progress = |it: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match it.offset() {
            Offset::Offset(position) => {
                let number = u32::try_from(it.partition()).ok()?;
                Some((number, Progress { position, note: it.metadata().to_owned() }))
            }
            _ => None,
        };
        found.elements_for_topic(&self.topic).iter().filter_map(progress).collect()
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let is_orderly = !consumer.assignment_lost();
        let partitions = numbers(list, &self.topic);
        let last = partitions.iter().filter_map(|it| Some((*it, self.tenant.let_go(*it, is_orderly)?))).collect();
        if is_orderly {
            commit(consumer, &self.topic, &last, CommitMode::Sync, &self.counts);
        }
        partitions.iter().for_each(|it| self.counts.gone(*it));
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).extend(partitions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing until it has room, and remembers what it has taken.
    #[derive(Default)]
    struct Full {
        has_room: AtomicBool,
        taken: Mutex<Vec<i64>>,
    }

    impl Tenant for Full {
        fn take_over(&self, _: u32, _: Option<Progress>) -> Option<i64> {
            None
        }

        fn record(&self, _: u32, offset: i64, _: &[u8]) -> bool {
            let has_room = self.has_room.load(Ordering::Acquire);
            if has_room {
                self.taken.lock().unwrap().push(offset);
            }
            has_room
        }

        fn caught_up(&self, _: u32) {}

        fn progress(&self, _: u32) -> Option<Progress> {
            None
        }

        fn let_go(&self, _: u32, _: bool) -> Option<Progress> {
            None
        }
    }

    /// Scenario: a partition is full, is let go, and comes back at once; what is not durable is read again.
    /// Guarantees: records of a partition are handed over in order, with none left out.
    #[test]
    fn what_was_held_of_a_partition_does_not_overtake_what_is_read_again() {
        let tenant = Arc::new(Full::default());
        let context = Context::new("signals", Arc::clone(&tenant) as Arc<dyn Tenant>, Arc::default());
        let mut settings = rdkafka::ClientConfig::new();
        // Nobody is there, and nobody is asked.
        settings.set("bootstrap.servers", "127.0.0.1:1").set("group.id", "test");
        settings.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        let consumer: BaseConsumer<Context> = settings.create_with_context(context).unwrap();
        let mut floor = Floor { consumer: &consumer, topic: "signals", tenant: &*tenant, held: BTreeMap::new() };
        floor.offer(0, 7, b"");
        floor.offer(1, 3, b"");
        consumer.context().revoked(&consumer, &list("signals", [0]));
        consumer.context().take_gone().into_iter().for_each(|it| floor.forget(it));
        floor.offer(0, 5, b"");
        tenant.has_room.store(true, Ordering::Release);
        floor.offer_again();
        floor.offer(0, 6, b"");
        assert_eq!(*tenant.taken.lock().unwrap(), [5, 3, 6]);
    }
}
