//! How is a histogram written? As `count_values` names it.

use std::fmt;

use super::{Bounds, Histogram};
use crate::print::go_float;

impl fmt::Display for Histogram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{count:{}, sum:{}", go_float(self.count), go_float(self.sum))?;
        for bucket in self.negative.iter().rev().filter(|it| it.count != 0.0) {
            range(formatter, '[', self.negative_bounds(bucket), ')')?;
        }
        if self.zero_count != 0.0 {
            range(formatter, '[', self.zero_bounds(), ']')?;
        }
        for bucket in self.positive.iter().filter(|it| it.count != 0.0) {
            let bounds = self.positive_bounds(bucket);
            let open = if self.is_custom() && bounds.lower == f64::NEG_INFINITY { '[' } else { '(' };
            range(formatter, open, bounds, ']')?;
        }
        formatter.write_str("}")
    }
}

fn range(formatter: &mut fmt::Formatter<'_>, open: char, it: Bounds, close: char) -> fmt::Result {
    write!(formatter, ", {open}{},{}{close}:{}", go_float(it.lower), go_float(it.upper), go_float(it.count))
}
