use std::collections::BTreeMap;

/// Numbers of the fields that are read, from `onnx.proto` of ONNX.
mod field {
    pub(super) const MODEL_GRAPH: u64 = 7;
    pub(super) const GRAPH_INITIALIZER: u64 = 5;
    pub(super) const TENSOR_DIMS: u64 = 1;
    pub(super) const TENSOR_DATA_TYPE: u64 = 2;
    pub(super) const TENSOR_NAME: u64 = 8;
    pub(super) const TENSOR_RAW_DATA: u64 = 9;
}

/// `TensorProto.DataType.FLOAT`.
const FLOAT: u64 = 1;

/// The tensors of an ONNX file. Of the protobuf message only what holds them is read.
#[derive(Debug)]
pub(super) struct Weights<'a>(BTreeMap<&'a str, Tensor<'a>>);

#[derive(Debug, Default)]
struct Tensor<'a> {
    shape: Vec<u64>,
    data_type: u64,
    data: &'a [u8],
}

impl<'a> Weights<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, String> {
        Self::read(file).map(Self).ok_or_else(|| "the file is no ONNX file".to_owned())
    }

    fn read(file: &'a [u8]) -> Option<BTreeMap<&'a str, Tensor<'a>>> {
        let mut tensors = BTreeMap::new();
        let mut graphs = 0;
        for field in Fields(file) {
            let (field::MODEL_GRAPH, Value::Bytes(graph)) = field? else { continue };
            graphs += 1;
            for field in Fields(graph) {
                let (field::GRAPH_INITIALIZER, Value::Bytes(tensor)) = field? else { continue };
                let (name, tensor) = Tensor::read(tensor)?;
                tensors.insert(name, tensor);
            }
        }
        (graphs == 1).then_some(tensors)
    }

    /// The numbers of a tensor, which must have this shape.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.0.get(name).ok_or_else(|| {
            format!("no `{name}`; `silero_vad_16k_op15.onnx` of version 5 or 6 is wanted")
        })?;
        let is_shape = tensor.shape.iter().copied().eq(shape.iter().map(|&side| side as u64));
        if tensor.data_type != FLOAT || !is_shape {
            let Tensor { data_type, shape: found, .. } = tensor;
            return Err(format!(
                "`{name}` has type {data_type} and shape {found:?}, not {FLOAT} and {shape:?}"
            ));
        }
        let (numbers, rest) = tensor.data.as_chunks::<4>();
        if numbers.len() != shape.iter().product::<usize>() || !rest.is_empty() {
            return Err(format!("`{name}` is cut off"));
        }
        let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if numbers.iter().all(|number| number.is_finite()) {
            Ok(numbers)
        } else {
            Err(format!("`{name}` holds what is no number"))
        }
    }
}

impl<'a> Tensor<'a> {
    fn read(message: &'a [u8]) -> Option<(&'a str, Self)> {
        let mut name = "";
        let mut tensor = Self::default();
        for field in Fields(message) {
            match field? {
                (field::TENSOR_DIMS, Value::Number(side)) => tensor.shape.push(side),
                (field::TENSOR_DIMS, Value::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        tensor.shape.push(number(&mut packed)?);
                    }
                }
                (field::TENSOR_DATA_TYPE, Value::Number(kind)) => tensor.data_type = kind,
                (field::TENSOR_NAME, Value::Bytes(bytes)) => name = str::from_utf8(bytes).ok()?,
                (field::TENSOR_RAW_DATA, Value::Bytes(bytes)) => tensor.data = bytes,
                _ => {}
            }
        }
        Some((name, tensor))
    }
}

/// The fields of a protobuf message; `None` where it is damaged, and then the end.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Bytes(&'a [u8]),
    Number(u64),
    /// Of a fixed length, which no field here has.
    Fixed,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Option<(u64, Value<'a>)> {
        let tag = number(&mut self.0)?;
        let value = match tag & 7 {
            0 => Value::Number(number(&mut self.0)?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = number(&mut self.0)?;
                Value::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some((tag >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// Seven bits a byte, the lowest first; the highest bit says that more come.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
