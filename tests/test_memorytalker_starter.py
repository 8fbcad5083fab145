"""MemoryTalker at starter size: on the built-in rig, with a log-mel encoder."""

from dataclasses import replace

import pytest
import torch
from rig_clips import studio_clips

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
        "encoder": "logmel",
        "logmel": LogMelEncoderConfig(width=16, depth=2),
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
    options = {"excerpt": 30, "views": 1}
    for name, rate in (("memorise", 5e-3), ("stylise", 3e-4)):
        stage = METHOD.stages[name](talker.config, **options)
        assert stage is not None
        updates = tuple(replace(update, lr=rate) for update in stage.updates)
        stage = replace(stage, steps=30, batch=4, updates=updates)
        batches = clips.batches(stage.begin(talker, clips, seed()), stage.batch)
        steps = [step.losses["mse"] for step in fit(talker, stage, batches, seed=0)]
        assert name == "stylise" or sum(steps[-5:]) < 0.7 * sum(steps[:5])
    assert talker.style.learnt
    motion = talker.animate(clips.speech(0), clips.avatar(0))
    assert isinstance(motion.face, Coefficients) and motion.face.space == "arkit"
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


def test_long_speech_in_windows_is_seamless_on_the_rig(tmp_path):
    torch.manual_seed(0)
    talker = MemoryTalker(rig_config(window=4)).eval()
    torch.nn.init.normal_(talker.output.weight, std=0.3)
    avatar = studio_clips(tmp_path).avatar(0)
    told: list[float] = []
    face = talker.animate(Speech(noise(21.0) * 0.1), avatar, progress=told.append).face
    assert isinstance(face, Coefficients) and len(face.expression) == 630
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 5
    whole = MemoryTalker(replace(talker.config, window=40)).eval()
    whole.load_state_dict(talker.state_dict())
    other = whole.animate(Speech(noise(21.0) * 0.1), avatar).face
    assert isinstance(other, Coefficients)
    assert (face.expression - other.expression).abs().max() < 0.5 * other.expression.abs().max()


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
