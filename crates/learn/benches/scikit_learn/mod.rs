//! How long does scikit-learn take for the same rows? Rounds of both take turns, so that other work slows both alike.

#![allow(clippy::indexing_slicing, reason = "the script answers with as many numbers as there are names")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use learn::outlier::isolation_forest::{IsolationForest, IsolationForestConfig};
use learn::outlier::matrix::Matrix;
use learn::outlier::one_class_svm::{OneClassSvm, OneClassSvmConfig};

const N_ROUNDS: usize = 21;

/// Python with scikit-learn.
const PYTHON: &str = "SENTINEL_PYTHON";

/// Prints seconds of fit and score side by side; both take one thread.
pub fn compare(train: &Matrix, test: &Matrix) {
    let Some(python) = std::env::var_os(PYTHON) else {
        eprintln!("SKIPPED: scikit-learn; set {PYTHON} to a Python that has it");
        return;
    };
    let mut command = Command::new(python);
    command.args(["-c", include_str!("rounds.py")]).env("OMP_NUM_THREADS", "1").env("OPENBLAS_NUM_THREADS", "1");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let input = child.stdin.take().expect("standard input is a pipe");
    let output = BufReader::new(child.stdout.take().expect("standard output is a pipe")).lines();
    Comparison { input, output }.run(train, test);
    child.wait().expect("Python ends");
}

struct Comparison {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Comparison {
    fn run(mut self, train: &Matrix, test: &Matrix) {
        self.say(&format!("{},{}", train.n_rows(), test.n_rows()));
        for row in train.rows().chain(test.rows()) {
            self.say(&row.iter().map(f64::to_string).collect::<Vec<_>>().join(","));
        }
        let version = self.line();
        let (mut svm, mut forest) = ([vec![], vec![]], [vec![], vec![]]);
        for _ in 0..N_ROUNDS {
            let start = Instant::now();
            std::hint::black_box(OneClassSvm::fit(train, OneClassSvmConfig::default()).decision(test));
            svm[0].push(start.elapsed().as_secs_f64());
            let start = Instant::now();
            std::hint::black_box(IsolationForest::fit(train, IsolationForestConfig::default()).score(test));
            forest[0].push(start.elapsed().as_secs_f64());
            self.say("round");
            let seconds = self.numbers();
            svm[1].push(seconds[0]);
            forest[1].push(seconds[1]);
        }
        self.say("end");
        let (bytes, decision) = (self.numbers(), self.numbers());
        let ours = OneClassSvm::fit(train, OneClassSvmConfig::default());
        let trees = IsolationForest::fit(train, IsolationForestConfig::default());
        println!(
            "Fit {} x {}, score {}, {N_ROUNDS} rounds in turns, one thread each, scikit-learn {version}:",
            train.n_rows(),
            train.n_features(),
            test.n_rows()
        );
        print("one_class_svm", svm, [ours.state_bytes() as f64, bytes[0]]);
        print("isolation_forest", forest, [trees.state_bytes() as f64, bytes[1]]);
        let differences = ours.decision(test).into_iter().zip(&decision).map(|(ours, theirs)| (ours - theirs).abs());
        println!("Decision values differ by at most {:.1e}.", differences.fold(0.0, f64::max));
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("Python reads");
    }

    fn line(&mut self) -> String {
        self.output.next().expect("Python answers").expect("the answer is text")
    }

    fn numbers(&mut self) -> Vec<f64> {
        self.line().split(',').map(|it| it.parse().expect("the answer has numbers")).collect()
    }
}

/// Median and least milliseconds of ours and theirs with their ratios, and the size of the models.
fn print(name: &str, seconds: [Vec<f64>; 2], bytes: [f64; 2]) {
    let [ours, theirs] = seconds.map(|mut it| {
        it.sort_by(f64::total_cmp);
        [it[it.len() / 2] * 1e3, it[0] * 1e3]
    });
    println!(
        "{name}: median {:.1} and {:.1} ms (ratio {:.1}), least {:.1} and {:.1} ms (ratio {:.1}), model {:.0} and {:.0} KB",
        ours[0],
        theirs[0],
        theirs[0] / ours[0],
        ours[1],
        theirs[1],
        theirs[1] / ours[1],
        bytes[0] / 1e3,
        bytes[1] / 1e3
    );
}
