"""Words as a transcript has them -> words and phones that an aligner can look for."""

from __future__ import annotations

import re

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = (
    "zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_SIGNS = {"&": "and", "%": "percent", "+": "plus", "=": "equals", "@": "at"}

_RULES = {
    "tion": "SH AH N", "sion": "ZH AH N", "ture": "CH ER", "ough": "AO", "augh": "AO", "eigh": "EY",
    "igh": "AY", "tch": "CH", "dge": "JH", "sch": "SH", "eau": "OW", "ch": "CH", "sh": "SH", "th": "TH",
    "ph": "F", "wh": "W", "ck": "K", "ng": "NG", "qu": "K W", "gh": "G", "kn": "N", "wr": "R",
    "ee": "IY", "ea": "IY", "ie": "IY", "ei": "EY", "ai": "EY", "ay": "EY", "ey": "IY", "oa": "OW",
    "oe": "OW", "oo": "UW", "ou": "AW", "ow": "AW", "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO",
    "ew": "UW", "ue": "UW", "ui": "UW", "ar": "AA R", "er": "ER", "ir": "ER", "or": "AO R", "ur": "ER",
    "ce": "S EH", "ci": "S IH", "cy": "S IY", "ge": "JH EH", "a": "AE", "b": "B", "c": "K", "d": "D",
    "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M",
    "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V",
    "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
"""English spelling to ARPAbet, longest first: rough, and enough for a word that no dictionary has."""


def words_of(text: str) -> list[str]:
    """Lower-case words with numbers and signs written out; punctuation gone, apostrophes kept."""
    text = text.lower().replace("’", "'")
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"\d+", lambda match: f" {number_words(match[0])} ", text)
    for sign, word in _SIGNS.items():
        text = text.replace(sign, f" {word} ")
    words = (word.strip("'") for word in re.sub(r"[^\w' ]|_", " ", text).split())
    return [word for word in words if word]


def number_words(digits: str) -> str:
    """A whole number in words; years in pairs, long or zero-led ones digit by digit."""
    value = int(digits)
    if len(digits) > 9 or (digits[0] == "0" and len(digits) > 1):
        return " ".join(_UNITS[int(digit)] for digit in digits)
    if 1100 <= value < 2000 and value % 100:
        last = value % 100
        return f"{_below_thousand(value // 100)} {'oh ' if last < 10 else ''}{_below_thousand(last)}"
    parts = []
    for size, name in ((1_000_000, "million"), (1000, "thousand")):
        if value >= size:
            parts.append(f"{_below_thousand(value // size)} {name}")
            value %= size
    return " ".join([*parts, *([_below_thousand(value)] if value or not parts else [])])


def _below_thousand(value: int) -> str:
    parts = [f"{_UNITS[value // 100]} hundred"] if value >= 100 else []
    value %= 100
    if value >= 20:
        parts.append(_TENS[value // 10] + (f" {_UNITS[value % 10]}" if value % 10 else ""))
    elif value or not parts:
        parts.append(_UNITS[value])
    return " ".join(parts)


def sounded_out(word: str) -> list[str]:
    """Phones of an unknown word by English spelling; empty if it has no Latin letter."""
    letters = re.sub(r"[^a-z]", "", word)
    letters = re.sub(r"(?<=[a-z]{2})e$", "", re.sub(r"([bdfglmnprtz])\1", r"\1", letters))
    phones: list[str] = []
    while letters:
        piece = next(letters[:size] for size in (4, 3, 2, 1) if letters[:size] in _RULES)
        phones += _RULES[piece].split()
        letters = letters[len(piece) :]
    return phones
