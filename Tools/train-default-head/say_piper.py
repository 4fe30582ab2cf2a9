"""Test speech from a Piper voice that nothing is trained on, with the phone durations read out of its graph.

The voice (`en_US-joe`) was tuned from one whose data has research terms: it is heard by the evaluation only.
"""

import argparse
import json
import os

import numpy as np
import onnx
import onnxruntime
from scipy.signal import resample_poly

import texts
import utterance

DURATIONS = "/Ceil_output_0"
FRAME = 256 / 22_050


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="with MODEL.json beside it")
    parser.add_argument("out")
    parser.add_argument("--count", type=int, default=14)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    graph = onnx.load(options.model)
    graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(DURATIONS))
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString(), settings)
    with open(options.model + ".json", encoding="utf8") as file:
        ids = json.load(file)["phoneme_id_map"]
    source, noise = texts.Texts(options.seed, {"en-us": 1}), np.random.default_rng(options.seed)
    onnxruntime.set_seed(options.seed)
    for index in range(options.count):
        symbols = ["^", "_"]
        for symbol in texts.ipa(source.next()[1], "en-us"):
            symbols += [symbol, "_"] if symbol in ids else []
        symbols.append("$")
        scales = np.array([0.667, noise.uniform(0.9, 1.15), 0.8], np.float32)
        tokens = np.array([[ids[symbol][0] for symbol in symbols]], np.int64)
        audio, frames = session.run(
            None, {"input": tokens, "input_lengths": np.array([tokens.shape[1]], np.int64), "scales": scales})
        ends = np.cumsum(frames.reshape(-1)) * FRAME
        samples = resample_poly(audio.reshape(-1), 320, 441)
        utterance.save(f"{options.out}/piper_{index:05d}.npz", samples, utterance.join_marks(symbols, list(ends), "_"))


if __name__ == "__main__":
    main()
