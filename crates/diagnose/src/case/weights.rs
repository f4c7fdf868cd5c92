//! What does each kind of finding count for, and how are findings put together?
//!
//! All are factors on one scale of strength. `neutral` is what one would take without having seen a case: kinds of
//! evidence count the same, and what somebody else explains counts half. `shipped` is what we ship.
//! `sentinel eval rca --fit` fits them from the neutral ones, and leaves out a set at a time to tell what they reach on a
//! system that they were not fitted to.

/// The table: name, what it is, neutral value, shipped value.
macro_rules! weights {
    ($($(#[doc = $doc:literal])+ $name:ident $text:literal $neutral:literal $shipped:literal;)+) => {
        /// One weight.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Weight { $($(#[doc = $doc])+ $name,)+ }

        impl Weight {
            /// All weights in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
            const N: usize = Self::ALL.len();

            /// Its name in reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }

        impl Weights {
            /// Taken without having seen a case.
            pub const NEUTRAL: Self = Self([$($neutral,)+]);
            /// Those that we ship.
            pub const SHIPPED: Self = Self([$($shipped,)+]);
        }
    };
}

/// A value for each weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights([f64; Weight::N]);

weights! {
    /// What a factor of e more widths of the usual counts beside findings of spans and log lines.
    Widths "widths" 2.5 2.5;
    /// How much a second signal adds to the strongest one.
    SecondSignal "second_signal" 0.5 0.5;
    /// What the place where it was noticed gains if nobody knows who calls whom.
    NoticedAlone "noticed_alone" 1.0 1.5;
    /// What is left of a finding about a service that the noticed one does not call.
    Elsewhere "elsewhere" 0.5 0.3;
    /// What is left of a symptom that somebody further down explains.
    SymptomExplained "symptom_explained" 0.5 0.15;
    /// Fewer or more requests within the system follow from what happens elsewhere.
    SweptAlong "swept_along" 0.5 0.1;
    /// What is left for a service that can explain the trouble of nobody.
    Uncovered "uncovered" 0.5 0.3;
    /// What is left of series about resources that are not surely short, where spans tell how requests fare.
    ResourceBesideSpans "resource_beside_spans" 0.5 0.3;
    /// The same of series about latency and failures.
    SymptomBesideSpans "symptom_beside_spans" 0.5 0.2;
    /// The same of all other series.
    OtherBesideSpans "other_beside_spans" 0.5 0.1;
    /// The same of series of a machine.
    MachineBesideSpans "machine_beside_spans" 0.5 0.3;
    /// What is left of a series of a machine without spans: who runs on it makes it busy.
    Machine "machine" 0.5 0.8;
    /// Steps that requests do otherwise.
    Steps "steps" 1.0 0.8;
    /// Requests to others that requests make otherwise.
    Calls "calls" 1.0 0.5;
    /// More requests fail.
    Failures "failures" 1.0 1.2;
    /// More requests fail first: nobody whom they ask fails.
    FirstFailures "first_failures" 1.5 1.5;
    /// Fewer requests fail, or say that they do.
    FewerFailures "fewer_failures" 0.5 0.1;
    /// Requests say more or fewer lines of a kind.
    Said "said" 1.0 1.0;
    /// Requests say more lines that tell of an error.
    SaidError "said_error" 1.0 1.2;
    /// What a slowdown of a service by a factor of e counts for, with many requests.
    SelfTime "self_time" 3.0 4.0;
    /// The same of the way between two services.
    EdgeGap "edge_gap" 3.0 3.0;
    /// More lines of a kind that belong to no request.
    MoreLines "more_lines" 1.0 0.7;
    /// Fewer lines of a kind that belong to no request.
    FewerLines "fewer_lines" 0.5 0.4;
    /// What is left of a finding about a service that calls one with a comparable finding.
    CallerExplained "caller_explained" 0.5 0.6;
    /// How much of an error counts for the service that its text names.
    Named "named" 0.5 0.7;
    /// How much is left of it for the one that says it.
    Naming "naming" 0.5 0.5;
    /// What a change that is surely to blame speaks for its service.
    Change "change" 10.0 12.0;
}

impl Weights {
    /// The value of one weight.
    pub fn of(&self, weight: Weight) -> f64 {
        self.0.get(weight as usize).copied().unwrap_or(1.0)
    }

    /// The same with another value for one weight.
    #[must_use]
    pub fn with(mut self, weight: Weight, value: f64) -> Self {
        if let Some(it) = self.0.get_mut(weight as usize) {
            *it = value;
        }
        self
    }

    /// How far they are from others, by the squares of the logarithms of their ratios.
    pub fn distance(&self, other: &Self) -> f64 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a / b).ln().powi(2)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_weight_has_its_own_place() {
        let doubled = Weights::NEUTRAL.with(Weight::Named, 1.0);
        assert_eq!((doubled.of(Weight::Named), doubled.of(Weight::Naming)), (1.0, 0.5));
        assert!((doubled.distance(&Weights::NEUTRAL) - 2_f64.ln().powi(2)).abs() < 1e-12);
        assert_eq!(Weight::ALL.len(), Weight::N);
    }
}
