"""The authors' own checkpoints: `torch.save`d state dicts, read without unpickling code and renamed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from talkcli.engine.audio.pretrained import modern
from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.checkpoint import load_pickled
from talkcli.engine.errors import reading
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig, as_published

_NAMES = {
    r"^E_aud\.hubert\.": "encoder.hubert.",
    r"^E_aud\.lm_head\.": "encoder.head.",
    r"^txt_proj\.": "text.",
    r"^E_m\.": "motion.",
    r"^memory_net\.M_m$": "memory.slots",
    r"^fusion_layer\.": "fusion.",
    r"^D_m\.": "decoder.layers.",
    r"^output_proj\.": "output.",
    r"^style_encoder\.audio_encoder\.conv_bank\.": "style.speaker.bank.",
    r"^style_encoder\.audio_encoder\.in_conv_layer\.": "style.speaker.enter.",
    r"^style_encoder\.audio_encoder\.first_conv_layers\.": "style.speaker.first_convolutions.",
    r"^style_encoder\.audio_encoder\.second_conv_layers\.": "style.speaker.second_convolutions.",
    r"^style_encoder\.audio_encoder\.first_dense_layers\.": "style.speaker.first_linears.",
    r"^style_encoder\.audio_encoder\.second_dense_layers\.": "style.speaker.second_linears.",
    r"^style_encoder\.audio_encoder\.output_layer\.": "style.speaker.leave.",
    r"^style_encoder\.to_style_emb\.": "style.to_style.",
    r"^style_encoder\.to_scale\.": "style.to_scale.",
    r"^style_encoder\.style_mlp\.": "style.compare.",
}
_TABLE = "PPE.pe"
"""Their positional table; ours has no end and is computed."""


def read_original(path: Path, config: MemoryTalkerConfig | None = None) -> MemoryTalker:
    """A talker with the authors' weights, of either stage and either spelling of weight norm.

    `config` is needed only for sizes that the weights do not tell: heads other than the published ones.
    """
    with reading(path, "a checkpoint of MemoryTalker", "Give checkpoint_*.pth or ckpt_*.pth."):
        return from_original(load_pickled(path), config)


def from_original(state: Mapping[str, Any], config: MemoryTalkerConfig | None = None) -> MemoryTalker:
    """Every tensor must find its place; a stage 1 checkpoint leaves the style encoder as it starts.

    ValueError for what are no such weights.
    """
    tensors = isinstance(state, Mapping) and all(isinstance(value, Tensor) for value in state.values())
    if not tensors or "memory_net.M_m" not in state:
        raise ValueError("these are not MemoryTalker's weights")
    weights = {renamed(key): value for key, value in state.items() if key != _TABLE}
    talker = MemoryTalker(config or as_published(config_of(state)))
    if any(key.startswith("style.") for key in weights):
        weights["style.learnt"] = torch.tensor(True)
    else:
        weights |= {key: value for key, value in talker.state_dict().items() if key.startswith("style.")}
    try:
        talker.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise ValueError(f"the weights do not fit: {reason}") from error
    return talker.eval()


def renamed(key: str) -> str:
    """Our name of one of their tensors."""
    for theirs, ours in _NAMES.items():
        key, count = re.subn(theirs, ours, key)
        if count:
            break
    return modern(key)


def config_of(state: Mapping[str, Tensor]) -> MemoryTalkerConfig:
    """Sizes as the weights tell them; the frame rate follows from the length of the positional table."""
    slots, features = state["memory_net.M_m"].shape
    verts = len(state["output_proj.bias"]) // 3
    rows = state[_TABLE].shape[-2] if _TABLE in state else 630
    fps = 25 if rows == 625 else 30
    prefix = "E_aud.hubert."
    bias = prefix + "encoder.pos_conv_embed.conv.bias"
    kernel = next(
        value
        for key, value in state.items()
        if "pos_conv_embed" in key and value.ndim == 3 and len(value) > 1
    )
    hidden = len(state[bias])
    layers = {key.split(".")[4] for key in state if key.startswith(prefix + "encoder.layers.")}
    hubert = replace(
        HubertConfig(),
        hidden=hidden,
        layers=len(layers),
        feed_forward=len(state[prefix + "encoder.layers.0.feed_forward.intermediate_dense.bias"]),
        convolution=len(state[prefix + "feature_extractor.conv_layers.0.conv.weight"]),
        position_kernel=kernel.shape[2],
        position_groups=hidden // kernel.shape[1],
    )
    return MemoryTalkerConfig(
        verts=verts,
        fps=fps,
        period=fps,
        ears=(hubert,),
        double_rate=fps == 25,
        slots=slots,
        features=features,
        feed_forward=len(state["D_m.layers.0.linear1.bias"]),
    )
