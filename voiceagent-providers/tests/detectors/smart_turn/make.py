"""Makes a tiny model with the inputs and outputs of Smart Turn v3, and the numbers that the tests expect.

    pip install numpy onnx onnxruntime transformers
    python make.py

Features are computed by transformers' WhisperFeatureExtractor, predictions by onnxruntime.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from transformers import WhisperFeatureExtractor

HERE = Path(__file__).parent
RATE, SECONDS, BANDS, MOMENTS = 16_000, 8, 80, 800


def samples(count):
    """Noise, and a hum whose pitch rises and which fades in; the Rust tests make the same."""
    state, made = 1, []
    for at in range(count):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        time = at / RATE
        hum = np.sin(2 * np.pi * (200 + 100 * time) * time) * min(time / 4, 1) * 0.3
        made.append(hum + (state / 2**31 - 1) * 0.01)
    return np.array(made, np.float32)


def features(audio):
    padded = np.pad(audio, (max(0, RATE * SECONDS - len(audio)), 0))[-RATE * SECONDS :]
    extractor = WhisperFeatureExtractor(chunk_length=SECONDS)
    made = extractor(
        padded,
        sampling_rate=RATE,
        padding="max_length",
        max_length=RATE * SECONDS,
        truncation=True,
        do_normalize=True,
        return_tensors="np",
    )
    return made.input_features.astype(np.float32)


def model():
    """The mean of all bands, a weight for each moment, a sigmoid."""
    weights = np.cos(np.arange(MOMENTS) / 50).astype(np.float32).reshape(MOMENTS, 1) / 40
    nodes = [
        helper.make_node("ReduceMean", ["input_features", "axes"], ["moments"], keepdims=0),
        helper.make_node("MatMul", ["moments", "weights"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["logits"]),
    ]
    constants = {"axes": np.array([1]), "weights": weights, "bias": np.array([0.25], np.float32)}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input_features", TensorProto.FLOAT, [1, BANDS, MOMENTS])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(made)
    return made


def main():
    onnx.save(model(), HERE / "tiny.onnx")
    session = onnxruntime.InferenceSession(HERE / "tiny.onnx")
    expected = []
    for count in (0, RATE, 5 * RATE, 9 * RATE):
        levels = features(samples(count))
        some = levels[0, ::9, ::57]
        probability = session.run(None, {"input_features": levels})[0].item()
        expected.append(
            {
                "samples": count,
                "every_9th_band_and_57th_moment": [round(float(it), 5) for it in some.flatten()],
                "probability": round(probability, 6),
            }
        )
    (HERE / "expected.json").write_text(json.dumps(expected) + "\n")


main()
