//! Is the live data still like the reference? Profiles, verdicts and their report.
//!
//! Reading order: `column` takes cells in and makes a `ColumnProfile`; `profile` holds those of a table, and `saved`
//! writes it; `compare` judges two of them by `verdict` and `quality` and makes a `report`, whose JSON is the published
//! schema; `html` shows it; `evidently` tells it in the shapes that scripts of Evidently read; `expectations` are a
//! user's own tests.
//!
//! Nothing here reads a file, a clock or a socket: the edge feeds columns in and takes bytes out.

#![warn(missing_docs)]

mod categories;
mod column;
mod compare;
mod config;
mod correlation;
pub mod evidently;
mod expectations;
mod html;
mod kind;
mod numbers;
mod parts;
mod profile;
mod quality;
mod report;
mod saved;
mod shape;
mod texts;
mod verdict;
pub mod watch;

pub use categories::{Categories, CategoryBuilder, plain_flag};
pub use column::{ColumnBuilder, ColumnProfile, Data};
pub use compare::{Segments, Side, compare, compare_column, compare_segmented, finish};
pub use config::{Budget, Config, Mode};
pub use expectations::{Bound, Expectation, Metric};
pub use html::html;
pub use kind::{Kind, cell_number, is_missing};
pub use numbers::{NumberBuilder, NumberForm, Numbers};
pub use parts::part;
pub use profile::{Profile, ProfileBuilder, is_answer};
pub use quality::{Check, Issue};
pub use report::{
    Change, ColumnReport, CorrelationChange, Facts, Finding, Outcome, Part, Report, Role, SCHEMA, SchemaChange, Status,
    Summary, Verdict,
};
pub use saved::{MAGIC as PROFILE_MAGIC, ProfileError};
pub use texts::{Descriptor, Text};
pub use watch::WatchConfig;
