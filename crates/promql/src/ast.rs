//! What is an expression? The tree that the parser builds and the evaluator walks.

use crate::functions::Function;
use crate::matcher::Matcher;

/// Where in the text something stands, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// First byte.
    pub start: usize,
    /// One behind the last byte.
    pub end: usize,
}

/// An expression with its place in the query.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A number literal; a duration as a number is in seconds.
    Number(f64),
    /// A string literal.
    Text(String),
    /// Series at one time.
    Vector(Selector),
    /// Series over a range of time.
    Matrix {
        /// Which series.
        selector: Selector,
        /// Length of the window.
        range: Length,
    },
    /// An expression evaluated at many times.
    Subquery(Box<Subquery>),
    /// `(expr)`.
    Paren(Box<Expr>),
    /// `-expr`.
    Negate(Box<Expr>),
    /// `+expr`.
    Plus(Box<Expr>),
    /// Two sides and an operator.
    Binary(Box<Binary>),
    /// An aggregation over series.
    Aggregate(Box<Aggregate>),
    /// A function call.
    Call {
        /// Which function.
        function: &'static Function,
        /// The arguments, in order.
        args: Vec<Expr>,
    },
}

/// A length of time, in milliseconds or still to be computed from the query's range and step.
#[derive(Clone, Debug, PartialEq)]
pub enum Length {
    /// Milliseconds.
    Millis(i64),
    /// Known when the query's range and step are.
    Computed(Box<DurationExpr>),
}

/// Arithmetic on durations; results are seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationExpr {
    /// Seconds.
    Number(f64),
    /// `step()`: the resolution of the query.
    Step,
    /// `range()`: the length of the query.
    Range,
    /// `-x`.
    Negate(Box<DurationExpr>),
    /// `min_of(x, y)`.
    Least(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(x, y)`.
    Most(Box<DurationExpr>, Box<DurationExpr>),
    /// `x op y` with an arithmetic operator.
    Binary(Operator, Box<DurationExpr>, Box<DurationExpr>),
}

/// The time that `@` fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since 1970.
    Millis(i64),
    /// Start of the query.
    Start,
    /// End of the query.
    End,
}

/// How the ends of a window are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boundary {
    /// Only samples within the window.
    #[default]
    Plain,
    /// The last sample before the window stands at its start.
    Anchored,
    /// Both ends are interpolated.
    Smoothed,
}

/// Which series, and at what time relative to the evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// The metric's name if it was written in front of the braces.
    pub name: Option<String>,
    /// All conditions, that of the name included.
    pub matchers: Vec<Matcher>,
    /// `offset`.
    pub offset: Length,
    /// `@`.
    pub at: Option<At>,
    /// `anchored` or `smoothed`.
    pub boundary: Boundary,
    /// Where the selector itself stands, without the range.
    pub place: Place,
}

/// `expr[range:step]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// What is evaluated.
    pub expr: Expr,
    /// Length of the window.
    pub range: Length,
    /// Resolution; the engine's default if there is none.
    pub step: Option<Length>,
    /// `offset`.
    pub offset: Length,
    /// `@`.
    pub at: Option<At>,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `atan2`
    Atan2,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `and`
    And,
    /// `or`
    Or,
    /// `unless`
    Unless,
    /// `</`: what lies below a value, of a histogram.
    TrimUpper,
    /// `>/`: what lies above a value, of a histogram.
    TrimLower,
}

impl Operator {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
        }
    }

    /// How tightly it binds; more is tighter.
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual => 3,
            Self::TrimUpper | Self::TrimLower => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
        }
    }

    /// True for `==`, `<` and the like.
    pub const fn is_comparison(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual)
    }

    /// True for `and`, `or`, `unless`.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// How many series of one side match one of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cardinality {
    /// One of each.
    #[default]
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// Which series of two sides belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matching {
    /// How many of each side.
    pub cardinality: Cardinality,
    /// `on(..)` if true, else `ignoring(..)`.
    pub is_on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<String>,
    /// The labels of `group_left` or `group_right`.
    pub include: Vec<String>,
    /// Value of a left side that is missing.
    pub fill_left: Option<f64>,
    /// Value of a right side that is missing.
    pub fill_right: Option<f64>,
}

/// A binary expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// The operator.
    pub operator: Operator,
    /// Left side.
    pub left: Expr,
    /// Right side.
    pub right: Expr,
    /// How series are matched; both sides are vectors then.
    pub matching: Matching,
    /// `bool`.
    pub returns_bool: bool,
}

/// Aggregation operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregator {
    /// `sum`
    Sum,
    /// `avg`
    Avg,
    /// `min`
    Min,
    /// `max`
    Max,
    /// `count`
    Count,
    /// `group`
    Group,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
    /// `topk`
    Topk,
    /// `bottomk`
    Bottomk,
    /// `quantile`
    Quantile,
    /// `count_values`
    CountValues,
    /// `limitk`
    Limitk,
    /// `limit_ratio`
    LimitRatio,
}

impl Aggregator {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Sum,
        Self::Avg,
        Self::Min,
        Self::Max,
        Self::Count,
        Self::Group,
        Self::Stddev,
        Self::Stdvar,
        Self::Topk,
        Self::Bottomk,
        Self::Quantile,
        Self::CountValues,
        Self::Limitk,
        Self::LimitRatio,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::Quantile => "quantile",
            Self::CountValues => "count_values",
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// By its name, in any case.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(name))
    }

    /// True if it takes a parameter before the expression.
    pub const fn has_parameter(self) -> bool {
        matches!(
            self,
            Self::Topk | Self::Bottomk | Self::Quantile | Self::CountValues | Self::Limitk | Self::LimitRatio
        )
    }
}

/// An aggregation.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// Which one.
    pub operator: Aggregator,
    /// What is aggregated.
    pub expr: Expr,
    /// `k` of `topk`, the label of `count_values` and so on.
    pub parameter: Option<Expr>,
    /// Labels of `by` or `without`.
    pub grouping: Vec<String>,
    /// `without` if true.
    pub is_without: bool,
}

/// Types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// One number.
    Scalar,
    /// Series with one value each.
    Vector,
    /// Series with a window of values each.
    Matrix,
    /// Text.
    Text,
}

impl Type {
    /// As Prometheus says it in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::Text => "string",
        }
    }
}

impl Expr {
    /// The type of its value.
    pub fn value_type(&self) -> Type {
        match &self.kind {
            Kind::Number(_) => Type::Scalar,
            Kind::Text(_) => Type::Text,
            Kind::Vector(_) | Kind::Aggregate(_) => Type::Vector,
            Kind::Matrix { .. } | Kind::Subquery(_) => Type::Matrix,
            Kind::Paren(inner) | Kind::Negate(inner) | Kind::Plus(inner) => inner.value_type(),
            Kind::Binary(it) => match (it.left.value_type(), it.right.value_type()) {
                (Type::Scalar, Type::Scalar) => Type::Scalar,
                _ => Type::Vector,
            },
            Kind::Call { function, .. } => function.returns,
        }
    }

    /// The expression without parentheses around it.
    pub fn inner(&self) -> &Self {
        match &self.kind {
            Kind::Paren(inner) => inner.inner(),
            _ => self,
        }
    }
}
