"""Training speech from espeak-ng, through its library: phoneme events carry IPA and sample positions.

A formant synthesiser: cheap, robotic, many voices and languages. It teaches phonetic variety, not natural sound.
"""

import argparse
import ctypes
import os
import random

import numpy as np
from scipy.signal import resample_poly

import texts
import utterance

LANGUAGES = {"en-us": 5, "en-gb": 1, "en-gb-scotland": 1, "de": 1, "fr-fr": 1, "es": 1, "it": 1, "pl": 1}
VARIANTS = ["", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5",
            "+klatt", "+klatt2", "+klatt4", "+croak", "+whisper", "+Annie", "+Alex"]
PHONEMES_IN_IPA = 3             # espeak_Initialize: phoneme events, in IPA
RATE, PITCH, RANGE = 1, 3, 4    # espeak_PARAMETER
END, PHONEME = 0, 7             # espeak_EVENT_TYPE
UTF8 = 1


class Identifier(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("unique", ctypes.c_uint), ("position", ctypes.c_int),
                ("length", ctypes.c_int), ("audio", ctypes.c_int), ("sample", ctypes.c_int),
                ("user", ctypes.c_void_p), ("id", Identifier)]


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


class Espeak:
    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self.library.espeak_Initialize(1, 0, None, PHONEMES_IN_IPA)
        self.blocks, self.events = [], []
        self.callback = Callback(self._receive)     # kept: the library holds only the pointer
        self.library.espeak_SetSynthCallback(self.callback)

    def _receive(self, samples, count, events):
        index = 0
        while events[index].type != END:
            if events[index].type == PHONEME:
                self.events.append((events[index].id.string.decode("utf8", "ignore"), events[index].sample))
            index += 1
        if count > 0:
            self.blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def say(self, text, voice, rate, pitch, pitch_range):
        """Returns (samples at 16 kHz, phones), or None for an unknown voice."""
        self.blocks.clear()
        self.events.clear()
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            return None
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, pitch_range)):
            self.library.espeak_SetParameter(parameter, value, 0)
        spoken = text.encode()
        self.library.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, UTF8, None, None)
        self.library.espeak_Synchronize()
        if not self.blocks:
            return None
        audio = np.concatenate(self.blocks).astype(np.float32) / 32768
        ends = [sample for _, sample in self.events[1:]] + [len(audio)]
        phones = [(symbol, start / self.rate, end / self.rate) for (symbol, start), end in zip(self.events, ends)]
        return resample_poly(audio, utterance.RATE // 50, self.rate // 50), phones


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=30, help="of speech")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    source, pick, espeak = texts.Texts(options.seed, LANGUAGES), random.Random(options.seed), Espeak()
    spoken, index = 0.0, 0
    while spoken < options.minutes * 60:
        language, text = source.next()
        said = espeak.say(text, language + pick.choice(VARIANTS), pick.randint(120, 230), pick.randint(15, 90),
                          pick.randint(25, 90))
        if said:
            utterance.save(f"{options.out}/espeak_{index:05d}.npz", *said)
            spoken += len(said[0]) / utterance.RATE
        index += 1
    print(f"{index} utterances, {spoken / 60:.1f} minutes")


if __name__ == "__main__":
    main()
