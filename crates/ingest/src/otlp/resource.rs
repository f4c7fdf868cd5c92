//! Who sent it? The attributes of a resource as `service`, `instance`, `host` and what else the configuration names.

use std::borrow::Cow;

use signal::Labels;

use super::{any_value, names};
use crate::limits::line_metadata;
use crate::protobuf::Message;
use crate::{Config, Error, OtlpConfig, Problems};

/// Attributes that have labels of their own.
const OWN: [(&str, &str); 3] =
    [("service.name", "service"), ("service.instance.id", "instance"), ("host.name", "host")];
/// What software without a name is called by OpenTelemetry.
const UNKNOWN_SERVICE: &str = "unknown_service";
/// The label of `service.version`. Series do not have it, or each deploy would begin all of them anew.
const VERSION: &str = "service_version";

/// What is kept of a resource.
#[derive(Debug, Default)]
pub(super) struct Resource<'a> {
    /// Label names and values: `service`, `instance`, `host`, then the promoted attributes.
    pub(super) pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Everything else that it says, for the series `target_info`; at most `max_labels`, and only values that are texts
    /// or numbers.
    pub(super) info: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Resource<'a> {
    /// `Resource { attributes = 1 }`.
    pub(super) fn read(bytes: &'a [u8], config: &Config, otlp: &OtlpConfig) -> Result<Self, Error> {
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = vec![];
        let mut info: Vec<(Cow<'a, str>, Cow<'a, str>)> = vec![];
        let mut fields = Message::new(bytes, "Resource");
        while let Some((field, value)) = fields.next()? {
            if field != 1 {
                continue;
            }
            let (key, any) = any_value::key_value(value.bytes("Resource.attributes")?)?;
            let own = OWN.iter().find(|it| it.0 == key).map(|it| Cow::Borrowed(it.1));
            let promoted = || otlp.promote_resource_attributes.iter().any(|it| it == key).then(|| names::label(key));
            let name = own.or_else(promoted);
            let rows = if name.is_some() { &mut pairs } else { &mut info };
            let name = name.unwrap_or_else(|| names::label(key));
            if name.is_empty() || rows.len() >= config.max_labels {
                continue;
            }
            let text = any_value::text(any, config.max_label_value_bytes)?;
            // A key that comes again replaces the one before, so that there are never more than the configured ones.
            match rows.iter_mut().find(|it| it.0 == name) {
                Some(row) => row.1 = text,
                None => rows.push((name, text)),
            }
        }
        Ok(Self { pairs, info })
    }

    /// The resource of a message that holds one.
    pub(super) fn of(bytes: &'a [u8], config: &Config, otlp: &OtlpConfig) -> Result<Self, Error> {
        Self::read(Self::find(bytes)?, config, otlp)
    }

    /// The bytes of the resource of a message that holds it in field 1, wherever that stands.
    pub(super) fn find(bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        let mut resource: &[u8] = &[];
        let mut fields = Message::new(bytes, "resource");
        while let Some((field, value)) = fields.next()? {
            if field == 1 {
                resource = value.bytes("resource")?;
            }
        }
        Ok(resource)
    }

    /// The labels of everything that this resource says as text or as spans. Never without an owner.
    pub(super) fn labels(&self, config: &Config, problems: &mut Problems) -> Labels {
        let has_owner = ["service", "host", "instance"].iter().any(|it| self.get(it).is_some());
        let fallback = (!has_owner).then_some(("service", UNKNOWN_SERVICE));
        let version = self.info.iter().filter(|it| it.0 == VERSION);
        let pairs = self.pairs.iter().chain(version).map(|(name, value)| (&**name, &**value));
        line_metadata(fallback.into_iter().chain(pairs), config, problems)
    }

    /// The value of a label.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|it| it.0 == name).map(|it| &*it.1).filter(|it| !it.is_empty())
    }
}
