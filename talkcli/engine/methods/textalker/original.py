"""The authors' own checkpoints and pivots, read without unpickling code."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.audio.pretrained import modern
from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.checkpoint import load_pickled
from talkcli.engine.errors import BadInput, reading
from talkcli.engine.methods.textalker.autoencoder import AutoencoderConfig
from talkcli.engine.methods.textalker.denoiser import DenoiserConfig
from talkcli.engine.methods.textalker.talker import TexTalker, TexTalkerConfig, as_published


def read_original(motion: Path, texture: Path, diffusion: Path) -> TexTalker:
    """A talker from motion_vae.pth, tex_vae.pth and textalker.pth; every tensor must find its place.

    The autoencoders' averaged weights are taken and the diffuser's last ones, as their authors do.
    """
    averaged, last = ("params_ema", "params"), ("params", "params_ema")
    diffuser = _state(diffusion, "denoising_net.PE", last)
    with reading(diffusion, "a checkpoint of TexTalker"):
        denoiser, hubert = denoiser_config(diffuser), hubert_config(diffuser)
    maps = []
    for path, dims in ((motion, denoiser.motion), (texture, denoiser.texture)):
        state = _state(path, "quantize.embedding.weight", averaged)
        with reading(path, "a checkpoint of TexTalker"):
            maps.append((autoencoder_config(state, dims), state))
    (motion_config, motion_state), (texture_config, texture_state) = maps
    config = TexTalkerConfig(motion_config, texture_config, denoiser, ears=(hubert,))
    talker = TexTalker(as_published(config))
    with reading(motion, "a checkpoint of TexTalker"):
        talker.motion.load_state_dict(motion_state)
    with reading(texture, "a checkpoint of TexTalker"):
        talker.texture.load_state_dict(texture_state)
    with reading(diffusion, "a checkpoint of TexTalker"):
        talker.diffuser.load_state_dict(diffuser)
    return talker.eval()


def read_pivot(path: Path) -> Float[Tensor, " dims"]:
    """latent_motion_ave.pth or latent_tex_ave.pth: an array (1, 16, 16, 16), flattened channel-major."""
    pivot = load_pickled(path)
    if isinstance(pivot, np.ndarray) and pivot.dtype.kind == "f":
        pivot = torch.from_numpy(pivot)
    if not (isinstance(pivot, Tensor) and pivot.is_floating_point() and pivot.isfinite().all()):
        raise BadInput(
            f"{path} does not hold a pivot.", "Give a latent_motion_ave.pth or latent_tex_ave.pth."
        )
    return pivot.float().flatten()


def _state(path: Path, sign: str, preferred: tuple[str, str]) -> dict[str, Tensor]:
    """The state dict of a checkpoint file: `sign` is a key by which it is known."""
    weights: Any = load_pickled(path)
    for name in preferred:
        if isinstance(weights, Mapping) and name in weights:
            weights = weights[name]
            break
    if isinstance(weights, Mapping):
        state = {modern(str(key).removeprefix("module.")): value for key, value in weights.items()}
        if sign in state and all(isinstance(value, Tensor) for value in state.values()):
            return state
    hint = "Give motion=motion_vae.pth texture=tex_vae.pth diffusion=textalker.pth."
    raise BadInput(f"{path} does not hold these weights of TexTalker.", hint)


def denoiser_config(state: Mapping[str, Tensor]) -> DenoiserConfig:
    """Sizes as the weights tell them; the heads are the published ones."""
    net = "denoising_net."
    _, context, motion = state["start_motion_feat"].shape
    return DenoiserConfig(
        features=state["null_audio_feat"].shape[-1],
        window=state[net + "PE"].shape[1] - 1 - context,
        context=context,
        steps=len(state["diffusion_sched.betas"]) - 1,
        layers=_count(state, net + r"transformer\.layers\.(\d+)\."),
        feed_forward=len(state[net + "transformer.layers.0.linear1.bias"]),
        motion=motion,
        texture=state["start_tex_feat"].shape[-1],
    )


def hubert_config(state: Mapping[str, Tensor]) -> HubertConfig:
    """Sizes as the weights tell them; a head has 64 numbers."""
    encoder = "audio_encoder.encoder."
    kernel = state[encoder + "pos_conv_embed.conv.parametrizations.weight.original1"]
    hidden, share, width = kernel.shape
    return HubertConfig(
        hidden=hidden,
        layers=_count(state, encoder + r"layers\.(\d+)\."),
        heads=hidden // 64,
        feed_forward=len(state[encoder + "layers.0.feed_forward.intermediate_dense.bias"]),
        convolution=len(state["audio_encoder.feature_extractor.conv_layers.0.conv.weight"]),
        position_kernel=width,
        position_groups=hidden // share,
    )


def autoencoder_config(state: Mapping[str, Tensor], dims: int) -> AutoencoderConfig:
    """Sizes as the encoder's blocks tell them, level by level; a map's latents are `dims` numbers."""
    codes, latent = state["quantize.embedding.weight"].shape
    width, channels = state["encoder.blocks.0.weight"].shape[:2]
    innermost = _count(state, r"encoder\.blocks\.(\d+)\.") - 5
    widths: list[list[int]] = [[]]
    looking: set[int] = set()
    for name in (f"encoder.blocks.{number}." for number in range(1, innermost)):
        if name + "conv.weight" in state:
            widths.append([])
        elif name + "q.weight" in state:
            looking.add(len(widths) - 1)
        else:
            widths[-1].append(len(state[name + "conv2.weight"]))
    size = math.isqrt(dims // latent) << (len(widths) - 1)
    return AutoencoderConfig(
        size=size,
        channels=channels,
        width=width,
        multipliers=tuple(level[0] // width for level in widths),
        blocks=len(widths[0]),
        attention=tuple(size >> level for level in sorted(looking)),
        latent=latent,
        codes=codes,
    )


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    """How many parts of a numbered row there are, the last number plus one."""
    return 1 + max((int(match[1]) for key in state if (match := re.match(pattern, key))), default=-1)
