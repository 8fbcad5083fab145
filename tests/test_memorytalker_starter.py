"""MemoryTalker at starter size: on the built-in rig, with a log-mel encoder."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from rig_clips import studio_clips
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.mouth_motion import importance, projected
from talkcli.engine.methods import checkpoint_path, open_talker
from talkcli.engine.methods.memorytalker import METHOD
from talkcli.engine.methods.memorytalker.motions import (
    fit_mixing,
    shape_weights,
    targets,
)
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.metrics.mouth import mouth_of
from talkcli.engine.motion import Coefficients
from talkcli.engine.speech import Speech
from talkcli.engine.training.fit import fit


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def noise(seconds: float, key: int = 0) -> torch.Tensor:
    return torch.randn(int(16_000 * seconds), generator=torch.Generator().manual_seed(key))


def rig_config(**changes) -> MemoryTalkerConfig:
    values = {
        "ears": (LogMelEncoderConfig(width=16, depth=2),),
        "slots": 40,
        "text_scaling": 1.0,
        "features": 16,
        "feed_forward": 32,
        "reach": 2,
        "rig_shapes": ("jawOpen", "mouthFunnel", "mouthPucker", "mouthClose"),
        "components": 3,
        "window": 4,
    }
    return MemoryTalkerConfig(**{**values, **changes})


def test_the_starter_learns_and_speaks_in_the_rigs_own_shapes(tmp_path):
    clips = studio_clips(tmp_path)
    torch.manual_seed(0)
    talker = MemoryTalker(rig_config())
    for name, rate, term, options in (
        ("memorise", 5e-3, "mse", {}),
        ("stylise", 3e-4, "style", {"seconds": 0.4}),
    ):
        stage = METHOD.stages[name](talker.config, excerpt=30, views=1, **options)
        assert stage is not None
        updates = tuple(replace(update, lr=rate) for update in stage.updates)
        stage = replace(stage, steps=30, batch=4, updates=updates)
        batches = clips.batches(stage.begin(talker, clips, seed()), stage.batch)
        losses = [step.losses[term] for step in fit(talker, stage, batches, seed=0)]
        # two voices a batch are told apart by chance, more or less: the loss of styles is a coin's
        assert name == "stylise" or sum(losses[-5:]) < 0.7 * sum(losses[:5]), (name, losses)
    assert talker.style.learnt
    motion = talker.animate(clips.speech(0), clips.avatar(0))
    assert isinstance(motion.face, Coefficients) and motion.face.rig == DEFAULT_RIG
    moved = motion.face.expression.abs().amax(0) > 0
    moving = {name for name, moves in zip(load_face_model().shape_names, moved, strict=True) if moves}
    assert moving <= set(talker.config.rig_shapes) and "jawOpen" in moving
    with pytest.raises(BadInput, match="rig"):
        talker.animate(clips.speech(0), replace(clips.avatar(0), rig=None))


def test_principal_motions_lose_nothing_that_moves_and_keep_rest_at_zero(tmp_path):
    clips = studio_clips(tmp_path)
    talker = MemoryTalker(rig_config(components=2))
    fit_mixing(talker, clips)
    tracks = shape_weights(clips.motion(0), talker.config)
    components = targets(talker, clips)[0]
    torch.testing.assert_close(components @ talker.mixing, tracks, atol=1e-4, rtol=0)
    everything = torch.cat(targets(talker, clips))
    assert everything[:, 0].square().mean() == pytest.approx(1, rel=1e-3)
    form = importance(load_face_model(), talker.config.rig_shapes)
    assert not projected(torch.zeros(1, 4), talker.mixing, form).any()


def said(
    talker: MemoryTalker, speak: Callable[..., Tensor], seconds: float, told=lambda share: None
) -> Tensor:
    """[frames] the first feature of a talker that speaks by `speak`, through all that `animate` does."""
    talker.speak = speak  # type: ignore[method-assign]
    for parameter in talker.output.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        talker.output.weight[0, 0] = 1
    model = load_face_model()
    avatar = Avatar(
        "mean", model.template, model.topology.faces, model.topology.regions["lips"], rig=DEFAULT_RIG
    )
    face = talker.animate(Speech(noise(seconds) * 0.1), avatar, progress=told).face
    assert isinstance(face, Coefficients)
    return face.expression[:, model.shape_names.index("jawOpen")]


def test_windows_are_cross_faded_over_two_periods():
    """The first window says 0 in every frame, the second 1: between them, 60 frames of even steps."""
    numbers, told = itertools.count(), []
    talker = MemoryTalker(rig_config(window=6)).eval()

    def speak(heard, frames, gain=None):
        return torch.full((1, int(frames), 16), float(next(numbers)))

    track = said(talker, speak, 10.0, told.append)
    ramp = torch.arange(1, 61) / 61
    torch.testing.assert_close(track, torch.cat([torch.zeros(120), ramp, torch.ones(120)]))
    assert told == sorted(told) and told[-1] == 1.0 and len(told) == 2


def test_the_text_projection_sees_neighbours_beyond_its_window():
    """Without self-attention nothing tells a window from the whole: at its edges the text is the same."""
    torch.manual_seed(0)
    windowed = MemoryTalker(rig_config(window=4)).eval()
    whole = MemoryTalker(rig_config(window=40)).eval()
    whole.load_state_dict(windowed.state_dict())
    tracks = [said(talker, lambda heard, *_: heard.text, 10.0) for talker in (windowed, whole)]
    assert tracks[1].std() > 0.01
    torch.testing.assert_close(tracks[0], tracks[1], atol=1e-6, rtol=1e-5)


def test_the_bundled_talker_is_small_and_rests_in_silence():
    path = checkpoint_path("memorytalker")
    assert path.stat().st_size < 12e6
    talker = open_talker("memorytalker")
    model = load_face_model()
    avatar = Avatar(
        "mean", model.template, model.topology.faces, model.topology.regions["lips"], rig=DEFAULT_RIG
    )
    silence = Speech(torch.randn(64_000, generator=seed()) * 1e-4)
    track = mouth_of(talker.animate(silence, avatar), avatar)
    assert track.opening.max() < 1.0 and track.speed.max() < 15.0, "millimetres, millimetres a second"
