//! How does a watch come by a model in an ONNX file? The file is read once, and checked against the watch.

use std::sync::Arc;

use forecast::{FileConfig, Network, Watch};

/// Reads the files of all watches that have one. Each problem names the watch, the key and what is valid.
pub fn attach(watches: &mut [Watch]) -> Result<(), Vec<String>> {
    let mut problems = vec![];
    for (idx, watch) in watches.iter_mut().enumerate() {
        let Some(config) = watch.model.file().cloned() else { continue };
        let attached = match read(&config) {
            Ok(network) => watch.attach(network),
            Err(problem) => Err(problem),
        };
        problems.extend(attached.err().map(|it| format!("watches[{idx}].{it}")));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

#[cfg(not(feature = "onnx"))]
fn read(_config: &FileConfig) -> Result<Arc<dyn Network>, String> {
    Err("model_class: onnx needs a build with the feature onnx, which released binaries have \
         (cargo build --release -p sentinel --features onnx)"
        .to_owned())
}

#[cfg(feature = "onnx")]
fn read(config: &FileConfig) -> Result<Arc<dyn Network>, String> {
    let file = runtime::OnnxFile::read(config).map_err(|it| format!("parameters.path: {:?}: {it}", config.path))?;
    Ok(Arc::new(file))
}

#[cfg(feature = "onnx")]
mod runtime {
    //! A file that the runtime has read.

    use std::error::Error as _;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use forecast::{FileConfig, Network};
    use onnx::{Kind, Limits, Model, OnnxError, Tensor, Values};

    /// A model with one input and one output of fixed lengths.
    #[derive(Debug)]
    pub struct OnnxFile {
        model: Model,
        shape: Vec<usize>,
        kind: Option<Kind>,
        n_out: usize,
        checksum: String,
        timeout: Duration,
    }

    impl OnnxFile {
        /// Reads a file, checks what goes in and out, and runs it once.
        pub fn read(config: &FileConfig) -> Result<Self, String> {
            let bytes = onnx::bytes(Path::new(&config.path), &Limits::default()).map_err(|it| told(&it))?;
            let model = Model::parse(&bytes).map_err(|it| told(&it))?;
            let [input] = model.inputs() else {
                return Err(format!("it has {} inputs; one is wanted, [1, values]", model.inputs().len()));
            };
            let lengths: Vec<Option<usize>> = input.shape.clone().unwrap_or_default();
            let shape: Vec<usize> = match lengths.as_slice() {
                [None | Some(1), Some(n)] => vec![1, *n],
                [None | Some(1), Some(n), Some(1)] => vec![1, *n, 1],
                _ => return Err(format!("its input is {}; [1, values] with a fixed number is wanted", input.text())),
            };
            if matches!(input.kind, Some(Kind::Text | Kind::Bool)) {
                return Err(format!("its input is {}; numbers are wanted", input.text()));
            }
            let kind = input.kind;
            let timeout = forecast::period(&config.timeout).unwrap_or(Duration::from_secs(10));
            let checksum = forecast::checksum(&bytes);
            let mut file = Self { model, shape, kind, n_out: 0, checksum, timeout };
            file.n_out = file.answer(&vec![0.5; file.n_in()])?.len();
            if file.n_out == 0 { Err("it tells nothing".to_owned()) } else { Ok(file) }
        }
    }

    impl Network for OnnxFile {
        fn n_in(&self) -> usize {
            self.shape.iter().product()
        }

        fn n_out(&self) -> usize {
            self.n_out
        }

        fn checksum(&self) -> &str {
            &self.checksum
        }

        fn answer(&self, window: &[f64]) -> Result<Vec<f64>, String> {
            let values = match self.kind {
                Some(Kind::F32) => Values::F32(window.iter().map(|it| *it as f32).collect()),
                _ => Values::F64(window.to_vec()),
            };
            let given = Tensor::new(self.shape.clone(), values).map_err(|it| told(&it))?;
            let deadline = Instant::now().checked_add(self.timeout);
            let told = self.model.run(&[given], deadline).map_err(|it| told(&it))?;
            let Some(first) = told.first() else { return Err("it has no output".to_owned()) };
            match first.values().numbers() {
                Some(values) => Ok(values),
                None => Err("its first output is text; numbers are wanted".to_owned()),
            }
        }
    }

    fn told(error: &OnnxError) -> String {
        error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
    }
}
