//! What stands for a value? Operator `LabelEncoder`: a table from text or numbers to text or numbers.

use std::collections::HashMap;

use tract_onnx::pb::{NodeProto, TensorProto, tensor_proto::DataType};
use tract_onnx::prelude::{Datum, DatumType, Tensor, TractResult};
use tract_onnx::tract_hir::internal::{bail, ensure, tensor1};

use super::attributes::{floats, ints, texts};
use super::kernel::{Form, Kernel, operator};
use super::rows::only;

/// Values of one type.
#[derive(Debug)]
enum List {
    Texts(Vec<String>),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
}

impl List {
    /// From attributes with a prefix (`keys` or `values`), or a tensor of newer files.
    fn new(node: &NodeProto, prefix: &str) -> TractResult<Self> {
        let of_text = texts(node, &format!("{prefix}_strings"))?;
        let of_int = ints(node, &format!("{prefix}_int64s"))?;
        let of_float = floats(node, &format!("{prefix}_floats"))?;
        let tensor =
            node.attribute.iter().find(|it| it.name == format!("{prefix}_tensor")).and_then(|it| it.t.as_ref());
        match (of_text.is_empty(), of_int.is_empty(), of_float.is_empty(), tensor) {
            (false, ..) => Ok(Self::Texts(of_text)),
            (_, false, ..) => Ok(Self::Ints(of_int)),
            (_, _, false, _) => Ok(Self::Floats(of_float)),
            (.., Some(tensor)) => Self::of_tensor(tensor),
            (.., None) => bail!("there are no {prefix}"),
        }
    }

    fn of_tensor(tensor: &TensorProto) -> TractResult<Self> {
        let raw = tensor.raw_data.as_slice();
        let of_eight = || raw.chunks_exact(8).filter_map(|it| <[u8; 8]>::try_from(it).ok());
        let of_four = || raw.chunks_exact(4).filter_map(|it| <[u8; 4]>::try_from(it).ok());
        match DataType::try_from(tensor.data_type) {
            Ok(DataType::String) => {
                let of_text = tensor.string_data.iter().map(|it| String::from_utf8(it.clone()));
                Ok(Self::Texts(of_text.collect::<Result<_, _>>()?))
            }
            Ok(DataType::Int64) => {
                Ok(Self::Ints(tensor.int64_data.iter().copied().chain(of_eight().map(i64::from_le_bytes)).collect()))
            }
            Ok(DataType::Float) => {
                Ok(Self::Floats(tensor.float_data.iter().copied().chain(of_four().map(f32::from_le_bytes)).collect()))
            }
            Ok(DataType::Double) => Ok(Self::Doubles(
                tensor.double_data.iter().copied().chain(of_eight().map(f64::from_le_bytes)).collect(),
            )),
            _ => bail!("a table of the type {} is not supported", tensor.data_type),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Texts(of) => of.len(),
            Self::Ints(of) => of.len(),
            Self::Floats(of) => of.len(),
            Self::Doubles(of) => of.len(),
        }
    }

    fn datum(&self) -> DatumType {
        match self {
            Self::Texts(_) => DatumType::String,
            Self::Ints(_) => DatumType::I64,
            Self::Floats(_) => DatumType::F32,
            Self::Doubles(_) => DatumType::F64,
        }
    }
}

/// A key that can be looked up; numbers by their bits, where all that is not a number is one, and -0 is 0.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Text(String),
    Int(i64),
    Float(u64),
}

impl Key {
    fn number(value: f64) -> Self {
        Self::Float(if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() })
    }
}

#[derive(Debug)]
struct LabelEncoder {
    places: HashMap<Key, usize>,
    values: List,
    /// What stands for what is unknown: the last of `values`.
    unknown: usize,
}

/// Of a node.
pub fn new(node: &NodeProto) -> super::Built {
    let (keys, mut values) = (List::new(node, "keys")?, List::new(node, "values")?);
    ensure!(keys.len() == values.len(), "{} keys have {} values", keys.len(), values.len());
    let unknown = values.len();
    let default = node.attribute.iter().find(|it| it.name == "default_tensor").and_then(|it| it.t.as_ref());
    match (&mut values, default.map(List::of_tensor).transpose()?) {
        (List::Texts(of), Some(List::Texts(default))) => of.extend(default),
        (List::Ints(of), Some(List::Ints(default))) => of.extend(default),
        (List::Floats(of), Some(List::Floats(default))) => of.extend(default),
        (List::Doubles(of), Some(List::Doubles(default))) => of.extend(default),
        (List::Texts(of), _) => {
            of.push(node.get_attr_opt::<String>("default_string")?.unwrap_or_else(|| "_Unused".to_owned()));
        }
        (List::Ints(of), _) => of.push(node.get_attr_opt::<i64>("default_int64")?.unwrap_or(-1)),
        (List::Floats(of), _) => of.push(node.get_attr_opt::<f32>("default_float")?.unwrap_or(-0.0)),
        (List::Doubles(of), _) => of.push(-0.0),
    }
    let keys: Vec<Key> = match keys {
        List::Texts(of) => of.into_iter().map(Key::Text).collect(),
        List::Ints(of) => of.into_iter().map(Key::Int).collect(),
        List::Floats(of) => of.into_iter().map(|it| Key::number(f64::from(it))).collect(),
        List::Doubles(of) => of.into_iter().map(Key::number).collect(),
    };
    let places = keys.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
    operator("LabelEncoder", LabelEncoder { places, values, unknown })
}

impl LabelEncoder {
    fn keys(input: &Tensor) -> TractResult<Vec<Key>> {
        match input.datum_type() {
            DatumType::String => {
                Ok(input.try_as_plain_ram()?.as_slice::<String>()?.iter().cloned().map(Key::Text).collect())
            }
            DatumType::F32 | DatumType::F64 => {
                let cast = input.cast_to::<f64>()?;
                Ok(cast.try_as_plain_ram()?.as_slice::<f64>()?.iter().copied().map(Key::number).collect())
            }
            _ => {
                let cast = input.cast_to::<i64>()?;
                Ok(cast.try_as_plain_ram()?.as_slice::<i64>()?.iter().copied().map(Key::Int).collect())
            }
        }
    }
}

impl Kernel for LabelEncoder {
    fn forms(&self, inputs: &[Form]) -> TractResult<Vec<Form>> {
        Ok(vec![(self.values.datum(), only(inputs)?.1.clone())])
    }

    fn values(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let input = only(inputs)?;
        let places: Vec<usize> =
            Self::keys(input)?.iter().map(|key| self.places.get(key).copied().unwrap_or(self.unknown)).collect();
        let encoded = match &self.values {
            List::Texts(of) => encoded(of, &places),
            List::Ints(of) => encoded(of, &places),
            List::Floats(of) => encoded(of, &places),
            List::Doubles(of) => encoded(of, &places),
        };
        Ok(vec![encoded.into_shape(input.shape())?])
    }
}

fn encoded<T: Datum + Default>(values: &[T], places: &[usize]) -> Tensor {
    let of_place = |place: &usize| values.get(*place).cloned().unwrap_or_default();
    tensor1(&places.iter().map(of_place).collect::<Vec<T>>())
}
