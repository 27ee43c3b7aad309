//! The numbers of the network, and what is refused as a model.

use std::{env, fs, io::Write as _, path::PathBuf};

use serde_json::json;
use voiceagent_core::{Error, ErrorKind, audio::g711::Law, vad::VadFactory};
use voiceagent_providers::silero::Silero;
use voiceagent_testkit::conformance;

use super::registry;

/// The tensors of the network.
const SHAPES: [(&str, &[usize]); 15] = [
    ("model.encoder.0.reparam_conv.bias", &[128]),
    ("model.encoder.0.reparam_conv.weight", &[128, 129, 3]),
    ("model.encoder.1.reparam_conv.bias", &[64]),
    ("model.encoder.1.reparam_conv.weight", &[64, 128, 3]),
    ("model.encoder.2.reparam_conv.bias", &[64]),
    ("model.encoder.2.reparam_conv.weight", &[64, 64, 3]),
    ("model.encoder.3.reparam_conv.bias", &[128]),
    ("model.encoder.3.reparam_conv.weight", &[128, 64, 3]),
    ("model.decoder.decoder.2.bias", &[1]),
    ("model.decoder.decoder.2.weight", &[1, 128, 1]),
    ("model.decoder.rnn.bias_hh", &[512]),
    ("model.decoder.rnn.bias_ih", &[512]),
    ("model.decoder.rnn.weight_hh", &[512, 128]),
    ("model.decoder.rnn.weight_ih", &[512, 128]),
    ("model.stft.forward_basis_buffer", &[258, 1, 256]),
];

/// From -1 to 1: the generator of Knuth's MMIX.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}

/// A tensor of a file.
#[derive(Clone)]
struct Tensor {
    name: &'static str,
    shape: Vec<u64>,
    data_type: u64,
    data: Vec<u8>,
}

/// Tensors of the right shape, with weights that were rolled.
fn rolled() -> Vec<Tensor> {
    let mut dice = Dice(1);
    let tensors = SHAPES.iter().map(|&(name, shape)| {
        let inputs: usize = shape[1..].iter().product();
        let scale = if shape.len() > 1 { (3.0 / (inputs as f64).sqrt()) as f32 } else { 0.1 };
        let count: usize = shape.iter().product();
        let data = (0..count).flat_map(|_| (dice.roll() * scale).to_le_bytes()).collect();
        let shape = shape.iter().map(|&side| side as u64).collect();
        Tensor { name, shape, data_type: 1, data }
    });
    tensors.collect()
}

/// An ONNX file with these tensors, and with a version and a name as every model has.
fn onnx(tensors: &[Tensor]) -> Vec<u8> {
    let graph: Vec<u8> = tensors
        .iter()
        .flat_map(|tensor| {
            let sides = tensor.shape.iter().flat_map(|&side| number_field(1, side));
            let mut message: Vec<u8> = sides.collect();
            message.extend(number_field(2, tensor.data_type));
            message.extend(bytes_field(8, tensor.name.as_bytes()));
            message.extend(bytes_field(9, &tensor.data));
            bytes_field(5, &message)
        })
        .collect();
    [number_field(1, 8), bytes_field(2, b"test"), bytes_field(7, &graph)].concat()
}

fn number_field(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn bytes_field(number: u64, value: &[u8]) -> Vec<u8> {
    [&varint(number << 3 | 2)[..], &varint(value.len() as u64), value].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A file, gone when it is dropped.
struct Model(PathBuf);

impl Model {
    fn write(name: &str, bytes: &[u8]) -> Self {
        let name = format!("voiceagent-silero-{}-{name}.onnx", std::process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, bytes).expect("the system has room for a file");
        Self(path)
    }

    fn refused(&self) -> Error {
        let error = Silero::load(&self.0).expect_err("it is no model");
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(&self.0.display().to_string()), "{error}");
        error
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // A file that stays is a nuisance and no failure.
        drop(fs::remove_file(&self.0));
    }
}

/// The expected numbers are those of the same network, written in NumPy with 64 bits after
/// `tinygrad_model.py` of Silero's repository.
#[test]
fn the_network_computes_what_its_definition_says() {
    let model = Model::write("rolled", &onnx(&rolled()));
    let mut detector = Silero::load(&model.0).unwrap().detector();
    let mut dice = Dice(2);
    let mut next = |number: u16| {
        let peak = f32::from(number + 1) / 12.0;
        let window: Vec<f32> = (0..512).map(|_| dice.roll() * peak).collect();
        detector.speech_probability(&window)
    };
    let expected = [
        0.523285, 0.520282, 0.512403, 0.484296, 0.468530, 0.481526, 0.472870, 0.477635, 0.500950,
        0.518451, 0.492969, 0.474387,
    ];
    for (number, expected) in (0..).zip(expected) {
        let found = next(number);
        assert!((found - expected).abs() < 2e-5, "window {number}: {found}, not {expected}");
    }
}

#[test]
fn a_file_that_is_no_model_is_refused_with_the_reason() {
    let with = |name: &str, wrong: &str, change: fn(&mut Tensor)| {
        let mut tensors = rolled();
        change(tensors.iter_mut().find(|tensor| tensor.name.ends_with(wrong)).unwrap());
        Model::write(name, &onnx(&tensors)).refused().message().to_owned()
    };
    let newer = with("newer", "forward_basis_buffer", |tensor| tensor.name = "stft.basis");
    assert!(newer.contains("no `model.stft.forward_basis_buffer`"), "{newer}");
    let half = with("half", "1.reparam_conv.weight", |tensor| tensor.data_type = 10);
    assert!(half.contains("`model.encoder.1.reparam_conv.weight` has type 10"), "{half}");
    let other = with("other", "2.reparam_conv.bias", |tensor| tensor.shape = vec![32]);
    assert!(other.contains("`model.encoder.2.reparam_conv.bias` has type 1 and shape [32]"));
    let cut = with("cut", "rnn.bias_hh", |tensor| tensor.data.truncate(2_047));
    assert!(cut.contains("`model.decoder.rnn.bias_hh` is cut off"), "{cut}");
    let broken = with("broken", "rnn.weight_hh", |tensor| {
        tensor.data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert!(broken.contains("no number"), "{broken}");
    let whole = onnx(&rolled());
    let short = &whole[..whole.len() - 1];
    let lengthy = [0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
    for (name, bytes) in
        [("empty", &b""[..]), ("text", b"no model at all"), ("short", short), ("long", &lengthy)]
    {
        let error = Model::write(name, bytes).refused();
        assert!(error.message().contains("no ONNX file"), "{error}");
    }
    let absent = Silero::load("no/such/model").unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::Config);
}

/// The model of the machine, which is no part of this repository.
fn model() -> Option<PathBuf> {
    let path = env::var_os("SILERO_VAD_MODEL").map(PathBuf::from);
    if path.is_none() {
        // Around the capture of output, so that everybody sees it.
        let notice = b"SKIPPED: SILERO_VAD_MODEL does not name silero_vad_16k_op15.onnx\n";
        std::io::stderr().write_all(notice).expect("standard error is open");
    }
    path
}

/// Speech at 16 kHz, each sample of the telephone twice.
fn speech() -> Vec<f32> {
    let codes = include_bytes!("../../../voiceagent-core/testdata/jfk_8k.mulaw");
    let samples = codes.iter().map(|code| f32::from(Law::Mulaw.decode(*code)) / 32_768.0);
    samples.flat_map(|sample| [sample, sample]).collect()
}

/// `expected.txt` is what version 6.2 says on ONNX Runtime 1.31, for each window.
#[test]
fn the_model_scores_as_on_its_own_runtime() {
    let Some(model) = model() else { return };
    let silero = registry().vad.build(json!({ "provider": "silero", "model": model })).unwrap();
    let mut detector = silero.detector();
    let expected = include_str!("silero/expected.txt").lines();
    let speech = speech();
    let windows = speech.chunks_exact(detector.window());
    assert_eq!(windows.len(), expected.clone().count());
    for (number, (window, expected)) in windows.zip(expected).enumerate() {
        let (found, expected) = (detector.speech_probability(window), expected.parse::<f32>());
        let expected = expected.unwrap();
        assert!((found - expected).abs() < 1e-4, "window {number}: {found}, not {expected}");
    }
}

#[test]
fn the_model_passes() {
    let Some(model) = model() else { return };
    conformance::vad("silero", &Silero::load(model).unwrap()).assert();
}
