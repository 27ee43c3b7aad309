use super::bands::BANDS;

/// Windows that are looked at together.
const TOGETHER: usize = 3;
/// What is drawn from them.
const FEATURES: usize = 40;
/// What each of the two cells remembers, and the three gates of a cell.
const CELL: usize = 32;
const GATES: usize = 3 * CELL;

/// Little-endian, in the order in which [`Network::embedded`] takes them.
const WEIGHTS: &[u8] = include_bytes!("weights.bin");

/// Three windows at once to 40 numbers, two gated recurrent units one after the other, one number.
#[derive(Debug)]
pub(super) struct Network {
    /// Of each band over all that was fitted to: the mean, and one over the deviation.
    means: [f32; BANDS],
    scales: [f32; BANDS],
    features: Layer<FEATURES>,
    first: Cell,
    second: Cell,
    output: Vec<f32>,
    bias: f32,
}

/// What a detector remembers.
#[derive(Debug)]
pub(super) struct Memory {
    windows: [[f32; BANDS]; TOGETHER],
    first: [f32; CELL],
    second: [f32; CELL],
}

impl Memory {
    pub(super) const NEW: Self =
        Self { windows: [[0.0; BANDS]; TOGETHER], first: [0.0; CELL], second: [0.0; CELL] };
}

impl Network {
    pub(super) fn embedded() -> Self {
        let mut weights = Weights(WEIGHTS);
        let network = Self {
            means: weights.row(),
            scales: weights.row(),
            features: Layer::take(&mut weights, TOGETHER * BANDS),
            first: Cell::take(&mut weights, FEATURES),
            second: Cell::take(&mut weights, CELL),
            output: weights.row::<{ 2 * CELL }>().to_vec(),
            bias: weights.row::<1>()[0],
        };
        assert!(weights.0.is_empty(), "the file has as many weights as the network");
        network
    }

    pub(super) fn speech_probability(&self, memory: &mut Memory, levels: &[f32; BANDS]) -> f32 {
        memory.windows.rotate_left(1);
        let newest = &mut memory.windows[TOGETHER - 1];
        for (band, level) in newest.iter_mut().enumerate() {
            *level = (levels[band] - self.means[band]) * self.scales[band];
        }
        let features = self.features.apply(memory.windows.as_flattened());
        self.first.renew(&mut memory.first, &features.map(|it| it.max(0.0)));
        self.second.renew(&mut memory.second, &memory.first);
        let remembered = memory.first.iter().chain(&memory.second);
        let sum: f32 = remembered.zip(&self.output).map(|(one, other)| one * other).sum();
        sigmoid(self.bias + sum)
    }
}

/// A gated recurrent unit (Cho et al. 2014; the variant of cuDNN and PyTorch).
#[derive(Debug)]
struct Cell {
    of_input: Layer<GATES>,
    of_memory: Layer<GATES>,
}

impl Cell {
    fn take(weights: &mut Weights<'_>, inputs: usize) -> Self {
        Self { of_input: Layer::take(weights, inputs), of_memory: Layer::take(weights, CELL) }
    }

    fn renew(&self, memory: &mut [f32; CELL], input: &[f32]) {
        let heard = self.of_input.apply(input);
        let known = self.of_memory.apply(memory);
        for (at, memory) in memory.iter_mut().enumerate() {
            let (keep, new) = (at + CELL, at + 2 * CELL);
            let reset = sigmoid(heard[at] + known[at]);
            let keep = sigmoid(heard[keep] + known[keep]);
            // The hyperbolic tangent, which takes three times as long by its own function.
            let new = 2.0 * sigmoid(2.0 * (heard[new] + reset * known[new])) - 1.0;
            *memory = new + keep * (*memory - new);
        }
    }
}

/// `N` weighted sums of all inputs.
#[derive(Debug)]
struct Layer<const N: usize> {
    bias: [f32; N],
    /// For each input what it adds to each sum, which is what vector registers like.
    weights: Vec<[f32; N]>,
}

impl<const N: usize> Layer<N> {
    fn take(weights: &mut Weights<'_>, inputs: usize) -> Self {
        Self { bias: weights.row(), weights: (0..inputs).map(|_| weights.row()).collect() }
    }

    fn apply(&self, input: &[f32]) -> [f32; N] {
        let mut sums = self.bias;
        // Two inputs at a time: half of the sums' ways to memory and back. All are even in number.
        let (inputs, _) = input.as_chunks::<2>();
        let (weights, _) = self.weights.as_chunks::<2>();
        for (input, weights) in inputs.iter().zip(weights) {
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum += input[0] * weights[0][at] + input[1] * weights[1][at];
            }
        }
        sums
    }
}

/// What has not been taken yet.
struct Weights<'a>(&'a [u8]);

impl Weights<'_> {
    fn row<const N: usize>(&mut self) -> [f32; N] {
        let (numbers, _) = self.0.as_chunks::<4>();
        let row = std::array::from_fn(|at| f32::from_le_bytes(numbers[at]));
        self.0 = &self.0[4 * N..];
        row
    }
}

fn sigmoid(number: f32) -> f32 {
    1.0 / (1.0 + (-number).exp())
}
