"""The label teacher: timed phones -> articulator tracks.

Every sound has a target for each articulator; a Cohen-Massaro style dominance model blends neighbouring targets into
smooth tracks (coarticulation). All numbers were set by hand for this project.
"""

import unicodedata

import numpy as np

ARTICULATORS = ["jaw", "close", "funnel", "pucker", "stretch", "tuck", "upper", "lower", "tongue"]

# class: sounds and their targets; what is not named is 0.
TARGETS = [
    ("vowel", "a ɑ ɐ A", dict(jaw=.85, lower=.15)),
    ("vowel", "æ", dict(jaw=.75, stretch=.25, lower=.3, upper=.15)),
    ("vowel", "ʌ ɜ I", dict(jaw=.55, lower=.15)),
    ("vowel", "ɔ ɒ Q W", dict(jaw=.65, funnel=.45, pucker=.1)),
    ("vowel", "o O ɤ", dict(jaw=.42, funnel=.5, pucker=.4)),
    ("vowel", "u ɯ ʉ", dict(jaw=.16, pucker=.85, funnel=.35)),
    ("vowel", "ʊ", dict(jaw=.25, pucker=.5, funnel=.3)),
    ("vowel", "i", dict(jaw=.16, stretch=.65, lower=.35, upper=.2)),
    ("vowel", "ɪ ɨ ᵻ", dict(jaw=.25, stretch=.4, lower=.3, upper=.1)),
    ("vowel", "e ɛ E", dict(jaw=.42, stretch=.38, lower=.3, upper=.15)),
    ("vowel", "ə ɚ ɝ ɘ ᵊ 3 @", dict(jaw=.3, stretch=.05, lower=.1)),
    ("vowel", "y", dict(jaw=.15, pucker=.75, funnel=.3)),
    ("vowel", "ø œ ɵ", dict(jaw=.35, pucker=.5, funnel=.35)),
    ("bilabial", "p b m", dict(close=1., jaw=.06)),
    ("labiodental", "f v ʋ ɱ", dict(tuck=1., upper=.3, jaw=.08)),
    ("glide", "w ʍ β ɸ", dict(pucker=.85, funnel=.3, jaw=.1)),
    ("consonant", "θ ð", dict(tongue=.95, jaw=.2, lower=.2, upper=.1)),
    ("consonant", "t d n ɾ ʈ ɖ ɳ", dict(tongue=.45, jaw=.16, lower=.15)),
    ("sibilant", "s z ʂ ʐ ts", dict(jaw=.07, stretch=.35, upper=.25, lower=.45)),
    ("sibilant", "ʃ ʒ ɕ ʑ ʧ ʤ tʃ dʒ", dict(funnel=.7, pucker=.15, upper=.25, lower=.35, jaw=.1)),
    ("consonant", "l ɫ ɭ ʎ", dict(tongue=.75, jaw=.26, lower=.15)),
    ("consonant", "ɹ r ɻ ʀ", dict(funnel=.4, pucker=.25, jaw=.16, tongue=.15)),
    ("consonant", "j ʝ ɲ", dict(jaw=.16, stretch=.4, lower=.2)),
    ("consonant", "k ɡ g ŋ q x ɣ χ ʁ ç c ɟ", dict(jaw=.24, lower=.1)),
    ("breath", "h ɦ ħ ʔ", dict(jaw=.3)),
]

# class: (dominance, seconds it fades over before the sound, and after it)
CLASSES = {
    "vowel": (1.0, .055, .065), "consonant": (.5, .030, .035), "sibilant": (.9, .030, .035), "glide": (.9, .060, .045),
    "labiodental": (.6, .035, .035), "bilabial": (.35, .028, .030), "breath": (.08, .03, .03),
    "silence": (.9, .045, .06),
}

# class: articulators that it governs more, or less, than its dominance says
GOVERNS = {
    "bilabial": dict(close=9., jaw=.8),
    "labiodental": dict(tuck=8., close=1.5, jaw=1.2, upper=1.5),
    "glide": dict(pucker=2.5, funnel=1.5),
    "sibilant": dict(jaw=2.2, funnel=1.8),
    "vowel": dict(close=.8, tuck=.8),
    "consonant": dict(tongue=1.6, jaw=.7),
    "silence": dict(tongue=1.),
}

SHORTEST_PAUSE = .13    # seconds: shorter blanks are word borders


def _vector(values):
    return np.array([values.get(name, 0.) for name in ARTICULATORS])


SOUNDS = {symbol: (_vector(target), kind) for kind, symbols, target in TARGETS for symbol in symbols.split()}
VOWELS = {symbol for symbol, (_, kind) in SOUNDS.items() if kind == "vowel"}


def plain(symbol):
    """An IPA symbol without stress, length and secondary articulation."""
    kept = "".join(c for c in unicodedata.normalize("NFD", symbol.strip())
                   if c not in "ːˑˈˌʲʰ" and not unicodedata.combining(c))
    return unicodedata.normalize("NFC", kept)


def segments(phones):
    """Phones [(symbol, start, end)] -> [(target, class, start, end)]; diphthongs and affricates are split evenly."""
    result = []
    for symbol, start, end in phones:
        name = plain(symbol)
        if name in SOUNDS:
            result.append((*SOUNDS[name], start, end))
            continue
        parts = [SOUNDS[c] for c in name if c in SOUNDS]
        if not parts and not any(c.isalpha() for c in name) and end - start > SHORTEST_PAUSE:
            result.append((_vector({}), "silence", start, end))
        for index, part in enumerate(parts):
            step = (end - start) / len(parts)
            result.append((*part, start + index * step, start + (index + 1) * step))
    return result


def tracks(phones, time, samples=None, sample_rate=16_000):
    """Articulators at each time (80 of them a second), [times, articulators].

    Louder vowels open the jaw more when samples are given.
    """
    count = len(time)
    weighted, total = np.zeros((count, len(ARTICULATORS))), np.full((count, len(ARTICULATORS)), 1e-4)
    parts = segments(phones)
    effort = _effort(parts, samples, sample_rate)
    for (target, kind, start, end), force in zip(parts, effort):
        dominance, before, after = CLASSES[kind]
        inside = min(.025, (end - start) * .3)      # the target is reached a little inside the sound
        distance = np.where(time < start + inside, (start + inside - time) / before,
                            np.where(time > end - inside, (time - end + inside) / after, 0.))
        shape = np.exp(-distance)
        governs = np.array([GOVERNS.get(kind, {}).get(name, dominance) for name in ARTICULATORS])
        weight = shape[:, None] * governs
        aim = target.copy()
        aim[0] *= force
        weighted += weight * aim
        total += weight
    kernel = np.hanning(5)
    kernel /= kernel.sum()
    blended = np.pad(weighted / total, ((2, 2), (0, 0)), mode="edge")
    smooth = sum(k * blended[i:i + count] for i, k in enumerate(kernel))
    return np.clip(smooth, 0, 1.2).astype(np.float32)


def _effort(parts, samples, sample_rate):
    """How much wider than usual each segment opens the jaw."""
    if samples is None:
        return [1.] * len(parts)

    def loudness(start, end):
        first = int(start * sample_rate)
        piece = samples[first:max(int(end * sample_rate), first + 80)].astype(np.float64)
        return np.sqrt(np.mean(piece**2) + 1e-9) if len(piece) else 1e-5

    loud = [loudness(start, end) if kind == "vowel" else None for _, kind, start, end in parts]
    usual = np.median([value for value in loud if value is not None] or [1.])
    return [1. if value is None else float(np.clip(1 + .175 * np.log2(value / usual), .7, 1.25)) for value in loud]
