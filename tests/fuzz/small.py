"""The smallest faces and networks that go through every door."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.audio.affect import AffectConfig
from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.checkpoint import save_checkpoint
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.expression_codes import expression_codes
from talkcli.engine.face.gaussian_head import DecoderConfig, GaussianHead, HeadDecoder, HeadMaps
from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.methods import load_method
from talkcli.engine.methods.dxtalker.config import DxTalkerConfig
from talkcli.engine.methods.textalker.autoencoder import AutoencoderConfig
from talkcli.engine.methods.textalker.denoiser import DenoiserConfig
from talkcli.engine.methods.textalker.talker import TexTalkerConfig

VERTS = 12
"""Of the bare face."""
HUBERT = HubertConfig(
    hidden=64, layers=1, heads=1, feed_forward=96, convolution=8, position_kernel=16, position_groups=4
)
MAPS = AutoencoderConfig(size=32, width=8, multipliers=(1, 2, 2), attention=(16, 8), latent=4, codes=8)
TEXTALKER = TexTalkerConfig(
    MAPS,
    MAPS,
    DenoiserConfig(
        features=32, window=6, context=2, steps=20, layers=1, feed_forward=64, motion=256, texture=256
    ),
    ears=(HUBERT,),
)
"""As published, in little."""
DXTALKER = DxTalkerConfig(
    fps=30, identity=0, detail=0, expression=4, translation=3,
    rig_shapes=("eyeBlinkLeft", "jawOpen", "mouthPucker", "browInnerUp"),
    ears=(LogMelEncoderConfig(width=8, depth=1),), affect=AffectConfig(hidden=8, moods=("neutral", "happy")),
    features=16, heads=2, feed_forward=1, shared_blocks=2, pose_blocks=1, expression_blocks=1,
    identity_blocks=1, dropout=0.0, window=20, overlap=6,
)  # fmt: skip


def bare_avatar() -> Avatar:
    """A face without a rig: an icosahedron the size of a head."""
    golden = (1 + math.sqrt(5)) / 2
    corners = [(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    points = torch.tensor([corner[i:] + corner[:i] for i in range(3) for corner in corners]) * 0.06
    near = torch.cdist(points, points) < 0.13
    faces = [
        (i, j, k)
        if torch.dot(torch.linalg.cross(points[j] - points[i], points[k] - points[i]), points[i]) > 0
        else (i, k, j)
        for i in range(VERTS)
        for j in range(i + 1, VERTS)
        for k in range(j + 1, VERTS)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    return Avatar("bare", points, torch.tensor(faces), torch.tensor([4, 5]))


def untaught_head(size: int = 40, bases: int = 4) -> GaussianHead:
    """A Gaussian head of the built-in rig that never learnt, in grey skin."""
    torch.manual_seed(0)
    model, widths = load_rig(DEFAULT_RIG), (6, 6, 4)
    config = DecoderConfig(coarsest=size // 8, widths=widths, expression=12, identity=5, bases=bases)
    assert config.size == size
    sides = [
        (width, 2 * config.coarsest << n, 2 * config.coarsest << n) for n, width in enumerate(widths[1:])
    ]
    form, look = (tuple(torch.randn(side) for side in sides) for _ in range(2))
    base = torch.full((3, size, size), 0.6)
    return GaussianHead(
        config.rig, config.coarsest, widths, bases, model.shape_names,
        expression_codes(model, model.shape_names, 12).to_codes, torch.randn(5),
        HeadDecoder(config).state_dict(), HeadMaps(form, look, base),
    ).map(torch.Tensor.half)  # fmt: skip


def save_untaught(path: Path) -> None:
    """A checkpoint of MemoryTalker for the bare face, which never learnt."""
    method = load_method("memorytalker")
    torch.manual_seed(0)
    config = method.config(verts=VERTS, fps=30, ears=(LogMelEncoderConfig(),), slots=40)
    network = method.build(config)
    torch.nn.init.normal_(network.output.weight, std=1e-3)  # type: ignore[attr-defined]
    save_checkpoint("memorytalker", config, network.state_dict(), {"licence": "Apache-2.0"}, path)
