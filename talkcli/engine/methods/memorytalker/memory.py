"""The motion memory: one slot a letter, holding how that letter moves a face (paper, section 3.2)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Memory(nn.Module):
    """M: slots addressed by text (K) or by motion (V)."""

    def __init__(self, slots: int, features: int, text_scaling: float, motion_scaling: float) -> None:
        super().__init__()
        self.slots = nn.Parameter(nn.init.xavier_normal_(torch.empty(slots, features)))
        self.text_scaling, self.motion_scaling = text_scaling, motion_scaling

    def text_address(
        self, logits: Float[Tensor, "batch frames slots"]
    ) -> Float[Tensor, "batch frames slots"]:
        """log K, K = softmax(kappa L): the letters' own logits are the slot scores."""
        return (self.text_scaling * logits).log_softmax(-1)

    def motion_address(
        self, f_m: Float[Tensor, "batch frames features"]
    ) -> Float[Tensor, "batch frames slots"]:
        """log V, V = softmax(kappa cos(f_m, M))."""
        similarity = F.normalize(f_m, dim=-1) @ F.normalize(self.slots, dim=-1).T
        return (self.motion_scaling * similarity).log_softmax(-1)

    def recall(
        self, log_k: Float[Tensor, "batch frames slots"], gain: Float[Tensor, "batch slots"] | None = None
    ) -> Float[Tensor, "batch frames features"]:
        """K diag(w_s) M, each clip with its own speaker's gains; reading does not teach the memory."""
        address = log_k.exp()
        return (address if gain is None else address * gain[:, None]) @ self.slots.detach()

    def reconstruct(
        self, log_v: Float[Tensor, "batch frames slots"]
    ) -> Float[Tensor, "batch frames features"]:
        """V M, which the memory learns to make like f_m."""
        return log_v.exp() @ self.slots
