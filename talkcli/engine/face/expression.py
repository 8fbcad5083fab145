"""Expression: what a face holds beside what it says, such as a mood."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from talkcli.engine.struct import TensorStruct


class Expression(TensorStruct):
    """Weights of a rig's shapes; of a bare mesh, metres from its neutral face."""

    speaking: Float[Tensor, "*numbers"]
    """While the mouth is open."""
    shut: Float[Tensor, "*numbers"]
    """While lips meet: the same without what parts them."""
    idle: Float[Tensor, "*numbers"]
    """While nobody speaks: there it may hold the mouth open."""
