"""Training speech from flite's voices, which are built from recordings of four men and a woman.

Flite prints the end time of every segment it speaks.
"""

import argparse
import os
import random
import subprocess
import tempfile

import soundfile
from scipy.signal import resample_poly

import texts
import utterance

VOICES = {"awb": 3, "rms": 3, "slt": 3, "kal16": 1}     # relative frequency
PITCH = {"awb": 120, "rms": 95, "slt": 170, "kal16": 105}

IPA = dict(aa="ɑ", ae="æ", ah="ʌ", ao="ɔ", aw="aʊ", ax="ə", axr="ɚ", ay="aɪ", b="b", ch="tʃ", d="d", dh="ð", eh="ɛ",
           er="ɝ", ey="eɪ", f="f", g="ɡ", hh="h", ih="ɪ", iy="i", jh="dʒ", k="k", l="l", m="m", n="n", ng="ŋ",
           ow="oʊ", oy="ɔɪ", p="p", r="ɹ", s="s", sh="ʃ", t="t", th="θ", uh="ʊ", uw="u", v="v", w="w", y="j", z="z",
           zh="ʒ", pau="_", ssil="_", sil="_")


def say(text, voice, stretch, pitch):
    """Returns (samples at 16 kHz, phones)."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        run = subprocess.run(
            ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch:.3f}", "--setf",
             f"int_f0_target_mean={pitch:.1f}", "-psdur", "-t", text, "-o", file.name],
            capture_output=True, text=True, check=True)
        audio, rate = soundfile.read(file.name, dtype="float32")
    if rate != utterance.RATE:
        audio = resample_poly(audio, utterance.RATE, rate)
    phones, start = [], 0.0
    for token in run.stdout.split():
        name, end = token.rsplit(":", 1)
        phones.append((IPA[name], start, float(end)))
        start = float(end)
    return audio, phones


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=30, help="of speech")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    source, pick = texts.Texts(options.seed, {"en-us": 1}), random.Random(options.seed)
    spoken, index = 0.0, 0
    while spoken < options.minutes * 60:
        voice = pick.choices(list(VOICES), VOICES.values())[0]
        audio, phones = say(source.next()[1], voice, pick.uniform(0.8, 1.25), PITCH[voice] * pick.uniform(0.85, 1.2))
        utterance.save(f"{options.out}/flite-{voice}_{index:05d}.npz", audio, phones)
        spoken += len(audio) / utterance.RATE
        index += 1
    print(f"{index} utterances, {spoken / 60:.1f} minutes")


if __name__ == "__main__":
    main()
