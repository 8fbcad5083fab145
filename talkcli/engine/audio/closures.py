"""Closures: where lips are leaned to meet they meet at once, and not already before and still after it."""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from talkcli.engine.audio.ear import Listened
from talkcli.engine.phones import PHONE_INDEX

_MEETING = [PHONE_INDEX[phone] for phone in "PBM"]
_NEAR = Fraction(2, 30)
"""Seconds before and after it among which a frame is the likeliest."""
_PERHAPS, _MEET = 0.02, 0.5
"""Probabilities: below one there is no closure to be firm about, above the other lips meet."""


def crested(listened: Listened, frames: int, fps: Fraction | float, firmness: float) -> Listened:
    """The same phones; P, B and M count `firmness` (natural logarithm) more in the frames around which they
    are likeliest, or likelier than not, and as much less elsewhere. Window by window as in one."""
    reach = max(1, round(float(_NEAR * Fraction(fps))))

    def between(start: int, stop: int) -> Float[Tensor, "n phones"]:
        low, high = max(0, start - reach), min(frames, stop + reach)
        logits = listened(low, high)
        meeting = torch.tensor(_MEETING, device=logits.device)
        heard = logits.log_softmax(1)[:, meeting].logsumexp(1)
        highest = F.max_pool1d(heard[None, None], 2 * reach + 1, 1, reach)[0, 0]
        crest = ((heard >= highest) & (heard > math.log(_PERHAPS))) | (heard > math.log(_MEET))
        more = torch.where(crest, firmness, -firmness).to(logits)
        return logits.index_add(1, meeting, more[:, None].expand(-1, len(meeting)))[start - low : stop - low]

    return between
