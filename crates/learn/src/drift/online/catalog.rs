//! Which published detectors are there? One line each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Adwin, Ddm, Eddm, Fhddm, HddmA, HddmW, Kswin, OnlineDetector, PageHinkley, State};
use crate::drift::method::UnknownMethod;

macro_rules! detectors {
    ($($variant:ident $name:literal $river:literal,)+) => {
        /// The name of a published detector.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each has a file of its name")]
        pub enum DetectorKind {
            $(#[serde(rename = $name)] $variant,)+
        }

        impl DetectorKind {
            /// All, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name in configuration.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The name of its class in River.
            pub fn river_name(self) -> &'static str {
                match self { $(Self::$variant => $river,)+ }
            }

            /// One with River's parameters.
            pub fn build(self) -> Detector {
                match self { $(Self::$variant => Detector::$variant($variant::default()),)+ }
            }
        }

        /// A published detector of any kind.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each has a file of its name")]
        pub enum Detector {
            $($variant($variant),)+
        }

        impl OnlineDetector for Detector {
            fn update(&mut self, value: f64) -> State {
                match self { $(Self::$variant(it) => it.update(value),)+ }
            }
        }
    };
}

detectors! {
    Adwin "adwin" "ADWIN",
    PageHinkley "page_hinkley" "PageHinkley",
    Kswin "kswin" "KSWIN",
    Ddm "ddm" "DDM",
    Eddm "eddm" "EDDM",
    HddmA "hddm_a" "HDDM_A",
    HddmW "hddm_w" "HDDM_W",
    Fhddm "fhddm" "FHDDM",
}

impl fmt::Display for DetectorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DetectorKind {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        let named = |it: &&Self| it.name() == text || it.river_name() == text;
        Self::ALL.iter().find(named).copied().ok_or_else(|| UnknownMethod(text.to_owned()))
    }
}
