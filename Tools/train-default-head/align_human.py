"""Test speech of real people: Debian's `pocketsphinx-testdata` recordings, phone times by forced alignment.

Reads a transcription file of lines `<s> words </s> (name)` and `DIR/name.wav` (16 kHz mono).
"""

import argparse
import os
import re

import soundfile
from pocketsphinx import Decoder

import utterance

IPA = dict(AA="ɑ", AE="æ", AH="ʌ", AO="ɔ", AW="aʊ", AY="aɪ", B="b", CH="tʃ", D="d", DH="ð", EH="ɛ", ER="ɝ", EY="eɪ",
           F="f", G="ɡ", HH="h", IH="ɪ", IY="i", JH="dʒ", K="k", L="l", M="m", N="n", NG="ŋ", OW="oʊ", OY="ɔɪ", P="p",
           R="ɹ", S="s", SH="ʃ", T="t", TH="θ", UH="ʊ", UW="u", V="v", W="w", Y="j", Z="z", ZH="ʒ")


def align(samples, words):
    """Phones [(IPA, start, end)] of 16-bit samples in which `words` are spoken; silence has the symbol ''."""
    decoder = Decoder(samprate=16_000, loglevel="FATAL", lm=None)
    decoder.set_align_text(words)
    for second_pass in (False, True):
        if second_pass:
            decoder.set_alignment()
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
    return [(IPA.get(phone.name.rstrip("012"), ""), phone.start / 100, (phone.start + phone.duration) / 100)
            for word in decoder.get_alignment() for phone in word]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("transcription")
    parser.add_argument("out")
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    with open(options.transcription, encoding="utf8") as lines:
        pattern = re.compile(r"(?:<s>)?(.*?)(?:</s>)?\s*\((.*)\)")
        entries = [pattern.match(line.strip()).groups() for line in lines if line.strip()]
    for words, name in entries:
        samples, _ = soundfile.read(f"{options.folder}/{name}.wav", dtype="int16")
        try:
            phones = align(samples, words.strip().lower())
        except RuntimeError as problem:
            print(f"{name}: cannot be aligned: {problem}")
            continue
        utterance.save(f"{options.out}/human_{name}.npz", samples / 32768, phones)
        print(f"{name}: {len(samples) / 16_000:.1f} s, {len(phones)} phones")


if __name__ == "__main__":
    main()
