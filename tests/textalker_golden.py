"""The numbers of TexTalker's published code, and its small weights in ours."""

from __future__ import annotations

import torch
from goldens import SMALL, WHOLE, by_place, listed, numbers
from torch import Tensor

from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.methods.textalker.denoiser import DenoiserConfig
from talkcli.engine.methods.textalker.diffuser import Diffuser
from talkcli.engine.methods.textalker.hearing import HubertHearing

GOLDEN = WHOLE / "textalker"


def golden(name: str) -> dict[str, Tensor]:
    return numbers(GOLDEN / f"{name}.npz")


def published() -> Diffuser:
    """The golden cases' weights, from a file."""
    return _with(torch.load(GOLDEN / "textalker_small.pt", weights_only=True)["params"])


def drawn() -> tuple[Diffuser, dict[str, Tensor]]:
    """The golden cases' weights and the denoiser's inputs, from the seed that they came from."""
    values = by_place(listed(SMALL / "textalker.npz", "draws"))
    case = numbers(SMALL / "textalker.npz")
    inputs = {name: values.pop(name) for name in list(values) if name.startswith("input.")}
    rest = {name.removeprefix("rest."): value for name, value in case.items() if name.startswith("rest.")}
    return _with(values | rest), case | inputs


def _with(weights: dict[str, Tensor]) -> Diffuser:
    config = DenoiserConfig(features=64, window=12, context=3, steps=20, layers=2, feed_forward=256)
    hubert = HubertConfig(layers=2, feed_forward=128, convolution=32, position_kernel=16)
    diffuser = Diffuser(config, HubertHearing(hubert), hubert.hidden)
    buffers = dict(diffuser.named_buffers())
    diffuser.load_state_dict(buffers | weights)
    return diffuser.eval()


def close(ours: Tensor, theirs: Tensor, within: float = 1e-4) -> None:
    torch.testing.assert_close(ours, theirs, atol=within, rtol=0)
