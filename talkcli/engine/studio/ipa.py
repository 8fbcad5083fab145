"""The phones of many languages, as espeak-ng writes them in IPA, brought to our forty."""

from __future__ import annotations

_SOUNDS = {
    "P": "p",
    "B": "b β",
    "M": "m",
    "F": "f ɸ",
    "V": "v ʋ ⱱ",
    "TH": "θ",
    "DH": "ð",
    "T": "t ʈ ţ tˤ",
    "D": "d ɖ ɾ dˤ ɗ",
    "N": "n ɲ ɳ nʲ",
    "L": "l ɫ ʎ ɬ ɭ əl",
    "K": "k q x χ c",
    "G": "ɡ g ɣ ɟ ɢ",
    "NG": "ŋ ɴ",
    "HH": "h ɦ ʔ ħ ʕ",
    "CH": "tʃ tɕ ʈʂ",
    "JH": "dʒ dʑ ɖʐ",
    "SH": "ʃ ç ʂ ɕ",
    "ZH": "ʒ ʐ ʑ",
    "S": "s ts sˤ",
    "Z": "z dz zˤ",
    "R": "ɹ r ʁ ʀ ɻ ɽ",
    "W": "w ʍ ɥ ɰ",
    "Y": "j ʝ ʲ",
    "AA": "ɑ ɑː aː ɑ̃ ɑːɹ aa ɑɹ ɐː",
    "AE": "æ a a̟ ã",
    "AH": "ɐ ə ʌ ɘ ɤ ɜ̃",
    "AO": "ɔ ɔː ɒ ɒː ɔːɹ oːɹ oɹ ɔ̃ ɔə oə",
    "EH": "e ɛ ɛː ɛɹ eə ɛə ɛ̃ œ̃ eɹ",
    "EY": "eː eɪ ei əɪ ɛɪ ẽ",
    "ER": "ɜː ɜ ɚ ɝ əː ø øː œ œː ʌɹ əɹ œy",
    "IH": "ɪ ᵻ ɨ ɪə ɪɹ",
    "IY": "i iː iə iɐ iːɹ ɪː",
    "UH": "ʊ ʊə ʊɹ ɵ ʏ ʊː",
    "UW": "u uː ʉ ʉː y yː uːɹ ɯ ɯː ũ",
    "OW": "oʊ əʊ o oː eʊ əu ʌʊ ʌʉ ou õ",
    "AY": "aɪ aɪə aɪɚ ɑɪ ai ʌɪ aɪɹ",
    "AW": "aʊ aʊə aʊɚ au æʊ aʊɹ ɑʊ",
    "OY": "ɔɪ oɪ oi ɔø ɔʏ ɔi",
}

_PHONE = {sound: phone for phone, sounds in _SOUNDS.items() for sound in sounds.split()}

_MARKS = str.maketrans("", "", "ˈˌ̯̩ʲʰ-͡\u200d̃̍̃ˠ̝̞̪̥̬")


def phone_of(ipa: str) -> str | None:
    """ARPAbet for one espeak-ng phoneme; None if no rule knows it (a pause is SIL)."""
    if ipa in _PHONE:
        return _PHONE[ipa]
    plain = ipa.translate(_MARKS)
    if plain.strip("_:ː()") == "":
        return "SIL"
    if plain.startswith("("):  # a switch of language, "(en)"
        return "SIL"
    for sound in (plain, plain.rstrip("ː"), plain[:2], plain[:1]):
        if sound in _PHONE:
            return _PHONE[sound]
    return None
