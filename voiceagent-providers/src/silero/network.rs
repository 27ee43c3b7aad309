use std::array;

use super::weights::Weights;

/// Samples of a window.
pub(super) const WINDOW: usize = 512;
/// Samples of the window before that are heard again.
const CONTEXT: usize = 64;
/// Samples that are put behind a window, as its mirror image.
const MIRRORED: usize = 64;

/// Samples under a spectrum, from one spectrum to the next, and the number of spectra.
const SPECTRUM: usize = 256;
const HOP: usize = 128;
const SPECTRA: usize = (CONTEXT + WINDOW + MIRRORED - SPECTRUM) / HOP + 1;
/// Magnitudes of a spectrum.
const BINS: usize = SPECTRUM / 2 + 1;

/// What is remembered from window to window, twice: the output of the cell and its state.
const CELL: usize = 128;

/// The network of versions 5 and 6: magnitudes of four spectra, four convolutions over time, a recurrent
/// cell, and one number.
///
/// The shape is that of `tinygrad_model.py` in Silero's repository. A convolution is a table of
/// dot products over neighbouring columns; columns lie one after the other, with an empty one at
/// each end.
pub(super) struct Network {
    spectrum: Layer,
    convolutions: [Layer; 4],
    /// Input, forget, candidate and output gate, of the input and the last output side by side.
    gates: Layer,
    output: Layer,
}

/// What a detector remembers, and room to work in.
pub(super) struct Memory {
    samples: [f32; CONTEXT + WINDOW + MIRRORED],
    waves: [f32; SPECTRA * BINS * 2],
    magnitudes: [f32; (SPECTRA + 2) * BINS],
    first: [f32; (4 + 2) * 128],
    second: [f32; (2 + 2) * 64],
    third: [f32; (1 + 2) * 64],
    /// The cell's input, and its last output.
    heard: [f32; 2 * CELL],
    gates: [f32; 4 * CELL],
    cell: [f32; CELL],
}

impl Network {
    pub(super) fn new(weights: &Weights<'_>) -> Result<Self, String> {
        let convolution = |number, from, to| Layer::convolution(weights, number, from, to);
        Ok(Self {
            spectrum: Layer {
                weights: weights
                    .get("model.stft.forward_basis_buffer", &[2 * BINS, 1, SPECTRUM])?,
                bias: vec![0.0; 2 * BINS],
            },
            convolutions: [
                convolution(0, BINS, 128)?,
                convolution(1, 128, 64)?,
                convolution(2, 64, 64)?,
                convolution(3, 64, CELL)?,
            ],
            gates: Layer::gates(weights)?,
            output: Layer {
                weights: weights.get("model.decoder.decoder.2.weight", &[1, CELL, 1])?,
                bias: weights.get("model.decoder.decoder.2.bias", &[1])?,
            },
        })
    }

    pub(super) fn speech_probability(&self, memory: &mut Memory, window: &[f32]) -> f32 {
        memory.take(window);
        self.spectrum.apply(&memory.samples, HOP, &mut memory.waves);
        memory.measure();
        let [first, second, third, fourth] = &self.convolutions;
        first.apply_positive(&memory.magnitudes, BINS, inner(&mut memory.first, 128));
        second.apply_positive(&memory.first, 2 * 128, inner(&mut memory.second, 64));
        third.apply_positive(&memory.second, 2 * 64, inner(&mut memory.third, 64));
        fourth.apply_positive(&memory.third, 64, &mut memory.heard[..CELL]);
        self.gates.apply(&memory.heard, 2 * CELL, &mut memory.gates);
        memory.remember();
        // The cell's input has done its work; the next window overwrites it.
        let (positive, output) = memory.heard.split_at_mut(CELL);
        for (positive, output) in positive.iter_mut().zip(output) {
            *positive = output.max(0.0);
        }
        let mut logit = [0.0];
        self.output.apply(positive, CELL, &mut logit);
        sigmoid(logit[0])
    }
}

/// The columns without the empty ones at both ends.
fn inner(columns: &mut [f32], column: usize) -> &mut [f32] {
    let end = columns.len() - column;
    &mut columns[column..end]
}

impl Memory {
    pub(super) const fn new() -> Self {
        Self {
            samples: [0.0; CONTEXT + WINDOW + MIRRORED],
            waves: [0.0; SPECTRA * BINS * 2],
            magnitudes: [0.0; (SPECTRA + 2) * BINS],
            first: [0.0; (4 + 2) * 128],
            second: [0.0; (2 + 2) * 64],
            third: [0.0; (1 + 2) * 64],
            heard: [0.0; 2 * CELL],
            gates: [0.0; 4 * CELL],
            cell: [0.0; CELL],
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// Puts a window behind the end of the last, and its mirror image behind it.
    fn take(&mut self, window: &[f32]) {
        let samples = &mut self.samples;
        samples.copy_within(WINDOW..WINDOW + CONTEXT, 0);
        samples[CONTEXT..CONTEXT + WINDOW].copy_from_slice(window);
        let (before, mirrored) = samples.split_at_mut(CONTEXT + WINDOW);
        for (sample, original) in mirrored.iter_mut().zip(before.iter().rev().skip(1)) {
            *sample = *original;
        }
    }

    /// From cosines and sines to magnitudes.
    fn measure(&mut self) {
        let columns = inner(&mut self.magnitudes, BINS).chunks_exact_mut(BINS);
        for (column, waves) in columns.zip(self.waves.chunks_exact(2 * BINS)) {
            let (cosines, sines) = waves.split_at(BINS);
            for ((magnitude, cosine), sine) in column.iter_mut().zip(cosines).zip(sines) {
                *magnitude = (cosine * cosine + sine * sine).sqrt();
            }
        }
    }

    /// Lets the gates renew state and output of the cell.
    fn remember(&mut self) {
        let (input, rest) = self.gates.split_at(CELL);
        let (forget, rest) = rest.split_at(CELL);
        let (candidate, output) = rest.split_at(CELL);
        for (at, cell) in self.cell.iter_mut().enumerate() {
            *cell = sigmoid(forget[at]) * *cell + sigmoid(input[at]) * candidate[at].tanh();
            self.heard[CELL + at] = sigmoid(output[at]) * cell.tanh();
        }
    }
}

/// Dot products with the same input, one after the other, and what is added to each.
struct Layer {
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    /// A convolution over three columns. The file has the weights of a column side by side for
    /// each of its numbers; here all numbers of a column are side by side.
    fn convolution(
        weights: &Weights<'_>,
        number: usize,
        from: usize,
        to: usize,
    ) -> Result<Self, String> {
        let name = format!("model.encoder.{number}.reparam_conv");
        let in_file = weights.get(&format!("{name}.weight"), &[to, from, 3])?;
        let mut ordered = Vec::with_capacity(in_file.len());
        for row in in_file.chunks_exact(from * 3) {
            for column in 0..3 {
                ordered.extend(row.iter().skip(column).step_by(3));
            }
        }
        Ok(Self { weights: ordered, bias: weights.get(&format!("{name}.bias"), &[to])? })
    }

    /// The gates of the cell: weights of the input and of the last output become one row.
    fn gates(weights: &Weights<'_>) -> Result<Self, String> {
        let get =
            |name: &str, shape: &[usize]| weights.get(&format!("model.decoder.rnn.{name}"), shape);
        let of_input = get("weight_ih", &[4 * CELL, CELL])?;
        let of_output = get("weight_hh", &[4 * CELL, CELL])?;
        let rows = of_input.chunks_exact(CELL).zip(of_output.chunks_exact(CELL));
        let bias = get("bias_ih", &[4 * CELL])?;
        let more = get("bias_hh", &[4 * CELL])?;
        Ok(Self {
            weights: rows.flat_map(|(input, output)| [input, output].concat()).collect(),
            bias: bias.iter().zip(&more).map(|(one, other)| one + other).collect(),
        })
    }

    /// Fills `output` column by column; the input of each begins `step` further on.
    fn apply(&self, input: &[f32], step: usize, output: &mut [f32]) {
        let (rows, length) = (self.bias.len(), self.weights.len() / self.bias.len());
        let weights = self.weights.chunks_exact(length).zip(&self.bias);
        // A row of weights is used for all columns while it is near.
        for (row, (weights, bias)) in weights.enumerate() {
            for (column, output) in output.chunks_exact_mut(rows).enumerate() {
                let input = &input[column * step..][..length];
                output[row] = bias + dot(weights, input);
            }
        }
    }

    /// The same, with everything below 0 taken for 0.
    fn apply_positive(&self, input: &[f32], step: usize, output: &mut [f32]) {
        self.apply(input, step, output);
        for number in output {
            *number = number.max(0.0);
        }
    }
}

/// Sixteen sums side by side, so that they run in vector registers.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    const LANES: usize = 16;
    let ((one, one_rest), (other, other_rest)) =
        (one.as_chunks::<LANES>(), other.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (one, other) in one.iter().zip(other) {
        sums = array::from_fn(|lane| sums[lane] + one[lane] * other[lane]);
    }
    let rest: f32 = one_rest.iter().zip(other_rest).map(|(one, other)| one * other).sum();
    rest + sums.iter().sum::<f32>()
}

fn sigmoid(number: f32) -> f32 {
    1.0 / (1.0 + (-number).exp())
}
