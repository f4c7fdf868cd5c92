//! What does an exemplar of OpenTelemetry say? A value, when it was measured, the ids of trace and span, and the
//! attributes that the series does not have.

use signal::{Exemplar, Labels, Point, Timestamp};

use super::logs::hex;
use super::metrics::signed;
use super::names;
use super::traces::{span_id, trace_id};
use super::{any_value, millis};
use crate::protobuf::Message;
use crate::{Config, Error, Problems, exemplar};

/// `Exemplar { time = 2, as_double = 3, span_id = 4, trace_id = 5, as_int = 6, filtered_attributes = 7 }`.
pub(super) struct Told<'a> {
    pub(super) point: Point,
    trace: &'a [u8],
    span: &'a [u8],
    attributes: Vec<&'a [u8]>,
}

impl<'a> Told<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        let point = Point { time: Timestamp::MIN, value: 0.0 };
        let mut told = Self { point, trace: &[], span: &[], attributes: vec![] };
        let mut fields = Message::new(bytes, "Exemplar");
        while let Some((field, value)) = fields.next()? {
            match field {
                2 => told.point.time = millis(value.fixed64("Exemplar.time_unix_nano")?),
                3 => told.point.value = value.double("Exemplar.as_double")?,
                4 => told.span = value.bytes("Exemplar.span_id")?,
                5 => told.trace = value.bytes("Exemplar.trace_id")?,
                6 => told.point.value = signed(value.fixed64("Exemplar.as_int")?),
                7 => told.attributes.push(value.bytes("Exemplar.filtered_attributes")?),
                _ => {}
            }
        }
        Ok(told)
    }

    /// What is kept of it.
    pub(super) fn exemplar(
        &self,
        series: &Labels,
        config: &Config,
        problems: &mut Problems,
    ) -> Result<Option<Exemplar>, Error> {
        let ids = [
            ("trace_id", trace_id(self.trace).map(|it| hex(&it.0))),
            ("span_id", span_id(self.span).map(|it| hex(&it.0))),
        ];
        let mut attributes = vec![];
        // One more than is kept, so that what is beyond is counted.
        for bytes in self.attributes.iter().take(config.max_labels + 1) {
            let (key, any) = any_value::key_value(bytes)?;
            attributes.push((names::label(key), any_value::text(any, config.max_label_value_bytes)?));
        }
        let ids = ids.iter().filter_map(|(name, id)| Some((*name, id.as_deref()?)));
        let pairs: Vec<(&str, &str)> = ids.chain(attributes.iter().map(|(name, value)| (&**name, &**value))).collect();
        Ok(exemplar::exemplar(series, &pairs, self.point, config, problems))
    }
}
