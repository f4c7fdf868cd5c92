//! What goes into a model and comes out of it? Numbers, truth values or text in a shape.

use tract_onnx::prelude::{Datum, DatumType, Tensor as Inner, TractResult};

use crate::error::OnnxError;

/// What the values of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point.
    F64,
    /// Whole numbers of up to 64 bit.
    I64,
    /// True or false.
    Bool,
    /// Text.
    Text,
}

/// Values in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floating point; also 16-bit, widened.
    F32(Vec<f32>),
    /// 64-bit floating point.
    F64(Vec<f64>),
    /// Whole numbers; smaller ones are widened.
    I64(Vec<i64>),
    /// True or false.
    Bool(Vec<bool>),
    /// Text.
    Text(Vec<String>),
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As numbers; none if they are text.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Self::F32(values) => Some(values.iter().map(|it| f64::from(*it)).collect()),
            Self::F64(values) => Some(values.clone()),
            Self::I64(values) => Some(values.iter().map(|it| *it as f64).collect()),
            Self::Bool(values) => Some(values.iter().map(|it| f64::from(u8::from(*it))).collect()),
            Self::Text(_) => None,
        }
    }
}

/// Values with the length of each axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Values,
}

impl Tensor {
    /// Values in a shape; the error says by how much they differ in number.
    pub fn new(shape: Vec<usize>, values: Values) -> Result<Self, OnnxError> {
        let n = shape.iter().try_fold(1_usize, |n, it| n.checked_mul(*it));
        if n != Some(values.len()) {
            return Err(OnnxError::Input(format!("{} values do not fill the shape {shape:?}", values.len())));
        }
        Ok(Self { shape, values })
    }

    /// Length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The values, taken out.
    pub fn into_values(self) -> Values {
        self.values
    }

    /// As the runtime has it, in the type that an input wants. Text and numbers are not turned into each other.
    pub(crate) fn to_inner(&self, wanted: DatumType) -> Result<Inner, OnnxError> {
        let made = match &self.values {
            Values::F32(values) => Inner::from_shape(&self.shape, values),
            Values::F64(values) => Inner::from_shape(&self.shape, values),
            Values::I64(values) => Inner::from_shape(&self.shape, values),
            Values::Bool(values) => Inner::from_shape(&self.shape, values),
            Values::Text(values) => text_tensor(&self.shape, values.clone()),
        };
        let inner = made.map_err(|error| OnnxError::Input(format!("{error:#}")))?;
        let is_text = inner.datum_type() == DatumType::String;
        if is_text != (wanted == DatumType::String) {
            let (is, wants) = if is_text { ("text", "numbers") } else { ("numbers", "text") };
            return Err(OnnxError::Input(format!("it is {is}, the model wants {wants}")));
        }
        match inner.cast_to_dt(wanted) {
            Ok(cast) => Ok(cast.into_owned()),
            Err(error) => Err(OnnxError::Input(format!("it cannot be made {wanted:?}: {error:#}"))),
        }
    }

    /// From what the runtime has.
    pub(crate) fn from_inner(inner: &Inner) -> Result<Self, OnnxError> {
        let values = match Kind::of(inner.datum_type()) {
            Some(Kind::F32) => cast(inner).map(Values::F32),
            Some(Kind::F64) => cast(inner).map(Values::F64),
            Some(Kind::I64) => cast(inner).map(Values::I64),
            Some(Kind::Bool) => cast(inner).map(Values::Bool),
            Some(Kind::Text) => cast(inner).map(Values::Text),
            None => {
                return Err(OnnxError::Unsupported(format!("an output of the type {:?}", inner.datum_type())));
            }
        };
        match values {
            Ok(values) => Ok(Self { shape: inner.shape().to_vec(), values }),
            Err(error) => Err(OnnxError::Run(format!("{error:#}"))),
        }
    }
}

impl Kind {
    /// Of a type of the runtime; none for those that nothing is told of.
    pub(crate) fn of(datum: DatumType) -> Option<Self> {
        match datum {
            DatumType::F16 | DatumType::F32 => Some(Self::F32),
            DatumType::F64 => Some(Self::F64),
            DatumType::Bool => Some(Self::Bool),
            DatumType::String => Some(Self::Text),
            DatumType::I8
            | DatumType::I16
            | DatumType::I32
            | DatumType::I64
            | DatumType::U8
            | DatumType::U16
            | DatumType::U32
            | DatumType::U64
            | DatumType::TDim => Some(Self::I64),
            _ => None,
        }
    }
}

fn cast<T: Datum>(inner: &Inner) -> TractResult<Vec<T>> {
    let cast = inner.cast_to::<T>()?;
    Ok(cast.try_as_plain_ram()?.as_slice::<T>()?.to_vec())
}

/// Text has no size of its own, and is therefore made in another way than numbers.
pub(crate) fn text_tensor(shape: &[usize], values: Vec<String>) -> TractResult<Inner> {
    tract_onnx::prelude::tensor1(&values).into_shape(shape)
}
