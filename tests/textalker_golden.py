"""The numbers of TexTalker's published code, where they are at hand, and its small weights in ours."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.methods.textalker.denoiser import DenoiserConfig
from talkcli.engine.methods.textalker.diffuser import Diffuser
from talkcli.engine.methods.textalker.hearing import HubertHearing

GOLDEN = Path(os.environ.get("TALK_SHARED", Path(__file__).parents[2] / "shared")) / "golden" / "textalker"
needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden numbers are not here")


def golden(name: str) -> dict[str, Tensor]:
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(array) for key, array in arrays.items()}


def published() -> Diffuser:
    """The golden cases' weights."""
    config = DenoiserConfig(features=64, window=12, context=3, steps=20, layers=2, feed_forward=256)
    hubert = HubertConfig(layers=2, feed_forward=128, convolution=32, position_kernel=16)
    diffuser = Diffuser(config, HubertHearing(hubert), hubert.hidden)
    diffuser.load_state_dict(torch.load(GOLDEN / "textalker_small.pt", weights_only=True)["params"])
    return diffuser.eval()


def close(ours: Tensor, theirs: Tensor, within: float = 1e-4) -> None:
    torch.testing.assert_close(ours, theirs, atol=within, rtol=0)
