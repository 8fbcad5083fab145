"""How UniGAHA learns to speak, from clips to a checkpoint."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from test_dxtalker_training import moody_clips
from test_unigaha_speaking import CONFIG, Knowing, dice
from torch import Tensor, nn

from talkcli.engine.audio.wav2vec import Wav2Vec2Config, wav2vec_body
from talkcli.engine.checkpoint import load_checkpoint
from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import BadInput
from talkcli.engine.face.mouth_motion import attention_to, gap_of
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.unigaha import METHOD
from talkcli.engine.methods.unigaha.stages import SpokenWindow, carried_windows, clip_tracks, diffusion_terms
from talkcli.engine.methods.unigaha.talker import Unigaha
from talkcli.engine.motion import Coefficients, load_motion
from talkcli.engine.struct import stack
from talkcli.engine.training.fit import fit


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> ClipSet:
    """Four takes of two speakers: two neutral ones, two happy."""
    return moody_clips(tmp_path_factory.mktemp("clips"))


def untaught(**changes: object) -> Unigaha:
    torch.manual_seed(0)
    return Unigaha(replace(CONFIG, **changes))  # type: ignore[arg-type]


def cutting(talker: Unigaha, clips: ClipSet, name: str = "diffuse", **options: object):
    stage = METHOD.stages[name](talker.config, **options)
    assert stage is not None
    return stage, stage.begin(talker, clips, dice())


def test_an_example_is_a_window_of_what_is_heard_and_done(clips):
    talker = untaught()
    _, cut = cutting(talker, clips, stress=0.5)
    example: SpokenWindow = cut(clips, 0, dice(3))
    [track, *_] = clip_tracks(clips, talker.config, calm=False)[1]
    at = [
        start
        for start in range(len(track) - 19)
        if torch.allclose(talker.space.numbers(track[start : start + 20]), example.numbers, atol=1e-5)
    ]
    assert len(at) == 1 and example.heard.shape == (20, 3 * 40)
    weights = track[at[0] : at[0] + 20]
    torch.testing.assert_close(example.lips, talker.space.lips(weights))
    gap = weights @ gap_of(load_rig("facekit"), talker.config.rig_shapes)
    torch.testing.assert_close(example.weight, attention_to(gap) ** 0.5)


def test_a_clip_that_is_too_short_holds_its_end(clips):
    talker = untaught(window=60, carried=6)
    _, cut = cutting(talker, clips)
    example = cut(clips, 0, dice())
    assert example.numbers.shape == (60, 4)
    for track in (example.numbers, example.heard[:, 40:80]):
        assert torch.equal(track[45:], track[44:45].expand(15, -1))


def test_calm_leaves_takes_in_a_mood_out(clips, tmp_path):
    chosen, tracks = clip_tracks(clips, CONFIG, calm=True)
    assert chosen == [0, 2] and len(tracks) == 2 and len(clip_tracks(clips, CONFIG, calm=False)[0]) == 4
    talker = untaught()
    _, cut = cutting(talker, clips, calm=True)
    smile = CONFIG.rig_shapes.index("mouthSmileLeft")
    for index in range(4):
        assert float(talker.space.weights(cut(clips, index, dice()).numbers)[:, smile].abs().max()) < 0.01
    with pytest.raises(BadInput, match="in a mood"):
        clip_tracks(moody_clips(tmp_path / "moody", ("happy",)), CONFIG, calm=True)


def batch_of(talker: Unigaha, clips: ClipSet) -> SpokenWindow:
    _, cut = cutting(talker, clips)
    return stack([cut(clips, index, dice(index)) for index in range(4)])


class WrongAt(nn.Module):
    """A network that knows the answer, and is off by one at some frames."""

    def __init__(self, knowing: Knowing, wrong: Tensor) -> None:
        super().__init__()
        self.knowing, self.wrong = knowing, wrong

    def listen(self, *told: object) -> None:
        return None

    def forward(self, x: Tensor, t: Tensor, past: object, heard: object) -> Tensor:
        return self.knowing(x, t, past, heard) + self.wrong[..., None]


@pytest.mark.parametrize("target", ["x0", "eps", "v"])
def test_who_knows_the_answer_loses_nothing_whatever_is_asked(target, clips):
    talker = untaught(target=target, mask=0.0)
    batch = batch_of(talker, clips)
    wrong = torch.zeros(4, 20)
    talker.denoiser = WrongAt(Knowing(talker, batch.numbers), wrong)  # type: ignore[assignment]
    terms = diffusion_terms(talker, batch, dice())
    assert set(terms) == {target, "speed", "mouth", "mouth_speed"}
    assert all(float(term) < 1e-6 for term in terms.values())
    wrong[:, 10:] = 1.0
    assert all(float(term) > 0 for term in diffusion_terms(talker, batch, dice()).values())


def test_known_frames_cost_nothing(clips):
    talker = untaught(mask=0.0)
    batch = batch_of(talker, clips)
    wrong = torch.zeros(4, 20)
    wrong[:, :6] = 1.0
    talker.denoiser = WrongAt(Knowing(talker, batch.numbers), wrong)  # type: ignore[assignment]
    losses = [float(diffusion_terms(talker, batch, dice(seed))["x0"]) for seed in range(12)]
    free = [6 * bare / (4 * 14 + 6 * bare) for bare in range(5)]  # by how many of the four know nothing
    found = {min(free, key=lambda loss: abs(loss - x0)): x0 for x0 in losses}
    assert len(found) > 2 and all(x0 == pytest.approx(loss, abs=1e-5) for loss, x0 in found.items())
    past = carried_windows(batch.numbers, 6, torch.tensor([True, False, True, True]))
    assert torch.equal(past.known.sum(1), torch.tensor([6, 0, 6, 6]))
    assert torch.equal(past.numbers, batch.numbers * past.known[..., None])


def test_steps_lower_every_loss_and_teach_one_part_at_a_time(clips):
    talker = untaught()
    for name in ("lips", "diffuse"):
        stage, cut = cutting(talker, clips, name)
        stage = replace(stage, steps=24, updates=tuple(replace(update, lr=1e-2) for update in stage.updates))
        was = {key: value.clone() for key, value in talker.state_dict().items()}
        batch = stack([cut(clips, index, dice(index)) for index in range(4)])
        losses = [step.total for step in fit(talker, stage, lambda generator, batch=batch: batch, seed=0)]
        assert sum(losses[-5:]) < 0.7 * sum(losses[:5]), name
        changed = {
            key.split(".")[0]
            for key, value in talker.state_dict().items()
            if not torch.equal(was[key], value)
        }
        assert changed == {"lip_reader" if name == "lips" else "denoiser"}


def test_from_clips_to_a_checkpoint_that_moves_the_mouth(talk, clips, hello, tmp_path):
    small = (
        "features=16",
        "heads=2",
        "layers=1",
        "lip_features=16",
        "lip_layers=1",
        "window=40",
        "carried=8",
    )
    words = [word for setting in small for word in ("--set", f"config.{setting}")]
    words += ["--set", "batch=2", "--steps", "2", "--device", "cpu", "--set", "calm=true"]
    first, last = tmp_path / "lips.ckpt", tmp_path / "x.ckpt"
    train = ("train", clips.folder, "-m", "unigaha", "--json")
    told = talk(*train, *words, "--stage", "lips", "-o", first)
    assert list(json.loads(told.stdout)["losses"]) == ["lips"]
    assert "lips: 2 steps on 2 clips" in told.stderr
    provenance = load_checkpoint(first).provenance
    assert provenance["learnt"] == {"lips": {"clips": 2}} and provenance["data"]["clips"] == 4
    again = ("--set", "batch=2", "--steps", "2", "--device", "cpu", "--set", "calm=true", "--from", first)
    told = talk(*train, *again, "--stage", "diffuse", "-o", last)
    assert list(json.loads(told.stdout)["losses"]) == ["diffuse"]
    assert open_talker(str(tmp_path / "x.ckpt")).moves == METHOD.moves == {"mouth"}
    words = ("-m", tmp_path / "x.ckpt", "--device", "cpu", "--set", "steps=2")
    talk("animate", hello, *words, "-o", tmp_path / "a.motion")
    motion = load_motion(tmp_path / "a.motion")
    assert isinstance(motion.face, Coefficients) and motion.head is not None and motion.head.rotation.any()


def test_without_captures_nothing_is_written(talk, clips, tmp_path):
    told = talk("train", clips.folder, "-m", "unigaha", "-o", tmp_path / "z.ckpt", code=2)
    assert "learns from captures" in told.stderr and "talk prepare captures" in told.stderr
    words = ("--set", f"captures={tmp_path}")
    talk("train", clips.folder, "-m", "unigaha", *words, "-o", tmp_path / "z.ckpt", code=3)
    assert list(tmp_path.iterdir()) == []


def test_the_published_ear_is_taken_from_a_folder_of_the_user(clips, tmp_path):
    pytest.importorskip("transformers")
    small = Wav2Vec2Config(
        hidden=16, layers=1, heads=2, feed_forward=16, convolution=8, position_kernel=8, position_groups=2
    )
    body = wav2vec_body(small)
    body.save_pretrained(tmp_path / "wav2vec")
    talker = untaught(ears=(small,), reach=0)
    for name in ("lips", "diffuse"):
        stage = METHOD.stages[name](talker.config)
        assert stage is not None and "No pretrained wav2vec 2.0" in stage.notes[0]
    stage, cut = cutting(talker, clips, wav2vec=str(tmp_path / "wav2vec"))
    assert not stage.notes and cut(clips, 0, dice()).heard.shape == (20, 16)
    for name, value in body.state_dict().items():
        assert torch.equal(talker.ears.get_submodule("parts.0.model").state_dict()[name], value), name


def test_both_sizes_fit_the_clips(clips):
    paper, starter = (METHOD.sizes[size](clips) for size in ("paper", "starter"))
    assert (paper.features, paper.layers, paper.codes, paper.diffused) == (512, 8, 50, 50)
    talker = METHOD.build(starter)
    assert isinstance(talker, Unigaha) and starter.diffused == 32
    parts = (talker.denoiser, talker.lip_reader)
    numbers = sum(weight.numel() for part in parts for weight in part.parameters())
    assert 2 * numbers < 4e6, "half precision, beside an ear that is shared"
    assert set(starter.rig_shapes) < set(load_rig(starter.rig).shape_names)
    assert not any(name.startswith(("eye", "brow")) for name in starter.rig_shapes)
