//! What stands in a part of a partition? Read without a group: nobody's position changes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use signal::Timestamp;

use crate::saved::Shelf;
use crate::topics::client;
use crate::{Book, Config, Error, Topics};

/// Brokers that say nothing for so long are taken to be away.
const PATIENCE: Duration = Duration::from_secs(30);

/// Calls `each` with the offset and the bytes of every record of the partition from `from` on, until it breaks or the
/// partition ends.
///
/// # Errors
/// The brokers say nothing for half a minute.
pub fn read_from(
    config: &Config,
    topic: &str,
    partition: u32,
    from: i64,
    each: &mut dyn FnMut(i64, &[u8]) -> ControlFlow<()>,
) -> Result<(), Error> {
    let consumer = reader(config)?;
    let mut assignment = TopicPartitionList::new();
    let number = i32::try_from(partition).unwrap_or(i32::MAX);
    let position = Offset::Offset(from.max(0));
    assignment.add_partition_offset(topic, number, position).map_err(Error::kafka("read a partition"))?;
    consumer.assign(&assignment).map_err(Error::kafka("read a partition"))?;
    let mut heard = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                if each(message.offset(), message.payload().unwrap_or_default()).is_break() {
                    return Ok(());
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            // Passing errors are tried again by the client itself.
            Some(Err(source)) if heard.elapsed() > PATIENCE => {
                return Err(Error::Kafka { operation: "read a partition", source });
            }
            None if heard.elapsed() > PATIENCE => {
                return Err(Error::Unfit(format!("{topic}/{partition}: the brokers do not answer")));
            }
            Some(Err(_)) | None => {}
        }
    }
}

/// State that another worker has saved; None if it is not there in full any more.
///
/// # Errors
/// The brokers do not answer.
pub fn read_state(config: &Config, topics: &Topics, partition: u32, shelf: &Shelf) -> Result<Option<Vec<u8>>, Error> {
    let mut gathering = shelf.gather();
    read_from(config, &topics.state, partition, shelf.first, &mut |_, record| match gathering.take(record) {
        Ok(true) => ControlFlow::Break(()),
        Ok(false) => ControlFlow::Continue(()),
        Err(error) => {
            tracing::warn!(partition, %error, "A piece of state is passed over.");
            ControlFlow::Continue(())
        }
    })?;
    Ok(gathering.finish())
}

/// The book of incidents as responders before have written it.
///
/// # Errors
/// The brokers do not answer.
pub fn read_book(config: &Config, topics: &Topics) -> Result<Book, Error> {
    let mut book = Book::default();
    read_from(config, &topics.book, 0, 0, &mut |offset, record| {
        if let Err(error) = book.take(record) {
            tracing::warn!(offset, %error, "A row of the book is passed over.");
        }
        ControlFlow::Continue(())
    })?;
    Ok(book)
}

/// The offset of the first record of the partition that is not older than `time`; None if there is none.
///
/// # Errors
/// The brokers do not answer.
pub fn offset_at(config: &Config, topic: &str, partition: u32, time: Timestamp) -> Result<Option<i64>, Error> {
    let number = i32::try_from(partition).unwrap_or(i32::MAX);
    let mut times = TopicPartitionList::new();
    let time = Offset::Offset(time.millis().max(0));
    times.add_partition_offset(topic, number, time).map_err(Error::kafka("find an offset"))?;
    let found = reader(config)?.offsets_for_times(times, PATIENCE).map_err(Error::kafka("find an offset"))?;
    let Some(found) = found.find_partition(topic, number) else { return Ok(None) };
    found.error().map_err(Error::kafka("find an offset"))?;
    match found.offset() {
        Offset::Offset(offset) if offset >= 0 => Ok(Some(offset)),
        _ => Ok(None),
    }
}

fn reader(config: &Config) -> Result<BaseConsumer, Error> {
    let mut client = client(config);
    client
        .set("group.id", format!("{}-reader", config.prefix))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed");
    client.create().map_err(Error::kafka("make a reader"))
}
