"""The sample speech of the bundle: Kokoro-82M (Apache-2.0) reads a text of ours with a voice that is nobody's.

usage: make_sample_speech.py MODEL VOCABULARY VOICES OUT.wav
"""

import sys
import wave

import numpy as np

import say_kokoro
import texts

TEXT = ("Hello! I am a picture that learned to speak. My lips follow the sound of a voice, "
        "whether I murmur, whisper, or laugh about the weather.")
SEED, SPEED = 20, 1.0


def main():
    model, vocabulary, voices, out = sys.argv[1:]
    kokoro = say_kokoro.Kokoro(model, vocabulary, voices)
    weights = kokoro.mix(np.random.default_rng(SEED))
    samples, _ = kokoro.say(texts.ipa(TEXT, "en-us"), weights, SPEED)
    samples = samples / np.abs(samples).max() * 0.7
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    print(f"{out}: {len(samples) / 16_000:.1f} s")


if __name__ == "__main__":
    main()
