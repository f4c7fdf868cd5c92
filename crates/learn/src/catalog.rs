//! Which estimators are there? One line each; conformance tests and reference pages walk over this table.

/// One estimator of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name in configuration and metrics.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The most memory that one series may take, in bytes.
    pub max_state_bytes: usize,
    /// Where the method was published.
    pub source: &'static str,
}

/// Streaming detectors of one series.
pub const DETECTORS: &[Entry] = &[
    Entry {
        name: "detector",
        summary: "The estimator of every series: `level` for where it should be now, and a memory of what it ever showed, from seven \
                  sides and by time of day.",
        max_state_bytes: 1024,
        source: "Hautamaki et al.: Outlier detection using k-nearest neighbour graph, ICPR 2004, in one dimension per view",
    },
    Entry {
        name: "level",
        summary: "Robust level, trend and scale; a tail guard for heavy tails; a slow reference for creeping change.",
        max_state_bytes: 512,
        source: "Gelper, Fried, Croux: Robust forecasting with exponential and Holt-Winters smoothing, J. Forecasting 2010",
    },
    Entry {
        name: "counts",
        summary: "Sum of rare events over ten seconds against their usual rate, beside `level` on counters of failures.",
        max_state_bytes: 400,
        source: "Anscombe: The transformation of Poisson, binomial and negative-binomial data, Biometrika 35 (1948)",
    },
];

/// Judges of rows of many numbers; memory is for 38 features and the defaults.
pub const OUTLIERS: &[Entry] = &[
    Entry {
        name: "isolation_forest",
        summary: "Rows that few random cuts set apart, or that lie beyond all rows of the training.",
        max_state_bytes: 900_000,
        source: "Liu, Ting, Zhou: Isolation forest, ICDM 2008",
    },
    Entry {
        name: "one_class_svm",
        summary: "Rows outside of the region of most rows, by a Gaussian kernel; memory is for 1,000 training rows.",
        max_state_bytes: 120_000,
        source: "Schoelkopf, Platt, Shawe-Taylor, Smola, Williamson: Estimating the support of a high-dimensional \
                 distribution, Neural Computation 13 (2001)",
    },
    Entry {
        name: "nearest_neighbors",
        summary: "Rows that are far from the nearest row of each of many small samples.",
        max_state_bytes: 125_000,
        source: "Pang, Ting, Albrecht: LeSiNN: Detecting anomalies by identifying least similar nearest neighbours, \
                 ICDM workshops 2015",
    },
    Entry {
        name: "autoencoder",
        summary: "Rows that cannot be told from a third as many numbers.",
        max_state_bytes: 60_000,
        source: "Hawkins, He, Williams, Baxter: Outlier detection using replicator neural networks, DaWaK 2002",
    },
    Entry {
        name: "tcn",
        summary: "Rows that do not follow from the 16 rows before them.",
        max_state_bytes: 60_000,
        source: "Bai, Kolter, Koltun: An empirical evaluation of generic convolutional and recurrent networks for \
                 sequence modeling, arXiv 1803.01271 (2018)",
    },
    Entry {
        name: "streaming_forest",
        summary: "An isolation forest over a random sample of a stream in which old rows fade.",
        max_state_bytes: 800_000,
        source: "Aggarwal: On biased reservoir sampling in the presence of stream evolution, VLDB 2006",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::detect::{self, Counts, Level, Settings};
    use crate::outlier::detector::{Detector, DetectorConfig, Method};
    use crate::outlier::matrix::Matrix;
    use crate::outlier::streaming_forest::{StreamingForest, StreamingForestConfig};
    use crate::random::Random;

    /// Guarantees: names are unique and memory is below what the table says.
    #[test]
    fn every_judge_of_rows_has_a_name_of_its_own_and_a_bound() {
        let mut random = Random::new(1);
        let rows: Vec<[f64; 38]> = (0..1000).map(|_| std::array::from_fn(|_| random.normal())).collect();
        let rows = Matrix::from_rows(&rows).unwrap();
        let blame = 8 * 38 * (38 + 3) + 1000;
        let methods =
            [Method::IsolationForest, Method::OneClassSvm, Method::NearestNeighbors, Method::Autoencoder, Method::Tcn];
        let bytes =
            methods.map(|method| Detector::fit(&rows, DetectorConfig { method, ..Default::default() }).state_bytes());
        let mut streaming = StreamingForest::new(38, StreamingForestConfig::default());
        rows.rows().chain(rows.rows()).for_each(|it| streaming.learn_one(it));
        let bytes: Vec<usize> = bytes.into_iter().map(|it| it - blame).chain([streaming.state_bytes()]).collect();
        assert!(OUTLIERS.iter().zip(&bytes).all(|(it, bytes)| it.max_state_bytes >= *bytes), "{bytes:?}");
        let names: HashSet<&str> = OUTLIERS.iter().map(|it| it.name).collect();
        assert_eq!(names.len(), bytes.len());
    }

    #[test]
    fn every_detector_has_a_name_of_its_own_and_a_bound() {
        let mut names: Vec<_> = DETECTORS.iter().map(|it| it.name).collect();
        names.dedup();
        assert_eq!(names.len(), DETECTORS.len());
        let sizes = [
            detect::Detector::new(Settings::default()).state_bytes(),
            Level::new(Settings::default()).state_bytes(),
            Counts::new(600.0).state_bytes(),
        ];
        assert!(DETECTORS.iter().zip(sizes).all(|(it, bytes)| it.max_state_bytes >= bytes), "{sizes:?}");
    }
}
