//! Which function is it? From the name to what computes it.

use super::Evaluator;
use super::column::Column;
use super::grid::Grid;
use super::rate::Growth;
use crate::answer::QueryError;
use crate::ast::Expr;
use crate::functions::Function;

impl Evaluator<'_> {
    /// A function that gives a vector.
    pub(crate) fn call(
        &self,
        _expr: &Expr,
        function: &Function,
        args: &[Expr],
        grid: &Grid,
    ) -> Result<Vec<Column>, QueryError> {
        let growth = match function.name {
            "rate" => Growth::RATE,
            "increase" => Growth::INCREASE,
            "delta" => Growth::DELTA,
            "vector" => {
                let [arg] = args else { return Ok(Vec::new()) };
                return Ok(vec![Column::of_floats(signal::Labels::default(), self.scalar(arg, grid)?)]);
            }
            other => return Err(QueryError::Execution(format!("function {other} is not known yet"))),
        };
        let [arg] = args else { return Ok(Vec::new()) };
        let columns = self.over_windows(self.windows(arg, grid)?, grid, |it| growth.of_floats(it))?;
        self.unnamed(columns)
    }
}
