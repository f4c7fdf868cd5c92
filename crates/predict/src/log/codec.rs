//! How do predictions and labels look on disk? Frames that stand for themselves: a head with the number of rows and their
//! times, so that readers can pass over a frame, and rows that name a shape (model, version, names) of the frame.

use std::sync::Arc;

use signal::{FeatureValue, Inference, Label, Timestamp};

/// Bytes of a frame's head: length of the body, checksum of all that follows, kind, rows, first and last time.
pub const HEAD: usize = 29;
/// A body at most, so that damaged lengths do not become memory.
pub const MAX_BODY: usize = 16 << 20;
/// Kind of a frame of predictions.
pub const INFERENCES: u8 = 1;
/// Kind of a frame of labels.
pub const LABELS: u8 = 2;
/// Kind of a frame of predictions of which some were made in the shadow: each shape says whether its rows were.
pub const WITH_SHADOWS: u8 = 3;

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub body: usize,
    pub checksum: u32,
    pub kind: u8,
    pub n_rows: u32,
    pub first: i64,
    pub last: i64,
}

impl Head {
    /// None for bytes that no frame begins with.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let head = Self {
            body: reader.u32()? as usize,
            checksum: reader.u32()?,
            kind: reader.byte()?,
            n_rows: reader.u32()?,
            first: reader.u64()? as i64,
            last: reader.u64()? as i64,
        };
        (head.body <= MAX_BODY && head.n_rows as usize <= head.body && (INFERENCES..=WITH_SHADOWS).contains(&head.kind))
            .then_some(head)
    }
}

/// True if the frame (head and body) is as it was written.
pub fn is_whole(head: &Head, frame: &[u8]) -> bool {
    frame.len() == HEAD + head.body && frame.get(8..).is_some_and(|it| crc32fast::hash(it) == head.checksum)
}

/// A frame of predictions; `rows` are few enough for [`MAX_BODY`].
pub fn encode_inferences(rows: &[Inference], into: &mut Vec<u8>) {
    let mut shapes: Vec<&Inference> = vec![];
    let mut used = Vec::with_capacity(rows.len());
    for row in rows {
        let known = shapes.iter().rposition(|it| is_same_shape(it, row));
        used.push(known.unwrap_or_else(|| {
            shapes.push(row);
            shapes.len() - 1
        }));
    }
    let kind = if shapes.iter().any(|it| it.is_shadow) { WITH_SHADOWS } else { INFERENCES };
    frame(kind, rows.iter().map(|it| it.time), into, |body, first| {
        varint(shapes.len() as u64, body);
        for shape in &shapes {
            if kind == WITH_SHADOWS {
                body.push(u8::from(shape.is_shadow));
            }
            text(&shape.model, body);
            text(&shape.version, body);
            varint(shape.features.len() as u64, body);
            shape.features.iter().for_each(|it| text(&it.0, body));
        }
        for (row, shape) in rows.iter().zip(used) {
            varint(shape as u64, body);
            encode_row(row, first, body);
        }
    });
}

/// A frame of labels.
pub fn encode_labels(labels: &[Label], into: &mut Vec<u8>) {
    frame(LABELS, labels.iter().map(|it| it.time), into, |body, first| {
        for label in labels {
            text(&label.id, body);
            varint(label.time.millis().wrapping_sub(first) as u64, body);
            value(&label.label, body);
        }
    });
}

fn frame(
    kind: u8,
    times: impl Iterator<Item = Timestamp> + Clone,
    into: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>, i64),
) {
    let start = into.len();
    let first = times.clone().map(Timestamp::millis).min().unwrap_or(0);
    let last = times.clone().map(Timestamp::millis).max().unwrap_or(0);
    into.extend([0; 8]);
    into.push(kind);
    into.extend((times.count() as u32).to_le_bytes());
    into.extend(first.to_le_bytes());
    into.extend(last.to_le_bytes());
    fill(into, first);
    let body = (into.len() - start - HEAD) as u32;
    let checksum = crc32fast::hash(into.get(start + 8..).unwrap_or_default());
    let head = body.to_le_bytes().into_iter().chain(checksum.to_le_bytes());
    into.iter_mut().skip(start).zip(head).for_each(|(into, byte)| *into = byte);
}

fn is_same_shape(a: &Inference, b: &Inference) -> bool {
    let is_same = |a: &Arc<str>, b: &Arc<str>| Arc::ptr_eq(a, b) || a == b;
    a.features.len() == b.features.len()
        && a.is_shadow == b.is_shadow
        && is_same(&a.model, &b.model)
        && is_same(&a.version, &b.version)
        && a.features.iter().zip(&b.features).all(|(a, b)| is_same(&a.0, &b.0))
}

fn encode_row(row: &Inference, first: i64, body: &mut Vec<u8>) {
    text(&row.id, body);
    varint(row.time.millis().wrapping_sub(first) as u64, body);
    body.extend(row.latency_ms.to_le_bytes());
    value(&row.prediction, body);
    value(&row.probability.map_or(FeatureValue::Missing, FeatureValue::Number), body);
    varint(row.probabilities.len() as u64, body);
    row.probabilities.iter().for_each(|it| body.extend(it.to_le_bytes()));
    row.features.iter().for_each(|it| value(&it.1, body));
}

fn value(value: &FeatureValue, body: &mut Vec<u8>) {
    match value {
        FeatureValue::Missing => body.push(0),
        FeatureValue::Flag(it) => body.push(1 + u8::from(*it)),
        // Most numbers are small and whole, and take two bytes so. Minus zero stays what it is.
        FeatureValue::Number(it) if it.fract() == 0.0 && it.abs() < 1e9 && it.to_bits() != (-0.0_f64).to_bits() => {
            body.push(5);
            let whole = *it as i64;
            varint((whole << 1 ^ whole >> 63) as u64, body);
        }
        FeatureValue::Number(it) => {
            body.push(3);
            body.extend(it.to_le_bytes());
        }
        FeatureValue::Text(it) => {
            body.push(4);
            text(it, body);
        }
    }
}

fn text(text: &str, body: &mut Vec<u8>) {
    varint(text.len() as u64, body);
    body.extend(text.as_bytes());
}

fn varint(mut number: u64, body: &mut Vec<u8>) {
    while number >= 0x80 {
        body.push(number as u8 | 0x80);
        number >>= 7;
    }
    body.push(number as u8);
}

/// The predictions of a body; none if it is no body of that kind.
pub fn decode_inferences(head: &Head, body: &[u8]) -> Option<Vec<Inference>> {
    let mut reader = Reader(body);
    let mut shapes = vec![];
    for _ in 0..reader.length()? {
        let is_shadow = head.kind == WITH_SHADOWS && reader.byte()? == 1;
        let (model, version): (Arc<str>, Arc<str>) = (reader.text()?.into(), reader.text()?.into());
        let n_names = reader.length()?;
        let names = (0..n_names).map(|_| Some(Arc::from(reader.text()?))).collect::<Option<Vec<Arc<str>>>>()?;
        shapes.push((model, version, names, is_shadow));
    }
    let mut rows = Vec::with_capacity(head.n_rows as usize);
    for _ in 0..head.n_rows {
        let (model, version, names, is_shadow) = shapes.get(usize::try_from(reader.varint()?).ok()?)?;
        let id = reader.text()?.into();
        let time = Timestamp::from_millis(head.first.wrapping_add(reader.varint()? as i64));
        let latency_ms = reader.f64()?;
        let prediction = reader.value()?;
        let probability = reader.value()?.as_number();
        let n_classes = reader.length()?;
        let probabilities = (0..n_classes).map(|_| reader.f64()).collect::<Option<_>>()?;
        let features = names.iter().map(|it| Some((Arc::clone(it), reader.value()?))).collect::<Option<_>>()?;
        rows.push(Inference {
            id,
            time,
            model: Arc::clone(model),
            version: Arc::clone(version),
            features,
            prediction,
            probability,
            probabilities,
            latency_ms,
            is_shadow: *is_shadow,
        });
    }
    Some(rows)
}

/// The labels of a body; none if it is no body of that kind.
pub fn decode_labels(head: &Head, body: &[u8]) -> Option<Vec<Label>> {
    let mut reader = Reader(body);
    let mut label = |_| {
        let id = reader.text()?.into();
        let time = Timestamp::from_millis(head.first.wrapping_add(reader.varint()? as i64));
        Some(Label { id, label: reader.value()?, time })
    };
    (0..head.n_rows).map(&mut label).collect()
}

/// Reads from the front; none at the end or for what cannot be.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn f64(&mut self) -> Option<f64> {
        Some(f64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A number of things that follow, each of at least a byte: no more than there are bytes.
    fn length(&mut self) -> Option<usize> {
        let length = usize::try_from(self.varint()?).ok()?;
        (length <= self.0.len()).then_some(length)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn value(&mut self) -> Option<FeatureValue> {
        Some(match self.byte()? {
            0 => FeatureValue::Missing,
            1 => FeatureValue::Flag(false),
            2 => FeatureValue::Flag(true),
            3 => FeatureValue::Number(self.f64()?),
            4 => FeatureValue::Text(self.text()?.into()),
            5 => {
                let it = self.varint()?;
                FeatureValue::Number(((it >> 1) as i64 ^ -((it & 1) as i64)) as f64)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, features: &[(&str, FeatureValue)]) -> Inference {
        Inference {
            id: id.into(),
            time: Timestamp::from_millis(1_700_000_000_123),
            model: "income".into(),
            version: "1".into(),
            features: features.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect(),
            prediction: 1.0.into(),
            probability: Some(0.75),
            probabilities: vec![0.25, 0.75],
            latency_ms: 0.125,
            is_shadow: false,
        }
    }

    fn rows() -> Vec<Inference> {
        let numbers = [0.0, -0.0, -3.0, 1e300, 0.1, 123_456_789.0];
        let many: Vec<(&str, FeatureValue)> = numbers.iter().map(|it| ("n", (*it).into())).collect();
        let others = [("t", "Bachelors".into()), ("m", FeatureValue::Missing), ("f", FeatureValue::Flag(true))];
        let mut late = row("c", &many);
        late.time = Timestamp::from_millis(1_700_000_009_999);
        vec![row("a", &many), row("b", &others), late]
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let mut bytes = vec![];
        encode_inferences(&rows(), &mut bytes);
        let head = Head::parse(&bytes).unwrap();
        assert!(is_whole(&head, &bytes));
        assert_eq!((head.n_rows, head.first, head.last), (3, 1_700_000_000_123, 1_700_000_009_999));
        let read = decode_inferences(&head, &bytes[HEAD..]).unwrap();
        assert_eq!(read, rows());
        assert!(read[0].features[1].1.as_number().unwrap().is_sign_negative(), "minus zero is kept");
        let label = Label { id: "a".into(), label: 1.0.into(), time: Timestamp::from_millis(5) };
        let mut bytes = vec![];
        encode_labels(std::slice::from_ref(&label), &mut bytes);
        let head = Head::parse(&bytes).unwrap();
        assert_eq!(decode_labels(&head, &bytes[HEAD..]).unwrap(), [label]);
    }

    /// Guarantees: MUST 881 of docs/specs/predict.md.
    #[test]
    fn rows_of_the_shadow_stay_apart() {
        let mut all = rows();
        all.insert(1, Inference { version: "2".into(), is_shadow: true, ..all[0].clone() });
        // What was in the shadow once may answer now.
        all.push(Inference { is_shadow: false, ..all[1].clone() });
        let mut bytes = vec![];
        encode_inferences(&all, &mut bytes);
        let head = Head::parse(&bytes).unwrap();
        assert_eq!((head.kind, decode_inferences(&head, &bytes[HEAD..]).unwrap()), (WITH_SHADOWS, all));
        bytes.clear();
        encode_inferences(&rows(), &mut bytes);
        assert_eq!(Head::parse(&bytes).unwrap().kind, INFERENCES, "the form that earlier versions read");
    }

    #[test]
    fn no_change_of_a_byte_goes_unseen_or_breaks_the_reader() {
        let mut bytes = vec![];
        encode_inferences(&rows(), &mut bytes);
        for idx in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[idx] ^= 0x41;
            let is_seen = Head::parse(&changed).is_none_or(|head| !is_whole(&head, &changed));
            assert!(is_seen, "byte {idx}");
            // The reader must hold without the checksum, too.
            let head = Head::parse(&bytes).unwrap();
            decode_inferences(&head, changed.get(HEAD..).unwrap());
            decode_inferences(&head, bytes.get(HEAD..idx).unwrap_or_default());
        }
    }
}
