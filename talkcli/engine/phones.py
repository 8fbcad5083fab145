"""Phones: what is said when, in the 39 ARPAbet phones of American English plus silence."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.destinations import replacing
from talkcli.engine.errors import BadInput, reading
from talkcli.engine.struct import TensorStruct
from talkcli.engine.text_files import text_of

PHONES = (
    "SIL", "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH",
    "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W",
    "Y", "Z", "ZH",
)  # fmt: skip
"""Silence first, then ARPAbet as in the CMU dictionary, without stress digits."""

PHONE_INDEX = {phone: index for index, phone in enumerate(PHONES)}

LONGEST_SECONDS = 1e6
"""No recording lasts longer, nor does any phone begin later."""

SILENCE = PHONE_INDEX["SIL"]


class Phones(TensorStruct):
    """Segments in time order, without overlap; whatever they leave free is silence."""

    indices: Int[Tensor, " segments"]
    """Into PHONES."""
    starts: Float[Tensor, " segments"]
    """Seconds, in double precision: an hour must not blur."""
    ends: Float[Tensor, " segments"]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def seconds(self) -> float:
        return float(self.ends[-1]) if len(self) else 0.0

    @property
    def segments(self) -> list[tuple[str, float, float]]:
        """(phone, start, end), for reading."""
        names = [PHONES[index] for index in self.indices.tolist()]
        return list(zip(names, self.starts.tolist(), self.ends.tolist(), strict=True))

    def frames(self, fps: Fraction | float, count: int) -> Int[Tensor, " frames"]:
        """The phone at each of `count` instants, frame i at i / fps seconds."""
        if not len(self):
            return torch.full((count,), SILENCE)
        times = torch.arange(count, dtype=torch.float64) / float(fps)
        at = (torch.searchsorted(self.starts.double(), times, right=True) - 1).clamp(min=0)
        inside = (times >= self.starts[at]) & (times < self.ends[at])
        return torch.where(inside, self.indices[at].long(), SILENCE)


def phones_of(segments: Iterable[tuple[str, float, float]]) -> Phones:
    """From (phone, start, end) in time order."""
    rows = list(segments)
    return Phones(
        torch.tensor([PHONE_INDEX[phone] for phone, _, _ in rows], dtype=torch.long),
        torch.tensor([start for _, start, _ in rows], dtype=torch.float64),
        torch.tensor([end for _, _, end in rows], dtype=torch.float64),
    )


def save_phones(phones: Phones, path: Path) -> None:
    """One JSON object, {"phones": [[phone, start, end], ...]}, seconds to the tenth of a millisecond."""
    rows = [[phone, round(start, 4), round(end, 4)] for phone, start, end in phones.segments]
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"phones": rows}) + "\n", encoding="utf-8")


def load_phones(path: Path) -> Phones:
    """Read what save_phones wrote."""
    with reading(path, "a phones file", 'Expected {"phones": [[phone, start, end], ...]}.'):
        return checked_phones(json.loads(text_of(path))["phones"], path)


def checked_phones(rows: Iterable[Sequence[Any]], path: Path) -> Phones:
    """The rows [phone, start, end] of a file; BadInput, naming it, where they are no phones in time order."""
    segments = [(str(phone), float(start), float(end)) for phone, start, end in rows]
    unknown = sorted({phone for phone, _, _ in segments} - set(PHONES))
    if unknown:
        raise BadInput(f"{path} speaks of {', '.join(unknown)}.", f"Phones are: {' '.join(PHONES)}.")
    times = [time for _, start, end in segments for time in (start, end)]
    if not all(0 <= time <= LONGEST_SECONDS for time in times):
        raise BadInput(f"{path} has times that cannot be.", "Give seconds from the beginning of the sound.")
    if any(later < earlier for earlier, later in itertools.pairwise(times)):
        raise BadInput(
            f"{path} is not in time order.", "Each phone starts where or after the one before it ends."
        )
    return phones_of(segments)
