"""Every stage of both methods takes steps from clips with sound, at the published shape made narrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rig_clips import studio_clips
from torch import Tensor, nn

from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.clips import Clip, ClipSet, Contents, TextureFrames, save_clip, save_contents
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.methods import load_method
from talkcli.engine.methods.memorytalker.talker import MemoryTalkerConfig
from talkcli.engine.methods.textalker.autoencoder import AutoencoderConfig
from talkcli.engine.methods.textalker.denoiser import DenoiserConfig
from talkcli.engine.methods.textalker.talker import TexTalkerConfig
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.speech import Speech
from talkcli.engine.training.fit import fit

pytest.importorskip("transformers")

EARS = (
    HubertConfig(
        hidden=32, layers=1, heads=4, feed_forward=48, convolution=8, position_kernel=16, position_groups=4
    ),
)
MAPS = AutoencoderConfig(size=64, width=8, multipliers=(1, 2, 2), blocks=1, latent=4, codes=16, groups=4)
SHAPES = ("jawOpen", "mouthClose", "mouthPucker")
CONFIGS: Mapping[str, Any] = {
    "textalker": TexTalkerConfig(
        MAPS,
        MAPS,
        DenoiserConfig(features=16, layers=1, feed_forward=32, steps=20, motion=MAPS.dims, texture=MAPS.dims),
        ears=EARS,
    ),
    "memorytalker": MemoryTalkerConfig(verts=64, ears=EARS, features=16, feed_forward=32),
}
STAGES = {"textalker": ("motion", "texture", "diffuse"), "memorytalker": ("memorise", "stylise")}
EARLY = {"motion": {"critic": 1}, "texture": {"critic": 1}}
"""The critic joins while somebody looks."""


def sheet() -> Avatar:
    """64 vertices with a UV layout."""
    side = torch.linspace(0.05, 0.95, 8)
    uv = torch.cartesian_prod(side, side)
    squares = [(8 * i + j, 8 * i + j + 8, 8 * i + j + 9, 8 * i + j + 1) for i in range(7) for j in range(7)]
    faces = torch.tensor([corners for a, b, c, d in squares for corners in ((a, b, c), (a, c, d))])
    neutral = torch.cat([uv - 0.5, torch.zeros(64, 1)], 1) * 0.2
    return Avatar("sheet", neutral, faces, torch.tensor([3, 4]), uv=uv, uv_faces=faces.clone())


def mesh_clips(folder: Path) -> ClipSet:
    """Two speakers of a captured mesh, with sound, offsets and a skin of their own every frame."""
    dice, names = torch.Generator().manual_seed(0), []
    pictures = folder.parent / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(13):
        path = pictures / f"{number}.png"
        Image.fromarray(rng.integers(60, 200, (64, 64, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    for speaker in ("ada", "ben"):
        for number in range(2):
            speech = Speech(0.2 * torch.randn(6400, generator=dice))
            motion = Motion(Fraction(30), Vertices(0.01 * torch.randn(12, 64, 3, generator=dice)))
            names.append(f"{speaker}/{number}")
            skins = TextureFrames(paths[0], tuple(paths[1:]))
            save_clip(Clip(speech, motion, sheet(), textures=skins), folder, names[-1])
    save_contents(Contents({"train": names}, "CC0-1.0", "this test"), folder)
    return ClipSet(folder)


@pytest.fixture(params=["vertices", "rig"])
def clips(request, tmp_path) -> ClipSet:
    return (
        mesh_clips(tmp_path / "clips")
        if request.param == "vertices"
        else studio_clips(tmp_path / "clips", 12)
    )


def steps_of(network: nn.Module, stage: Any, clips: ClipSet) -> list[Mapping[str, float]]:
    stage = replace(stage, steps=3, batch=min(stage.batch, 2))
    example = stage.begin(network, clips, torch.Generator().manual_seed(0))
    drawn = clips.batches(example, stage.batch)
    return [step.losses for step in fit(network, stage, drawn, seed=0)]


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_stage_takes_steps_from_sound_and_teaches_only_its_own(name, clips):
    method, config = load_method(name), CONFIGS[name]
    if clips.avatar(0).rig is not None:
        config = replace(config, rig_shapes=SHAPES)
    torch.manual_seed(0)
    network = method.build(config)
    for stage_name in STAGES[name]:
        stage = method.stages[stage_name](config, **EARLY.get(stage_name, {}))
        assert stage is not None
        before = {key: value.clone() for key, value in network.named_parameters()}
        losses = steps_of(network, stage, clips)
        assert len(losses) == 3 and all(np.isfinite(list(step.values())).all() for step in losses), stage_name
        changed = {key for key, value in network.named_parameters() if not torch.equal(value, before[key])}
        assert changed and changed <= taught(name, stage_name, before), stage_name
    motion = network.animate(clips.speech(0), clips.avatar(0))
    assert len(motion) == clips.speech(0).frames(30)


def taught(name: str, stage: str, parameters: Mapping[str, Tensor]) -> set[str]:
    """What a stage may change, as published."""
    spoken = ("encoder.", "text.", "motion.", "memory.", "fusion.", "decoder.", "output.")
    parts = {
        ("textalker", "motion"): ("motion.",),
        ("textalker", "texture"): ("texture.",),
        ("textalker", "diffuse"): ("diffuser.",),
        ("memorytalker", "memorise"): spoken,
        ("memorytalker", "stylise"): ("style.",),
    }[name, stage]
    frozen = ("feature_extractor", "audio_encoder.feature_projection", "audio_encoder.encoder.layers")
    return {key for key in parameters if key.startswith(parts) and not any(part in key for part in frozen)}
