//! Incidents as self-contained HTML, Markdown and JSON.
