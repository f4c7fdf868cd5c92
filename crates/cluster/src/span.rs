//! How does a span lie in a record?

use signal::{Span, SpanEvent, SpanId, SpanKind, SpanStatus, TraceId};

use crate::Error;
use crate::wire::{Reader, put_labels, put_text, put_varint};

/// Order of the kinds on the wire; new ones go to the end.
const KINDS: [SpanKind; 5] = SpanKind::ALL;
const STATUSES: [SpanStatus; 3] = [SpanStatus::Unset, SpanStatus::Ok, SpanStatus::Error];

/// Adds a span.
pub fn put_span(out: &mut Vec<u8>, it: &Span) {
    out.extend_from_slice(&it.trace.0);
    out.extend_from_slice(&it.id.0);
    out.push(u8::from(it.parent.is_some()));
    it.parent.iter().for_each(|it| out.extend_from_slice(&it.0));
    put_text(out, &it.name);
    out.push(place_of(&KINDS, it.kind));
    put_varint(out, it.start_nanos);
    put_varint(out, it.duration_nanos);
    out.push(place_of(&STATUSES, it.status));
    put_text(out, &it.message);
    put_labels(out, &it.resource);
    put_labels(out, &it.attributes);
    put_varint(out, it.events.len() as u64);
    for event in &it.events {
        put_varint(out, event.time_nanos);
        put_text(out, &event.name);
        put_labels(out, &event.attributes);
    }
    put_varint(out, it.links.len() as u64);
    for (trace, id) in &it.links {
        out.extend_from_slice(&trace.0);
        out.extend_from_slice(&id.0);
    }
}

/// Reads a span.
pub fn span(reader: &mut Reader<'_>) -> Result<Span, Error> {
    Ok(Span {
        trace: TraceId(reader.array()?),
        id: SpanId(reader.array()?),
        parent: if reader.byte()? == 0 { None } else { Some(SpanId(reader.array()?)) },
        name: reader.text()?.to_owned(),
        kind: one_of(reader, &KINDS)?,
        start_nanos: reader.varint()?,
        duration_nanos: reader.varint()?,
        status: one_of(reader, &STATUSES)?,
        message: reader.text()?.to_owned(),
        resource: reader.labels()?,
        attributes: reader.labels()?,
        events: reader.list(event)?,
        links: reader.list(|it| Ok((TraceId(it.array()?), SpanId(it.array()?))))?,
    })
}

fn event(reader: &mut Reader<'_>) -> Result<SpanEvent, Error> {
    Ok(SpanEvent { time_nanos: reader.varint()?, name: reader.text()?.to_owned(), attributes: reader.labels()? })
}

/// The place of a kind in the order of the wire.
pub fn place_of<T: PartialEq>(all: &[T], it: T) -> u8 {
    all.iter().position(|known| *known == it).and_then(|it| u8::try_from(it).ok()).unwrap_or(0)
}

fn one_of<T: Copy>(reader: &mut Reader<'_>, all: &[T]) -> Result<T, Error> {
    let place = usize::from(reader.byte()?);
    all.get(place).copied().ok_or_else(|| reader.unreadable("a kind or status of a span"))
}

/// Reads a kind.
pub fn kind(reader: &mut Reader<'_>) -> Result<SpanKind, Error> {
    one_of(reader, &KINDS)
}

/// Adds a kind.
pub fn put_kind(out: &mut Vec<u8>, it: SpanKind) {
    out.push(place_of(&KINDS, it));
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::tests::labels;

    pub fn any_span() -> impl Strategy<Value = Span> {
        let ids = (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<Option<[u8; 8]>>());
        let event = (any::<u64>(), ".{0,9}", labels()).prop_map(|(time_nanos, name, attributes)| SpanEvent {
            time_nanos,
            name,
            attributes,
        });
        let link = (any::<[u8; 16]>(), any::<[u8; 8]>()).prop_map(|(trace, id)| (TraceId(trace), SpanId(id)));
        let more = (proptest::collection::vec(event, 0..3), proptest::collection::vec(link, 0..3));
        let texts = (".{0,12}", ".{0,12}", labels(), labels());
        let numbers = (0..5_usize, 0..3_usize, any::<u64>(), any::<u64>());
        (ids, texts, numbers, more).prop_map(|(ids, texts, numbers, (events, links))| Span {
            trace: TraceId(ids.0),
            id: SpanId(ids.1),
            parent: ids.2.map(SpanId),
            name: texts.0,
            kind: KINDS[numbers.0],
            start_nanos: numbers.2,
            duration_nanos: numbers.3,
            status: STATUSES[numbers.1],
            message: texts.1,
            resource: texts.2,
            attributes: texts.3,
            events,
            links,
        })
    }

    proptest! {
        #[test]
        fn a_span_is_read_back(it in any_span()) {
            let mut bytes = vec![1];
            put_span(&mut bytes, &it);
            prop_assert_eq!(span(&mut Reader::new(&bytes, 1).unwrap()).unwrap(), it);
        }
    }
}
