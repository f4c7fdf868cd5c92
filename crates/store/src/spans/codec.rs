//! How are spans packed? Who and what repeats is written once; ids, times and durations lie in columns of their own.

use signal::{Labels, Span, SpanEvent, SpanId, SpanKind, SpanStatus, Timestamp, TraceId};
use xxhash_rust::xxh3::Xxh3;

use crate::bytes::{Reader, put_labels, put_text, put_varint};
use crate::packs::columns::{attributes, label_sets, put_attributes, put_label_sets, put_repeated, repeated};
use crate::packs::filter::{Word, hash};
use crate::packs::kind::{Kind, Layout};
use crate::packs::order::Order;
use crate::packs::sections::{SectionReader, Sections};
use crate::rows::Effort;

/// Spans of traces.
#[derive(Debug)]
pub struct Steps;

impl Kind for Steps {
    type Record = Span;

    const NAME: &'static str = "spans";

    fn times(span: &Span) -> (Timestamp, Timestamp) {
        (span.start(), span.end())
    }

    fn weight(span: &Span) -> usize {
        let size = |it: &Labels| it.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        let events: usize = span.events.iter().map(|it| 12 + it.name.len() + size(&it.attributes)).sum();
        // Ids, kind, status and times count as their bytes in protobuf.
        62 + span.name.len() + span.message.len() + size(&span.attributes) + events + 26 * span.links.len()
    }

    fn digest(span: &Span) -> u64 {
        let mut hasher = Xxh3::new();
        hasher.update(&span.trace.0);
        hasher.update(&span.id.0);
        hasher.update(&[span.kind as u8]);
        hasher.update(&span.start_nanos.to_le_bytes());
        hasher.digest()
    }

    fn sort_key(span: &Span) -> u64 {
        span.resource.id().hash() ^ hash(&span.name)
    }

    fn words(span: &Span, out: &mut Vec<Word>) {
        out.extend([trace_word(span.trace), service_word(span.service())]);
    }

    fn encode(spans: &[&Span], _order: &Order, _effort: Effort, out: &mut Sections) {
        put(spans, &mut out.words);
    }

    fn decode(reader: &mut SectionReader<'_>, count: usize, _order: &Order, _layout: Layout) -> Option<Vec<Span>> {
        read(&mut reader.words, count)
    }
}

/// Adds spans, column by column.
pub fn put(spans: &[&Span], out: &mut Vec<u8>) {
    put_label_sets(spans.iter().map(|it| &it.resource), out);
    put_repeated(spans.iter().map(|it| it.name.as_str()), out, |it, out| put_text(out, it));
    put_repeated(spans.iter().map(|it| it.message.as_str()), out, |it, out| put_text(out, it));
    for span in spans {
        out.push(span.kind as u8 | (span.status as u8) << 3 | u8::from(span.parent.is_some()) << 6);
    }
    let mut before = 0;
    for span in spans {
        // Differences wrap around: any two instants can follow each other.
        crate::bytes::put_signed(out, span.start_nanos.wrapping_sub(before) as i64);
        before = span.start_nanos;
    }
    spans.iter().for_each(|it| put_varint(out, it.duration_nanos));
    spans.iter().for_each(|it| out.extend_from_slice(&it.trace.0));
    spans.iter().for_each(|it| out.extend_from_slice(&it.id.0));
    spans.iter().filter_map(|it| it.parent).for_each(|it| out.extend_from_slice(&it.0));
    put_attributes(spans.iter().map(|it| &it.attributes), out);
    spans.iter().for_each(|it| put_rest(it, out));
}

/// Reads `count` spans back.
pub fn read(reader: &mut Reader<'_>, count: usize) -> Option<Vec<Span>> {
    let text = |reader: &mut Reader<'_>| reader.text().map(str::to_owned);
    let resources = label_sets(reader, count)?;
    let names = repeated(reader, count, text)?;
    let messages = repeated(reader, count, text)?;
    let flags = reader.take(count)?;
    let mut start_nanos = 0_u64;
    let mut starts = Vec::with_capacity(count);
    for _ in 0..count {
        start_nanos = start_nanos.wrapping_add(reader.signed()? as u64);
        starts.push(start_nanos);
    }
    let durations: Vec<u64> = (0..count).map(|_| reader.varint()).collect::<Option<_>>()?;
    let traces: Vec<TraceId> = (0..count).map(|_| array(reader).map(TraceId)).collect::<Option<_>>()?;
    let ids: Vec<SpanId> = (0..count).map(|_| array(reader).map(SpanId)).collect::<Option<_>>()?;
    let mut parents = Vec::with_capacity(count);
    for flags in flags {
        parents.push(if flags & 0x40 == 0 { None } else { Some(SpanId(array(reader)?)) });
    }
    let attributes = attributes(reader, count)?;
    let mut spans = Vec::with_capacity(count);
    let columns = resources.into_iter().zip(names).zip(messages).zip(flags).zip(starts).zip(durations);
    let columns = columns.zip(traces).zip(ids).zip(parents).zip(attributes);
    for (((((((((resource, name), message), flags), start_nanos), duration_nanos), trace), id), parent), attributes) in
        columns
    {
        let kind = SpanKind::ALL.get(usize::from(flags & 7)).copied()?;
        let status = STATUSES.get(usize::from(flags >> 3 & 7)).copied()?;
        let (events, links) = rest(reader)?;
        spans.push(Span {
            trace,
            id,
            parent,
            name,
            kind,
            start_nanos,
            duration_nanos,
            status,
            message,
            resource,
            attributes,
            events,
            links,
        });
    }
    Some(spans)
}

const STATUSES: [SpanStatus; 3] = [SpanStatus::Unset, SpanStatus::Ok, SpanStatus::Error];

/// By which a trace is found.
pub fn trace_word(trace: TraceId) -> Word {
    Word::of_hash(hash(&trace.to_string()))
}

/// By which the spans of a service are found. The sign keeps it apart from words.
pub fn service_word(service: &str) -> Word {
    Word::of_hash(hash(&format!("service={service}")))
}

/// What few spans have.
fn put_rest(span: &Span, out: &mut Vec<u8>) {
    put_varint(out, span.events.len() as u64);
    for event in &span.events {
        put_varint(out, event.time_nanos);
        put_text(out, &event.name);
        put_labels(out, &event.attributes);
    }
    put_varint(out, span.links.len() as u64);
    for (trace, id) in &span.links {
        out.extend_from_slice(&trace.0);
        out.extend_from_slice(&id.0);
    }
}

type Rest = (Vec<SpanEvent>, Vec<(TraceId, SpanId)>);

fn rest(reader: &mut Reader<'_>) -> Option<Rest> {
    let n_events = reader.count()?;
    let mut events = Vec::with_capacity(n_events);
    for _ in 0..n_events {
        let (time_nanos, name) = (reader.varint()?, reader.text()?.to_owned());
        events.push(SpanEvent { time_nanos, name, attributes: reader.labels()? });
    }
    let n_links = reader.count()?;
    let mut links = Vec::with_capacity(n_links);
    for _ in 0..n_links {
        links.push((TraceId(array(reader)?), SpanId(array(reader)?)));
    }
    Some((events, links))
}

fn array<const N: usize>(reader: &mut Reader<'_>) -> Option<[u8; N]> {
    reader.take(N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span() -> impl Strategy<Value = Span> {
        let labels = || prop::collection::vec(("[a-c]{1,2}", "[a-z ]{1,5}"), 0..3).prop_map(Labels::new);
        let ids = (any::<[u8; 16]>(), any::<[u8; 8]>(), prop::option::of(any::<[u8; 8]>()));
        let events = prop::collection::vec((any::<u64>(), ".{0,5}", labels()), 0..2);
        let links = prop::collection::vec((any::<[u8; 16]>(), any::<[u8; 8]>()), 0..2);
        let numbers = (any::<u64>(), any::<u64>(), 0..5_usize, 0..3_usize);
        (ids, numbers, ".{0,8}", ".{0,3}", labels(), labels(), events, links).prop_map(
            |(ids, numbers, name, message, resource, attributes, events, links)| Span {
                trace: TraceId(ids.0),
                id: SpanId(ids.1),
                parent: ids.2.map(SpanId),
                name,
                kind: SpanKind::ALL[numbers.2],
                start_nanos: numbers.0,
                duration_nanos: numbers.1,
                status: STATUSES[numbers.3],
                message,
                resource,
                attributes,
                events: events
                    .into_iter()
                    .map(|(time_nanos, name, attributes)| SpanEvent { time_nanos, name, attributes })
                    .collect(),
                links: links.into_iter().map(|(trace, id)| (TraceId(trace), SpanId(id))).collect(),
            },
        )
    }

    proptest! {
        #[test]
        fn spans_come_back(spans in prop::collection::vec(span(), 0..20)) {
            let mut bytes = vec![];
            put(&spans.iter().collect::<Vec<_>>(), &mut bytes);
            prop_assert_eq!(read(&mut Reader::new(&bytes), spans.len()), Some(spans));
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0..20_usize) {
            let _ = read(&mut Reader::new(&bytes), count);
        }
    }
}
