//! By which tests and distances can two samples be compared? One line each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)+) => {
        /// A test or a distance.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Method {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)+
        }

        impl Method {
            /// All, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name in configuration, reports and metrics.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

methods! {
    /// The verdict on numbers: Mann-Whitney, Anderson-Darling and Mood's test of scale, combined.
    LocationShape "location_shape",
    /// Greatest distance between the distribution functions; p exact up to 10,000 values.
    KolmogorovSmirnov "kolmogorov_smirnov",
    /// Two-sample test of homogeneity of counts; the verdict on categories.
    ChiSquare "chi_square",
    /// The same by the likelihood ratio.
    GTest "g_test",
    /// Two shares, by the normal distribution.
    ZTest "z_test",
    /// Two shares, exactly.
    FisherExact "fisher_exact",
    /// Area between the distribution functions, in standard deviations of the reference.
    Wasserstein "wasserstein",
    /// Root of the Jensen-Shannon divergence, natural logarithm.
    JensenShannon "jensen_shannon",
    /// Root of the Jensen-Shannon divergence in bits: 0 to 1.
    JensenShannonBits "jensen_shannon_bits",
    /// Kullback-Leibler divergence of the reference from the current sample.
    KullbackLeibler "kullback_leibler",
    /// Population stability index.
    Psi "psi",
    /// Hellinger distance.
    Hellinger "hellinger",
    /// Half of the sum of the differences of shares.
    TotalVariation "total_variation",
    /// The largest difference of shares.
    LInfinity "l_infinity",
    /// Squared distance between the distribution functions.
    CramerVonMises "cramer_von_mises",
    /// The same, with weight on the tails (Scholz and Stephens, k samples).
    AndersonDarling "anderson_darling",
    /// Energy distance, in standard deviations of the reference.
    Energy "energy",
    /// Rank test of location.
    MannWhitney "mann_whitney",
    /// Difference of means with a variance each (Welch).
    TTest "t_test",
    /// Difference of means with one variance (Student).
    StudentTTest "student_t_test",
    /// Distance of the characteristic functions.
    EppsSingleton "epps_singleton",
    /// Maximum mean discrepancy with a Gaussian kernel.
    MeanDiscrepancy "mean_discrepancy",
}

impl Method {
    /// Does it compare numbers only?
    pub fn is_for_numbers_only(self) -> bool {
        matches!(
            self,
            Self::LocationShape
                | Self::KolmogorovSmirnov
                | Self::Wasserstein
                | Self::CramerVonMises
                | Self::AndersonDarling
                | Self::Energy
                | Self::MannWhitney
                | Self::TTest
                | Self::StudentTTest
                | Self::EppsSingleton
                | Self::MeanDiscrepancy
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no method of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMethod(pub String);

impl fmt::Display for UnknownMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no method {:?}; there are ", self.0)?;
        let names: Vec<&str> = Method::ALL.iter().map(|it| it.name()).collect();
        f.write_str(&names.join(", "))
    }
}

impl std::error::Error for UnknownMethod {}

/// Names that others use for the same.
const ALIASES: [(&str, Method); 14] = [
    ("ks", Method::KolmogorovSmirnov),
    ("chi2", Method::ChiSquare),
    ("chisquare", Method::ChiSquare),
    ("z", Method::ZTest),
    ("js", Method::JensenShannon),
    ("jensenshannon", Method::JensenShannon),
    ("kl_div", Method::KullbackLeibler),
    ("tvd", Method::TotalVariation),
    ("anderson", Method::AndersonDarling),
    ("ed", Method::Energy),
    ("mannw", Method::MannWhitney),
    ("es", Method::EppsSingleton),
    ("mmd", Method::MeanDiscrepancy),
    ("emd", Method::Wasserstein),
];

impl FromStr for Method {
    type Err = UnknownMethod;

    /// By its name or by a common short one, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        let lower = text.trim().to_lowercase().replace('-', "_");
        let named = Self::ALL.iter().find(|it| it.name() == lower).copied();
        let alias = || ALIASES.iter().find(|it| it.0 == lower).map(|it| it.1);
        named.or_else(alias).ok_or_else(|| UnknownMethod(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for method in Method::ALL {
            assert_eq!(method.to_string().parse(), Ok(*method));
            let json = serde_json::to_string(method).unwrap();
            assert_eq!(json, format!("\"{}\"", method.name()));
            assert_eq!(serde_json::from_str::<Method>(&json).unwrap(), *method);
        }
        assert_eq!("KS".parse(), Ok(Method::KolmogorovSmirnov));
        let error = "kss".parse::<Method>().unwrap_err().to_string();
        assert!(error.contains("\"kss\"") && error.contains("location_shape"), "{error}");
    }
}
