//! What can be found? A piece of text with where it is from and whom it is about.

use serde::{Deserialize, Serialize};
use signal::Timestamp;

/// What sort of knowledge it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A section of a runbook.
    Runbook,
    /// An incident that was there before, with its outcome.
    Incident,
    /// A kind of log line.
    Template,
}

impl Kind {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Runbook, Self::Incident, Self::Template];

    /// Name in queries and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Runbook => "runbook",
            Self::Incident => "incident",
            Self::Template => "template",
        }
    }

    /// Back from its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// Whether a runbook is what was approved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing is pinned, or it is no runbook.
    #[default]
    Unpinned,
    /// Its text is the one that was pinned.
    Pinned,
    /// It was changed since it was pinned.
    Changed,
    /// Others are pinned and this one is not: it came later.
    New,
}

impl Standing {
    /// A warning for readers; empty if there is nothing to warn of.
    pub const fn warning(self) -> &'static str {
        match self {
            Self::Unpinned | Self::Pinned => "",
            Self::Changed => "changed since it was pinned",
            Self::New => "not pinned yet",
        }
    }
}

/// A piece of text that can be found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Identity among documents of its kind: `pool.md#3`, `INC-17`, a template's id.
    pub id: String,
    /// What sort.
    pub kind: Kind,
    /// Whose it is; empty for everybody's.
    pub tenant: String,
    /// One line (untrusted).
    pub title: String,
    /// The text (untrusted).
    pub text: String,
    /// Services it is about.
    pub services: Vec<String>,
    /// Classes of fault it is about, as `bad_deploy`.
    pub faults: Vec<String>,
    /// Where a person reads it whole: a file, an incident, a service's log.
    pub source: String,
    /// Which version: the begin of the SHA-256 of a runbook's file.
    pub version: String,
    /// Whether it is what was approved.
    pub standing: Standing,
    /// When it happened.
    pub time: Option<Timestamp>,
}

impl Document {
    /// A document about nothing in particular.
    pub fn new(kind: Kind, id: impl Into<String>, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind,
            tenant: String::new(),
            title: title.into(),
            text: text.into(),
            services: vec![],
            faults: vec![],
            source: String::new(),
            version: String::new(),
            standing: Standing::default(),
            time: None,
        }
    }

    /// What a model reads of it.
    pub fn whole(&self) -> String {
        if self.title.is_empty() { self.text.clone() } else { format!("{}\n{}", self.title, self.text) }
    }
}
