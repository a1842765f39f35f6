"""What a reader says for what is written: numbers and sums of money as words."""

from __future__ import annotations

import re
from typing import Final

_ONES: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS: Final = [
    "_",
    "_",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
_SCALES: Final = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_MOST: Final = 10**12
_MONEY: Final = re.compile(r"\$(\d[\d,]*)(?:\.(\d\d))?\b")
_NUMBER: Final = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SIGNS: Final = {"%": " percent", "&": " and ", "+": " plus ", "=": " equals ", "@": " at "}


def spoken(text: str) -> str:
    """``$1,234.56`` becomes ``one thousand two hundred thirty four dollars and ...``."""
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return _NUMBER.sub(_number, _MONEY.sub(_money, text))


def cardinal(number: int) -> str:
    """In English words, as Americans say it; digit by digit from a million millions on."""
    if number >= _MOST:
        return " ".join(_ONES[int(digit)] for digit in str(number))
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f" {_ONES[ones]}" if ones else "")
    size, name = next(scale for scale in _SCALES if number >= scale[0])
    many, rest = divmod(number, size)
    return f"{cardinal(many)} {name}" + (f" {cardinal(rest)}" if rest else "")


def _money(found: re.Match[str]) -> str:
    dollars, cents = int(found[1].replace(",", "")), int(found[2] or 0)
    said = f"{cardinal(dollars)} {'dollar' if dollars == 1 else 'dollars'}"
    return said + (f" and {cardinal(cents)} {'cent' if cents == 1 else 'cents'}" if cents else "")


def _number(found: re.Match[str]) -> str:
    whole, _, fraction = found[0].replace(",", "").partition(".")
    said = cardinal(int(whole))
    digits = " ".join(_ONES[int(digit)] for digit in fraction)
    return f"{said} point {digits}" if fraction else said
