"""The kinds of things that detectors trained on COCO know (https://cocodataset.org)."""

from __future__ import annotations

from typing import Final

_NAMES: Final = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,,"
    "stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,,"
    "backpack,umbrella,,,handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,"
    "baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,,wine glass,cup,fork,"
    "knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,"
    "chair,couch,potted plant,bed,,dining table,,,toilet,,tv,laptop,mouse,remote,keyboard,"
    "cell phone,microwave,oven,toaster,sink,refrigerator,,book,clock,vase,scissors,teddy bear,"
    "hair drier,toothbrush"
)
KINDS: Final = {number: name for number, name in enumerate(_NAMES.split(","), 1) if name}
"""By the number the models say; some numbers were never used."""
_OTHER_WORDS: Final = {
    "people": "person", "man": "person", "woman": "person", "child": "person", "face": "person",
    "bike": "bicycle", "plane": "airplane", "ball": "sports ball", "plant": "potted plant",
    "table": "dining table", "sofa": "couch", "television": "tv", "phone": "cell phone",
    "glass": "wine glass", "fridge": "refrigerator", "kitten": "cat", "puppy": "dog",
    "doughnut": "donut", "motorbike": "motorcycle", "watch": "clock", "sign": "stop sign",
}  # fmt: skip


def kinds_in(words: str) -> set[str]:
    """The kinds that a few words name: ``the two cats and a bus`` are cat and bus."""
    text = f" {' '.join(_singular(word) for word in words.lower().replace(',', ' ').split())} "
    named = {kind for kind in KINDS.values() if f" {kind} " in text}
    return named | {kind for word, kind in _OTHER_WORDS.items() if f" {word} " in text}


def _singular(word: str) -> str:
    word = word.strip(".!?;:")
    if word in _OTHER_WORDS or word in KINDS.values() or not word.endswith("s"):
        return word
    known = {*_OTHER_WORDS, *(part for kind in KINDS.values() for part in kind.split())}
    shorter = (word[:-1], word[:-2])
    return next((one for one in shorter if one in known), word)
