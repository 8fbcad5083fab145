"""How 3DXTalker learns, from clips to a checkpoint that speaks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from test_dxtalker import CONFIG
from test_voice_streams import published
from torch import Tensor, nn

from talkcli.engine.assets import asset
from talkcli.engine.audio.affect import AffectEar
from talkcli.engine.audio.emotion2vec import Emotion2vecConfig, Emotion2vecEar
from talkcli.engine.audio.wav2vec import WavlmConfig, wav2vec_body
from talkcli.engine.clips import Clip, ClipSet, Contents, lay_out, save_clip, save_contents
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import save_avatar
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.generation.flow import between
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.dxtalker import METHOD
from talkcli.engine.methods.dxtalker.config import TIMES
from talkcli.engine.methods.dxtalker.hearing import Streams
from talkcli.engine.methods.dxtalker.stages import FlowExample, flow_losses, mood_of
from talkcli.engine.methods.dxtalker.talker import DxTalker
from talkcli.engine.methods.dxtalker.velocity import Condition
from talkcli.engine.motion import Coefficients, Head, Motion, load_motion
from talkcli.engine.speech import Speech
from talkcli.engine.struct import stack
from talkcli.engine.training.fit import fit
from talkcli.engine.training.stage import ONE_CYCLE, Stage

FRAMES = 45
NAMES = load_rig("facekit").shape_names
TINY = replace(
    CONFIG, expression=len(NAMES), rig_shapes=NAMES, affect=replace(CONFIG.affect, moods=("neutral", "happy"))
)


def dice(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def moody_clips(folder: Path, moods: tuple[str | None, ...] = ("neutral", "happy")) -> ClipSet:
    """Two speakers of the rig, in each mood once: happy ones are higher, smile, and nod when it is loud."""
    names, generator = [], dice()
    for speaker in ("ada", "ben"):
        for mood in moods:
            happy = mood == "happy"
            loud = torch.rand(FRAMES, generator=generator)
            time = torch.arange(24_000) / 16_000
            hertz = (220 if happy else 110) * (1.1 if speaker == "ada" else 1.0)
            buzz = sum(torch.sin(2 * math.pi * n * hertz * time) / n for n in range(1, 5))
            assert isinstance(buzz, Tensor)
            sound = 0.2 * buzz * loud.repeat_interleave(534)[:24_000]
            weights = torch.zeros(FRAMES, len(NAMES))
            weights[:, NAMES.index("jawOpen")] = loud
            weights[:, NAMES.index("mouthSmileLeft")] = 0.5 * happy
            weights[20:24, NAMES.index("eyeBlinkLeft")] = 1.0
            turn = torch.stack([0.1 * loud, torch.zeros(FRAMES), torch.zeros(FRAMES)], 1)
            shift = 0.001 * turn
            motion = Motion(
                Fraction(30),
                Coefficients(weights, torch.zeros(FRAMES, 3)),
                Head(turn, shift),
                provenance={} if mood is None else {"mood": mood},
            )
            names.append(f"{speaker}/{len(names)}")
            save_clip(Clip(Speech(sound), motion, replace(talking_head(), name=speaker)), folder, names[-1])
    save_contents(Contents({"train": names}, "CC0-1.0", "this test"), folder)
    return ClipSet(folder)


@pytest.fixture
def clips(tmp_path) -> ClipSet:
    return moody_clips(tmp_path / "clips")


def untaught(**changes: object) -> DxTalker:
    torch.manual_seed(0)
    return DxTalker(replace(TINY, **changes))


def cutting(talker: DxTalker, clips: ClipSet, **options: object) -> tuple[Stage, Callable[..., FlowExample]]:
    stage = METHOD.stages["flow"](talker.config, **options)
    assert stage is not None
    return stage, stage.begin(talker, clips, dice())


def test_an_example_is_the_difference_from_the_first_frame_of_its_clip_over_its_spread(clips):
    talker = untaught()
    _, cut = cutting(talker, clips, excerpt=12)
    example = cut(clips, 1, dice(3))
    whole = clips.motion(1)
    assert isinstance(whole.face, Coefficients) and whole.head is not None
    layout, target = talker.config.layout, example.target
    restored = talker.restored(target, example.reference)
    assert torch.equal(example.reference[layout.part("expression")], whole.face.expression[0])
    starts = [
        start
        for start in range(FRAMES - 11)
        if torch.allclose(
            restored[:, layout.part("expression")], whole.face.expression[start : start + 12], atol=1e-6
        )
    ]
    assert len(starts) == 1 and example.frames == 12 and example.noise.shape == target.shape
    delta = torch.cat([clips.motion(i).head.rotation[:, 0] for i in range(4)])  # type: ignore[union-attr]
    delta = delta - torch.cat([clips.motion(i).head.rotation[:1, 0].expand(FRAMES) for i in range(4)])  # type: ignore[union-attr]
    nod = layout.part("head").start
    torch.testing.assert_close(talker.deviation[nod], delta.std(correction=0))
    torch.testing.assert_close(talker.mean[nod], delta.mean())
    still = layout.part("jaw")
    assert not talker.deviation[still].any() and not target[:, still].any()


def test_from_rest_a_face_shows_the_mood_that_its_first_frame_would_give_away(clips):
    smile = TINY.layout.part("expression").start + NAMES.index("mouthSmileLeft")
    found = {}
    for rested in (0.0, 0.5, 1.0):
        talker = untaught()
        _, cut = cutting(talker, clips, rested=rested)
        examples = [cut(clips, 1, dice(number)) for number in range(30)]
        shares = [float(bool(example.reference.any())) for example in examples]
        found[rested] = sum(shares) / 30, float(talker.mean[smile]), float(talker.deviation[smile])
        for example in examples[:3]:
            restored = talker.restored(example.target, example.reference)[:, smile]
            torch.testing.assert_close(restored, torch.full((20,), 0.5))
    assert found[0.0] == (1.0, 0.0, 0.0) and found[1.0] == pytest.approx((0.0, 0.25, 0.25))
    assert found[0.5][0] == pytest.approx(0.5, abs=0.3) and found[0.5][1] == pytest.approx(0.125)
    with pytest.raises(BadUsage, match="rested cannot be 2"):
        METHOD.stages["flow"](TINY, rested=2.0)


def test_statistics_are_learnt_once_so_that_a_taught_model_keeps_its_own(clips):
    talker = untaught()
    cutting(talker, clips)
    was = talker.mean.clone()
    with torch.no_grad():
        talker.mean.add_(1.0)
    cutting(talker, clips)
    assert torch.equal(talker.mean, was + 1)


class Straight(nn.Module):
    """A network that knows the answer, and keeps what it is asked."""

    def __init__(self, velocity: Tensor) -> None:
        super().__init__()
        self.velocity = velocity

    def condition(self, *told: object) -> None:
        return None

    def forward(self, x: Tensor, t: Tensor, condition: None) -> Tensor:
        self.asked = x, t
        return self.velocity


def test_the_loss_is_the_mean_square_from_the_straight_way_at_a_whole_step(clips):
    talker = untaught()
    _, cut = cutting(talker, clips, excerpt=20)
    batch = stack([cut(clips, index, dice(index)) for index in range(4)])
    network = Straight(batch.target - batch.noise)
    talker.network = network  # type: ignore[assignment]
    assert flow_losses(talker, batch, dice())["velocity"] == 0
    x, t = network.asked
    assert torch.equal(t * TIMES, (t * TIMES).round()) and t.min() >= 0 and t.max() < 1
    torch.testing.assert_close(x, between(batch.noise, batch.target, t))
    network.velocity = network.velocity + 3.0
    assert float(flow_losses(talker, batch, dice())["velocity"]) == pytest.approx(9.0)
    moved = talker.deviation > 0
    network.velocity = torch.where(moved, batch.target - batch.noise, 1e6)
    assert flow_losses(talker, batch, dice())["velocity"] == 0, "what no clip moves is nobody's fault"


def test_padding_and_closed_lips_weigh_what_they_should(clips):
    talker = untaught()
    _, cut = cutting(talker, clips, excerpt=20, stress=1.0, mouth=2.0)
    example = cut(clips, 0, dice(1))
    assert example.weight.min() == 1.0 or example.weight.max() > 1.0
    assert example.seen is not None and example.seen.shape == (talker.config.layout.dims, 16)
    batch = stack([example])
    network = Straight(batch.target - batch.noise)
    talker.network = network  # type: ignore[assignment]
    jaw = talker.config.layout.part("expression").start + NAMES.index("jawOpen")
    network.velocity = network.velocity.clone()
    network.velocity[:, 15:, jaw] += 1.0
    late = flow_losses(talker, batch, dice(), mouth=2.0)
    assert late["velocity"] > 0 and late["mouth"] > 0
    shorter = replace(batch, frames=torch.tensor([15]))
    assert flow_losses(talker, shorter, dice(), mouth=2.0)["velocity"] == 0


def test_what_is_heard_is_kept_beside_the_clips_by_its_ear_and_read_again(clips, tmp_path):
    talker = untaught(reach=2)
    _, cut = cutting(talker, clips, excerpt=20, views=2)
    files = {path.name: path.stat().st_mtime_ns for path in clips.folder.rglob("*.heard")}
    assert len(files) == 8 and {name.split(".")[1].split("-")[0] for name in files} == {"speech", "emotion"}
    first = cut(clips, 0, dice(5))
    _, again = cutting(talker, clips, excerpt=20, views=2)
    assert files == {path.name: path.stat().st_mtime_ns for path in clips.folder.rglob("*.heard")}
    assert torch.equal(first.streams.speech, again(clips, 0, dice(5)).streams.speech)
    assert first.streams.own is not None and first.streams.own.shape == (20, 5 * 40)
    assert torch.equal(first.streams.own[:, 80:120], first.streams.speech), "itself in the middle"
    assert isinstance(talker.hearing.affect, AffectEar)
    with torch.no_grad():
        talker.hearing.affect.leave.bias.add_(1.0)
    cutting(talker, clips, views=2)
    assert len(list(clips.folder.rglob("*.heard"))) == 12, "feelings are heard anew, words are not"
    lay_out(clips.contents, clips.folder, overwrite=True)
    assert not list(clips.folder.rglob("*.heard"))


def test_training_hears_what_speaking_hears(clips, monkeypatch):
    talker = untaught(reach=1, window=FRAMES, overlap=0).eval()
    _, cut = cutting(talker, clips)
    streams = cut(clips, 2, dice()).streams
    heard: list[Streams] = []
    condition = talker.network.condition

    def overheard(streams: Streams, *told: Any, **more: Any) -> Condition:
        heard.append(streams)
        return condition(streams, *told, **more)

    monkeypatch.setattr(talker.network, "condition", overheard)
    talker.animate(clips.speech(2), clips.avatar(2))
    for name, track in vars(streams).items():
        torch.testing.assert_close(getattr(heard[0], name)[0], track, atol=3e-3, rtol=3e-3)


def test_a_feeling_is_learnt_from_how_high_the_voice_is(clips):
    talker = untaught()
    stage = METHOD.stages["affect"](talker.config, rooms=False)
    assert stage is not None
    stage = replace(stage, steps=40, batch=4, schedule=lambda progress: 1.0, ema=None)
    example = stage.begin(talker, clips, dice())
    losses = [step.total for step in fit(talker, stage, clips.batches(example, 4), seed=0)]
    assert sum(losses[-5:]) / 5 < 0.6 * losses[0]
    examples = [example(clips, index, dice()) for index in range(4)]
    ear = talker.hearing.affect
    assert isinstance(ear, AffectEar)
    with torch.no_grad():
        logits = ear.mood_logits(torch.stack([e.tracks for e in examples]), torch.ones(4, FRAMES))
    assert logits.argmax(1).tolist() == [0, 1, 0, 1]


def test_the_bundled_clips_know_their_moods():
    bundled = ClipSet(asset("clips"))
    moods = [mood_of(bundled, index) for index in range(len(bundled))]
    assert moods == ["neutral", "surprise", "happy", "neutral"]


def test_feelings_need_clips_that_know_them(tmp_path):
    talker = untaught()
    stage = METHOD.stages["affect"](talker.config)
    assert stage is not None
    with pytest.raises(BadInput, match="no mood that is known here") as caught:
        stage.begin(talker, moody_clips(tmp_path / "clips", ("neutral", None)), dice())
    assert "emotion=false" in caught.value.hint
    assert METHOD.stages["affect"](replace(TINY, emotion=False)) is None


def test_steps_lower_the_loss_and_teach_the_network_alone(clips):
    talker = untaught(reach=1, drop=0.1, features=32)
    stage, cut = cutting(talker, clips, excerpt=20)
    updates = tuple(replace(update, lr=5e-3) for update in stage.updates)
    stage = replace(stage, steps=80, updates=updates)
    hearing = {name: value.clone() for name, value in talker.hearing.state_dict().items()}
    batch = stack([cut(clips, index % 4, dice(index)) for index in range(8)])
    losses = [step.total for step in fit(talker, stage, lambda generator: batch, seed=0)]
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])
    assert all(torch.equal(hearing[name], value) for name, value in talker.hearing.state_dict().items())
    jaw = talker.animate(clips.speech(0), clips.avatar(0)).face
    assert isinstance(jaw, Coefficients) and jaw.expression[:, NAMES.index("jawOpen")].std() > 0.02


def test_the_cycle_is_that_of_torch():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([weight], lr=1e-4)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-4, total_steps=101, pct_start=0.0)
    for step in range(101):  # which is a step ahead of itself
        assert 1e-4 * ONE_CYCLE((step + 1) / 101) == pytest.approx(cycle.get_last_lr()[0], rel=1e-6)
        optimiser.step()
        if step < 100:
            cycle.step()


SMALL = ("features=16", "heads=2", "feed_forward=1", "shared_blocks=1", "affect.hidden=8")


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ("absolute=true",),
        pytest.param(("amplitude=false",), marks=pytest.mark.slow),
        pytest.param(("emotion=false",), marks=pytest.mark.slow),
    ],
)
def test_from_clips_to_a_checkpoint_that_moves_face_eyes_and_head(changes, talk, clips, hello, tmp_path):
    words = [word for setting in (*SMALL, *changes) for word in ("--set", f"config.{setting}")]
    words += ["--set", "batch=2", "--steps", "2", "--device", "cpu"]
    told = talk("train", clips.folder, "-m", "3dxtalker", *words, "-o", tmp_path / "x.ckpt", "--json")
    stages = ["flow"] if "emotion=false" in changes else ["affect", "flow"]
    assert list(json.loads(told.stdout)["losses"]) == stages
    talker = open_talker(str(tmp_path / "x.ckpt"))
    assert talker.moves == METHOD.moves == {"mouth", "eyes", "head"}
    save_avatar(clips.avatar(0), tmp_path / "ada.avatar")
    words = ("-m", tmp_path / "x.ckpt", "-a", tmp_path / "ada.avatar", "--device", "cpu")
    motions = []
    for name, more in (("a", ()), ("b", ("--no-life",)), ("c", ("--set", "steps=4", "--set", "solver=heun"))):
        out = tmp_path / f"{name}.motion"
        talk("animate", hello, *words, *more, "-o", out)
        motions.append(load_motion(out))
    assert motions[0].head is not None and motions[1].head is not None
    assert torch.equal(motions[0].head.rotation, motions[1].head.rotation), "life adds nothing to it"
    faces = [motion.face for motion in motions]
    assert all(isinstance(face, Coefficients) and len(face.expression) == 30 for face in faces)
    assert torch.equal(faces[0].expression, faces[1].expression)  # type: ignore[union-attr]
    said = talk("animate", hello, *words, "--gaze", "1.5", "-o", tmp_path / "d.motion").stderr
    assert "This model moves these itself" in said


def test_the_published_ears_are_taken_from_files_of_the_user(clips, tmp_path):
    transformers = pytest.importorskip("transformers")
    small = WavlmConfig(
        hidden=16, layers=1, heads=2, feed_forward=16, convolution=8, position_kernel=8, position_groups=2
    )
    felt = Emotion2vecConfig(
        hidden=16, heads=2, feed_forward=16, blocks=2, convolution=8, positions=1, position_groups=2
    )
    body = wav2vec_body(small)
    assert isinstance(body, transformers.WavLMModel)
    body.save_pretrained(tmp_path / "wavlm")
    taught = Emotion2vecEar(felt)
    torch.save({"model": published(taught)}, tmp_path / "model.pt")
    config = replace(TINY, ears=(small,), affect=felt)
    stage = METHOD.stages["flow"](config)
    assert stage is not None and [note.split(" is given")[0] for note in stage.notes] == [
        "No pretrained WavLM", "No emotion2vec"
    ]  # fmt: skip
    assert METHOD.stages["affect"](config) is None, "emotion2vec is taught elsewhere"
    talker = DxTalker(config)
    files = {"wavlm": str(tmp_path / "wavlm"), "emotion2vec": str(tmp_path / "model.pt")}
    stage = METHOD.stages["flow"](config, **files)
    assert stage is not None and not stage.notes
    example = stage.begin(talker, clips, dice())(clips, 0, dice())
    assert example.streams.speech.shape == (20, 16) and example.streams.emotion.shape == (20, 16)
    assert talker.hearing.affect is not None
    for theirs, ours in (
        (taught, talker.hearing.affect),
        (body, talker.hearing.ears.get_submodule("parts.0.model")),
    ):
        for name, value in theirs.state_dict().items():
            assert torch.equal(ours.state_dict()[name], value), name
    talker.animate(clips.speech(0), clips.avatar(0))


def test_both_sizes_fit_the_clips(clips):
    paper, starter = (METHOD.sizes[size](clips) for size in ("paper", "starter"))
    assert (paper.features, paper.shared_blocks, paper.expression, paper.head) == (768, 6, len(NAMES), 3)
    talker = METHOD.build(starter)
    assert isinstance(talker, DxTalker)
    numbers = sum(weight.numel() for weight in talker.network.parameters())
    assert 2 * numbers < 6e6, "half precision, beside an ear of 5.6 MB"
