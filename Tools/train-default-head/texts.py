"""Text to be spoken for training: word salads, sentences of our own, and sentences filled in from patterns.

Nothing here is quoted from anywhere: word lists are Debian's `/usr/share/dict`, the rest was written for this project.
"""

import functools
import random
import re
import subprocess

DICTIONARIES = {
    "en-us": "american-english", "en-gb": "american-english", "en-gb-scotland": "american-english",
    "de": "ngerman", "fr-fr": "french", "es": "spanish", "it": "italian", "pl": "polish",
}

SENTENCES = """
How are you doing today
The big brown fox jumped over five lazy dogs
My mother made a lovely warm apple pie
Please bring both boys to the beach by bus
We saw three white wolves walking through the wood
She sells sea shells on the shore
Food for thought, moving forward very fast
Hello and welcome back to the show
I believe people should be able to move freely
Oh no, who would choose to go out in that awful storm
Yes, maybe we can meet for coffee in the afternoon
That is exactly what I thought you would say
Have you ever been to a place where nobody knew your name
Whatever happens, we will find a way to finish it
My father and my brother live above a small book shop
Open the window, it is far too warm in here
Both of them were born before the summer of that year
Five brave firemen moved the heavy beam from the path
You may begin whenever you feel that you are ready
Peter put the paper back into the purple box
Would you mind if I borrowed your umbrella for a while
The weather has been beautiful all week
Thank you very much, that was very kind of you
Nobody believed him, but he was right after all
First we measure, then we cut, and only then we glue
""".strip().splitlines()

WHO = ["my uncle", "the baker", "a young woman", "our neighbour", "the old captain", "my best friend", "nobody",
       "everybody", "the boy", "your brother", "a famous painter", "the girl with the blue bag", "he", "she", "they"]
DID = ["bought", "forgot", "found", "brought", "moved", "wanted", "made", "painted", "watched", "broke", "loved",
       "saw", "heard about", "threw away", "looked for", "picked up", "wrote about", "washed", "opened", "gave me"]
WHAT = ["a piece of cheese", "the whole book", "two boxes of fruit", "a warm coat", "the map", "seven white mice",
        "a bowl of soup", "my watch", "the big house", "a very old boat", "some butter", "every single word",
        "the front door", "a few good ideas", "the music", "a chocolate cake", "half of the apples", "the thief"]
WHERE = ["by the river", "in the morning", "before breakfast", "on the other side of the road", "at the museum",
         "after the show", "without saying a word", "in five minutes", "far away from home", "under the bridge",
         "last week", "with both hands", "for the first time", "in the middle of the room", "over and over again"]
OPEN = ["well", "of course", "as far as I know", "believe me", "to be honest", "maybe", "now", "you know", "oh"]


class Texts:
    """An endless, seeded supply of (language, sentence)."""

    def __init__(self, seed, languages):
        """`languages` maps espeak-ng language names to relative frequencies."""
        self.random = random.Random(seed)
        self.languages = languages
        self.words = {language: _words(DICTIONARIES[language]) for language in languages}

    def next(self):
        language = self.random.choices(list(self.languages), self.languages.values())[0]
        if not language.startswith("en") or self.random.random() < 0.4:
            return language, self._salad(language)
        return language, self._pattern() if self.random.random() < 0.7 else self._written()

    def _salad(self, language):
        words = self.random.sample(self.words[language], self.random.randint(5, 11))
        marks = [self.random.choice(",,.;") if self.random.random() < 0.12 else "" for _ in words[:-1]]
        return " ".join(w + m for w, m in zip(words, [*marks, self.random.choice(".?!")]))

    def _pattern(self):
        pick = self.random.choice
        sentence = f"{pick(WHO)} {pick(DID)} {pick(WHAT)} {pick(WHERE)}"
        if self.random.random() < 0.3:
            sentence = f"{pick(OPEN)}, {sentence}"
        if self.random.random() < 0.3:
            sentence = f"{sentence}, and {pick(WHO)} {pick(DID)} {pick(WHAT)}"
        return sentence + pick("...?!")

    def _written(self):
        return ", ".join(self.random.sample(SENTENCES, 2)) + "."


@functools.cache
def _words(dictionary):
    with open(f"/usr/share/dict/{dictionary}", encoding="utf8", errors="ignore") as lines:
        return [word for word in map(str.strip, lines) if 2 < len(word) < 11 and "'" not in word and word[1:].islower()]


def ipa(text, language):
    """What espeak-ng would pronounce, in IPA."""
    run = subprocess.run(["espeak-ng", "-q", "--ipa", "-v", language, text], capture_output=True, text=True, check=True)
    return re.sub(r"\s+", " ", re.sub(r"\([a-z-]+\)", "", run.stdout).replace("_", "")).strip()
