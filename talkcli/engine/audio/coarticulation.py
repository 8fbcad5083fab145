"""Coarticulation: lips are round a little before and after a rounded phone, too, unless they have to meet."""

from __future__ import annotations

from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.audio.ear import Listened
from talkcli.engine.phones import PHONE_INDEX

_ROUNDED = [PHONE_INDEX[phone] for phone in ("UW", "UH", "OW", "AO", "OY", "W")]
_MEETING = [PHONE_INDEX[phone] for phone in "PBM"]
_NEAR = Fraction(1, 30)
"""Seconds before and after it, a frame of a film."""
_MORE, _LESS = 0.5, 1.0
"""By how much more than it is heard it counts (natural logarithms), and by how much less near it. Chosen with
_LIKELY on people from whom nothing learnt: 321 of their 333 rounded phones are round, 318 without it."""
_LIKELY, _MEET = 0.01, 0.5
"""Probabilities: below one nothing is rounded, above the other lips meet."""


def rounded(listened: Listened, frames: int, fps: Fraction | float) -> Listened:
    """The same phones, but rounded ones count more, and their neighbours hear of them: what is said in
    30 ms is heard too faintly to be seen else. Window by window as in one."""
    reach = max(1, round(float(_NEAR * Fraction(fps))))

    def between(start: int, stop: int) -> Float[Tensor, "n phones"]:
        low, high = max(0, start - reach), min(frames, stop + reach)
        logits = listened(low, high)
        heard = logits.log_softmax(1)
        kinds = torch.tensor([*_ROUNDED, *_MEETING], device=logits.device)
        round_ones, meeting = kinds.split([len(_ROUNDED), len(_MEETING)])
        own = heard[:, round_ones]
        near = F.max_pool1d(own.T[None], 2 * reach + 1, 1, reach)[0].T - _LESS
        wanted = torch.maximum(own + _MORE, near)
        meets = heard[:, meeting].exp().sum(1, keepdim=True) > _MEET
        more = torch.where(meets | (wanted.exp() <= _LIKELY), 0, wanted - own)
        rounder = logits.index_add(1, round_ones, more)
        return rounder[start - low : stop - low]

    return between
