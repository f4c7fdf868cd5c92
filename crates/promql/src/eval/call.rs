//! Which function is it? From the name to what computes it.

use super::Evaluator;
use super::column::{Cell, Column, nameless};
use super::grid::Grid;
use super::rate::Growth;
use super::scalar::go_extreme;
use super::select::When;
use super::window::{Window, Windows};
use crate::answer::QueryError;
use crate::ast::{Boundary, Expr, Kind, Type};
use crate::functions::Function;
use crate::print::quoted;

/// Functions on windows whose result is still the same metric.
const KEEP_NAME: [&str; 2] = ["first_over_time", "last_over_time"];
/// Functions that work with `anchored` windows.
const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
/// Functions that work with `smoothed` windows.
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];
/// Ends of names of counters.
const COUNTER_ENDS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

impl Evaluator<'_> {
    /// A function that gives a vector.
    pub(crate) fn call(&self, function: &Function, args: &[Expr], grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let _scope = self.enter(function.name);
        if let Some(idx) = function.args.iter().position(|it| *it == Type::Matrix) {
            return self.on_windows(function, args, idx, grid);
        }
        let name = function.name;
        match (name, args) {
            ("vector", [arg]) => Ok(vec![Column::of_floats(signal::Labels::default(), self.scalar(arg, grid)?)]),
            ("timestamp", [arg]) => self.timestamps(arg, grid),
            ("start_timestamp", [arg]) => self.starts(arg, grid),
            ("absent", [arg]) => self.absent(arg, grid),
            ("info", _) => self.with_info(args, grid),
            ("label_replace", _) => self.label_replace(args, grid),
            ("label_join", _) => self.label_join(args, grid),
            ("sort" | "sort_desc", [arg]) => self.sorted(arg, name == "sort_desc", grid),
            ("sort_by_label" | "sort_by_label_desc", [arg, labels @ ..]) => {
                self.sorted_by_labels(arg, labels, name == "sort_by_label_desc", grid)
            }
            ("clamp" | "clamp_min" | "clamp_max", [arg, limits @ ..]) => self.clamped(name, arg, limits, grid),
            ("round", [arg, nearest @ ..]) => self.rounded(arg, nearest, grid),
            ("histogram_quantile" | "histogram_fraction" | "histogram_quantiles", _) => {
                self.histogram_call(name, args, grid)
            }
            _ => self.simple_call(name, args, grid),
        }
    }

    fn simple_call(&self, name: &str, args: &[Expr], grid: &Grid) -> Result<Vec<Column>, QueryError> {
        if let Some(function) = super::time::by_name(name) {
            return self.date_call(args, grid, function);
        }
        let [arg] = args else {
            return Err(QueryError::Execution(format!("wrong arguments for function {}", quoted(name))));
        };
        if let Some(function) = super::math::by_name(name) {
            return self.on_floats(arg, grid, |_, value| function(value));
        }
        let Some(function) = super::math::of_histogram(name) else {
            return Err(QueryError::Execution(format!("function {} is not known", quoted(name))));
        };
        let mut columns = self.vector(arg, grid)?;
        for column in &mut columns {
            let histograms = std::mem::take(&mut column.histograms);
            column.floats = if histograms.is_empty() {
                vec![super::column::EMPTY; grid.count]
            } else {
                let value = |it: &Option<_>| it.as_deref().map_or(super::column::EMPTY, function);
                histograms.iter().map(value).collect()
            };
        }
        self.without_empty(columns)
    }

    /// Applies a function to floats; histograms go away.
    fn on_floats(
        &self,
        arg: &Expr,
        grid: &Grid,
        function: impl Fn(usize, f64) -> f64,
    ) -> Result<Vec<Column>, QueryError> {
        let mut columns = self.vector(arg, grid)?;
        for column in &mut columns {
            column.histograms = Vec::new();
            for (step, value) in column.floats.iter_mut().enumerate().filter(|it| !crate::series::is_stale(*it.1)) {
                *value = function(step, *value);
            }
        }
        self.without_empty(columns)
    }

    /// Series without samples go, names too.
    pub(super) fn without_empty(&self, mut columns: Vec<Column>) -> Result<Vec<Column>, QueryError> {
        columns.retain(|it| !it.is_empty());
        Ok(nameless(columns))
    }

    fn clamped(&self, name: &str, arg: &Expr, limits: &[Expr], grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let mut given = Vec::new();
        for limit in limits {
            given.push(self.scalar(limit, grid)?);
        }
        let of = |idx: usize, step: usize| given.get(idx).and_then(|it| it.get(step)).copied().unwrap_or(f64::NAN);
        let bounds = |step: usize| match name {
            "clamp_min" => (of(0, step), f64::INFINITY),
            "clamp_max" => (f64::NEG_INFINITY, of(0, step)),
            _ => (of(0, step), of(1, step)),
        };
        self.on_floats(arg, grid, |step, value| match bounds(step) {
            (least, most) if most < least => super::column::EMPTY,
            (least, most) => go_extreme(least, go_extreme(most, value, false), true),
        })
    }

    fn rounded(&self, arg: &Expr, nearest: &[Expr], grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let nearest = match nearest.first() {
            Some(it) => self.scalar(it, grid)?,
            None => vec![1.0; grid.count],
        };
        self.on_floats(arg, grid, |step, value| {
            let inverse = 1.0 / nearest.get(step).copied().unwrap_or(1.0);
            (value * inverse + 0.5).floor() / inverse
        })
    }

    /// The time of each sample: that of a selector's samples, else that of the evaluation.
    fn timestamps(&self, arg: &Expr, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        if let Kind::Vector(selector) = &arg.inner().kind
            && selector.boundary == Boundary::Plain
        {
            let columns = self.latest(selector, grid, |when, _| Some(Cell::Float(when.time as f64 / 1000.0)))?;
            return Ok(nameless(columns));
        }
        let mut columns = self.vector(arg, grid)?;
        for column in &mut columns {
            for (step, time) in grid.times().enumerate() {
                if column.has(step) {
                    column.set(step, Cell::Float(time as f64 / 1000.0));
                }
            }
        }
        Ok(nameless(columns))
    }

    /// When the counters of a selector's samples began; nothing for what is not a selector.
    fn starts(&self, arg: &Expr, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        let Kind::Vector(selector) = &arg.inner().kind else {
            return self.vector(arg, grid).map(|_| Vec::new());
        };
        let reads = self.limits.reads_start_times;
        let of = |when: When| when.start.filter(|_| reads).map(|it| Cell::Float(it as f64 / 1000.0));
        let columns = self.latest(selector, grid, |when, _| of(when))?;
        Ok(nameless(columns))
    }

    fn on_windows(
        &self,
        function: &Function,
        args: &[Expr],
        idx: usize,
        grid: &Grid,
    ) -> Result<Vec<Column>, QueryError> {
        let name = function.name;
        let Some(arg) = args.get(idx).map(Expr::inner) else { return Ok(Vec::new()) };
        check_boundary(name, arg)?;
        let mut numbers = Vec::new();
        for other in args.iter().enumerate().filter(|it| it.0 != idx).map(|it| it.1) {
            numbers.push((other, self.scalar(other, grid)?));
        }
        let windows = self.windows(arg, grid)?;
        let number =
            |idx: usize, step: usize| numbers.get(idx).and_then(|it| it.1.get(step)).copied().unwrap_or(f64::NAN);
        let columns = match name {
            "quantile_over_time" => {
                let place = args.first().map(|it| it.place).unwrap_or_default();
                self.over_windows(windows, grid, |window| {
                    self.quantile_over_time(window, number(0, window.step), place)
                })?
            }
            "predict_linear" => {
                self.over_windows(windows, grid, |window| self.predict_linear(window, number(0, window.step)))?
            }
            "double_exponential_smoothing" => {
                // Factors matter only where there is something to smooth.
                let steps = if windows.series.is_empty() { 0 } else { grid.count };
                for step in 0..steps {
                    check_factor("smoothing", "sf", number(0, step))?;
                    check_factor("trend", "tf", number(1, step))?;
                }
                self.over_windows(windows, grid, |window| {
                    self.double_smoothed(window, number(0, window.step), number(1, window.step))
                })?
            }
            _ => self.plain_windows(name, windows, grid)?,
        };
        if name == "absent_over_time" {
            return Ok(self.absent_from(arg, &columns, grid));
        }
        if KEEP_NAME.contains(&name) {
            return Ok(columns);
        }
        Ok(nameless(columns))
    }

    fn plain_windows(&self, name: &str, windows: Windows, grid: &Grid) -> Result<Vec<Column>, QueryError> {
        if let Some(growth) = Growth::by_name(name) {
            let place = windows.place;
            let columns = self.over_windows(windows, grid, |window| self.growth(growth, window))?;
            if growth.is_counter {
                self.check_counters(&columns, place);
            }
            return Ok(columns);
        }
        let Some(function) = self.over_time(name) else {
            return Err(QueryError::Execution(format!("function {} is not known", quoted(name))));
        };
        self.over_windows(windows, grid, |window: &Window<'_>| function(self, window))
    }

    /// Tells of metrics whose names are not those of counters.
    fn check_counters(&self, columns: &[Column], place: crate::ast::Place) {
        let mut told = "";
        for column in columns {
            let name = column.labels.name();
            let is_counter = name.is_empty() || COUNTER_ENDS.iter().any(|it| name.ends_with(it));
            if name == told || is_counter || column.floats.iter().all(|it| crate::series::is_stale(*it)) {
                continue;
            }
            told = name;
            if self.limits.reads_type_labels {
                let kind = column.labels.get("__type__").unwrap_or("");
                if kind != "counter" && kind != "histogram" {
                    let text = format!(
                        "metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {}: {}",
                        quoted(kind),
                        quoted(name)
                    );
                    self.info(place, &text);
                }
                continue;
            }
            let text = format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                quoted(name)
            );
            self.info(place, &text);
        }
    }
}

fn check_factor(name: &str, short: &str, value: f64) -> Result<(), QueryError> {
    match value > 0.0 && value < 1.0 {
        true => Ok(()),
        false => {
            Err(QueryError::Execution(format!("invalid {name} factor. Expected: 0 < {short} < 1, got: {value:.6}")))
        }
    }
}

fn check_boundary(name: &str, arg: &Expr) -> Result<(), QueryError> {
    let Kind::Matrix { selector, .. } = &arg.kind else { return Ok(()) };
    let (word, allowed): (_, &[&str]) = match selector.boundary {
        Boundary::Plain => return Ok(()),
        Boundary::Anchored => ("anchored", &ANCHORED),
        Boundary::Smoothed => ("smoothed", &SMOOTHED),
    };
    if allowed.contains(&name) {
        return Ok(());
    }
    let text = format!("{word} modifier can only be used with: {} - not with {name}", allowed.join(", "));
    Err(QueryError::Execution(text))
}
