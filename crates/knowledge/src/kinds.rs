//! What does a kind of log line become? A document of its template and an example.

use signal::LogTemplate;

use crate::document::{Document, Kind};

/// More of an example is not read.
const MAX_EXAMPLE_BYTES: usize = 600;

/// A log template with an example, of a tenant or (empty) of everybody.
pub fn template_document(template: &LogTemplate, tenant: &str) -> Document {
    let example = template.example.get(..template.example.floor_char_boundary(MAX_EXAMPLE_BYTES)).unwrap_or("");
    let text = format!("{} {}\n{example}", template.level.as_str(), template.template.replace("<*>", " "));
    Document {
        tenant: tenant.to_owned(),
        services: vec![template.service.clone()].into_iter().filter(|it| !it.is_empty()).collect(),
        source: template.service.clone(),
        time: Some(template.first_seen),
        ..Document::new(Kind::Template, format!("{}/{}", template.service, template.id), "", text)
    }
}
