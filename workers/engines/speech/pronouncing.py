"""English text as the sounds that a Piper voice knows.

The words come from misaki's dictionaries (Apache-2.0), the sounds are rewritten as eSpeak's
American English has them, which the voice was taught with. A word in no dictionary is tried
without its ending, as two words, and then letter by letter.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from workers.engines.speech.spelling import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TOKEN: Final = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*|[.,;:!?]")
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")
_WEAK: Final = {
    "a": "ɐ", "an": "ɐn", "the": "ðə", "to": "tə", "and": "ænd", "of": "ʌv", "for": "fɚ",
}  # fmt: skip
"""As they are said between other words; the dictionary has them alone."""
_AS_ESPEAK: Final = (
    ("ɜɹ", "ɜː"), ("əɹ", "ɚ"), ("A", "eɪ"), ("I", "aɪ"), ("O", "oʊ"), ("W", "aʊ"), ("Y", "ɔɪ"),
    ("ʤ", "dʒ"), ("ʧ", "tʃ"), ("ᵊ", "ə"), ("T", "ɾ"), ("ɑ", "ɑː"), ("ɔɪ", "<oy>"), ("ɔ", "ɔː"),
    ("<oy>", "ɔɪ"), ("u", "uː"), ("i", "iː"),
)  # fmt: skip
_HISSES: Final = "szʃʒʧʤ"
_VOICELESS: Final = "ptkfθ"
_SHORTEST: Final = 3
"""Letters of a part that a compound is cut into."""


class Pronouncer:
    """Reads the two dictionaries of a folder, good and automatic ones."""

    def __init__(self, folder: Path) -> None:
        self._words: dict[str, Any] = json.loads((folder / "us_silver.json").read_text())
        self._words |= json.loads((folder / "us_gold.json").read_text())

    def sentences(self, text: str) -> list[str]:
        """The sounds of each sentence; marks stay, since voices pause at them."""
        parts = [self._sounds(part) for part in _SENTENCE.split(spoken(text))]
        return [part for part in parts if part]

    def _sounds(self, sentence: str) -> str:
        said: list[str] = []
        for token in _TOKEN.findall(sentence.replace("\u2019", "'")):
            if token[0].isalpha():
                said.append(("" if not said else " ") + self.word(token))
            elif said:
                said.append(token)
        return "".join(said)

    def word(self, word: str) -> str:
        """One word in eSpeak's sounds."""
        weak = _WEAK.get(word.lower())
        return weak or _as_espeak(self._known(word) or self._compound(word) or self._letters(word))

    def _known(self, word: str) -> str | None:
        for form in (word, word.lower(), word.capitalize()):
            found = self._words.get(form)
            sounds = found.get("DEFAULT") if isinstance(found, dict) else found
            if sounds:
                return str(sounds)
        return self._inflected(word.lower())

    def _inflected(self, word: str) -> str | None:
        for ending, join in (("'s", _plural), ("s", _plural), ("ed", _past), ("ing", _ongoing)):
            stem = word.removesuffix(ending)
            if stem == word or len(stem) < 2:
                continue
            for base in _bases(stem, ending):
                found = self._words.get(base)
                sounds = found.get("DEFAULT") if isinstance(found, dict) else found
                if sounds:
                    return join(str(sounds))
        return None

    def _compound(self, word: str) -> str | None:
        for cut in range(len(word) - _SHORTEST, _SHORTEST - 1, -1):
            first, second = self._known(word[:cut]), self._known(word[cut:])
            if first and second:
                return first + second.replace("ˈ", "ˌ")
        return None

    def _letters(self, word: str) -> str:
        return " ".join(str(self._known(letter.upper()) or "") for letter in word if letter != "'")


def _bases(stem: str, ending: str) -> list[str]:
    if ending == "s":
        return [stem, *([stem[:-2] + "y"] if stem.endswith("ie") else []), stem.removesuffix("e")]
    doubled = [stem[:-1]] if len(stem) > 2 and stem[-1] == stem[-2] else []
    return [stem, stem + "e", *doubled, *([stem[:-1] + "y"] if stem.endswith("i") else [])]


def _plural(sounds: str) -> str:
    if sounds[-1] in _HISSES:
        return sounds + "ᵻz"
    return sounds + ("s" if sounds[-1] in _VOICELESS else "z")


def _past(sounds: str) -> str:
    if sounds[-1] in "td":
        return sounds + "ᵻd"
    return sounds + ("t" if sounds[-1] in _VOICELESS + "sʃʧ" else "d")


def _ongoing(sounds: str) -> str:
    return sounds + "ɪŋ"


def _as_espeak(sounds: str) -> str:
    for ours, theirs in _AS_ESPEAK:
        sounds = sounds.replace(ours, theirs)
    return sounds


def numbers(sounds: str, ids: Mapping[str, list[int]]) -> list[int]:
    """A sentence as a Piper voice takes it: begun, ended, and a pause after every sound."""
    pause = ids["_"]
    taken = [*ids["^"], *pause]
    for sound in sounds:
        if sound in ids:
            taken += [*ids[sound], *pause]
    return [*taken, *ids["$"]]
