"""The numbers of TexTalker's published code, where they are at hand, and its small weights in ours."""

from __future__ import annotations

import torch
from goldens import WHOLE, numbers
from torch import Tensor

from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.methods.textalker.denoiser import DenoiserConfig
from talkcli.engine.methods.textalker.diffuser import Diffuser
from talkcli.engine.methods.textalker.hearing import HubertHearing

GOLDEN = WHOLE / "textalker"


def golden(name: str) -> dict[str, Tensor]:
    return numbers(GOLDEN / f"{name}.npz")


def published() -> Diffuser:
    """The golden cases' weights."""
    config = DenoiserConfig(features=64, window=12, context=3, steps=20, layers=2, feed_forward=256)
    hubert = HubertConfig(layers=2, feed_forward=128, convolution=32, position_kernel=16)
    diffuser = Diffuser(config, HubertHearing(hubert), hubert.hidden)
    diffuser.load_state_dict(torch.load(GOLDEN / "textalker_small.pt", weights_only=True)["params"])
    return diffuser.eval()


def close(ours: Tensor, theirs: Tensor, within: float = 1e-4) -> None:
    torch.testing.assert_close(ours, theirs, atol=within, rtol=0)
