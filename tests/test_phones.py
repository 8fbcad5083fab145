"""Phones: timing, file, and what cannot be one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from talkcli.engine.errors import BadInput
from talkcli.engine.phones import PHONE_INDEX, PHONES, SILENCE, load_phones, phones_of, save_phones

HELLO = phones_of([("HH", 0.1, 0.2), ("AH", 0.2, 0.3), ("L", 0.3, 0.4), ("OW", 0.5, 0.7)])


def test_forty_phones_silence_first() -> None:
    assert len(PHONES) == len(set(PHONES)) == 40
    assert PHONES[SILENCE] == "SIL" and SILENCE == 0


def test_frames_sample_the_phone_at_each_instant() -> None:
    names = [PHONES[index] for index in HELLO.frames(10, 9).tolist()]
    assert names == ["SIL", "HH", "AH", "L", "SIL", "OW", "OW", "SIL", "SIL"]


def test_fractional_rates_do_not_drift() -> None:
    late = phones_of([("AA", 3600.0, 3600.5)])
    fps = Fraction(30000, 1001)
    frames = late.frames(fps, round(3601 * fps))
    first = int((frames == PHONE_INDEX["AA"]).nonzero()[0])
    assert first == -(-3600 * fps.numerator // fps.denominator)


def test_no_phones_are_silence() -> None:
    assert torch.equal(phones_of([]).frames(30, 4), torch.zeros(4, dtype=torch.long))


def test_phones_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.phones.json"
    save_phones(HELLO, path)
    again = load_phones(path)
    assert torch.equal(again.indices, HELLO.indices)
    assert torch.allclose(again.starts, HELLO.starts, atol=1e-4) and torch.allclose(
        again.ends, HELLO.ends, atol=1e-4
    )


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"phones": [["QQ", 0, 1]]}', '{"phones": [["AA", 1, 0]]}', '{"phones": [["AA", 0]]}'],
)
def test_bad_files_are_bad_input(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.phones.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"x\.phones\.json"):
        load_phones(path)
