"""Recordings spoken together: each as it is alone, and none the worse for another's fault."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest
import soundfile
import torch
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import save_avatar
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.generation.together import drawn_together, together
from talkcli.engine.methods import open_talker, speaking
from talkcli.engine.methods.speaking import recordings_together, set_sampling
from talkcli.engine.methods.unigaha.config import UnigahaConfig
from talkcli.engine.methods.unigaha.talker import Unigaha
from talkcli.engine.motion import Coefficients, Motion, load_motion
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech

SECONDS = (0.4, 4.3, 3.1)
SETTINGS = {
    "textalker": {"steps": 2},
    "3dxtalker": {"steps": 2, "at_once": 2},
    "unigaha": {"steps": 2},
}


class Sizes:
    """Rows of one number, each its own seed's; and how many were drawn together."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def draw(self, dice: Sequence[torch.Generator], given: Tensor) -> Tensor:
        self.seen.append(len(given))
        return given + torch.stack([torch.rand(given.shape[1:], generator=one) for one in dice])

    def task(self, seed: int, windows: int) -> list[float]:
        dice = torch.Generator().manual_seed(seed)
        return [float(drawn_together(self.draw, [torch.full((1, 1), k)], [dice])) for k in range(windows)]


def test_windows_are_drawn_together_until_each_is_done_and_are_what_they_are_alone():
    sizes = Sizes()
    made = together([partial(sizes.task, seed, windows) for seed, windows in ((1, 3), (2, 1), (3, 5))])
    assert sizes.seen == [3, 2, 2, 1, 1]
    assert made == [sizes.task(1, 3), sizes.task(2, 1), sizes.task(3, 5)]


def test_windows_of_other_sizes_are_batches_of_their_own():
    sizes = Sizes()

    def wide(seed: int) -> float:
        return float(drawn_together(sizes.draw, [torch.zeros(2, seed)], [torch.Generator()] * 2).sum())

    together([partial(wide, 4), partial(wide, 4), partial(wide, 5)])
    assert sizes.seen == [4, 2]


def test_one_that_fails_harms_no_other_and_what_is_no_fault_of_a_recording_ends_all():
    sizes = Sizes()

    def failing(error: Exception) -> list[float]:
        sizes.task(7, 1)
        raise error

    made = together([partial(sizes.task, 1, 3), partial(failing, BadInput("bad")), partial(sizes.task, 2, 2)])
    assert made[0] == sizes.task(1, 3) and made[2] == sizes.task(2, 2)
    assert isinstance(made[1], BadInput) and made[1].message == "bad"
    with pytest.raises(ZeroDivisionError):
        together([partial(sizes.task, 1, 3), partial(failing, ZeroDivisionError())])


def test_what_fails_in_a_batch_fails_for_all_that_are_in_it():
    def draw(dice: Sequence[torch.Generator], given: Tensor) -> Tensor:
        raise BadUsage("never so")

    def task() -> Tensor:
        return drawn_together(draw, [torch.zeros(1)])

    assert [str(made) for made in together([task, task])] == ["never so"] * 2


def recordings() -> list[Speech]:
    whole = load_speech(asset("hello.wav")).waveform
    return [Speech(whole[4_000:][: round(seconds * SAMPLE_RATE)]) for seconds in SECONDS]


@pytest.mark.parametrize("model", SETTINGS)
def test_a_talker_says_together_what_it_says_of_each_recording_alone(model):
    talker, head = open_talker(model), talking_head()
    set_sampling(talker, SETTINGS[model])
    tasks = [partial(talker.animate, speech, head, seed=5) for speech in recordings()]
    for task, motion in zip(tasks, together(tasks), strict=True):
        assert isinstance(motion, Motion) and isinstance(motion.face, Coefficients)
        alone = task()
        assert isinstance(alone.face, Coefficients) and alone.provenance == motion.provenance
        torch.testing.assert_close(alone.face.expression, motion.face.expression, atol=1e-5, rtol=0)


def test_fresh_noise_at_every_step_is_each_recordings_own():
    torch.manual_seed(0)
    config = UnigahaConfig(
        codes=6, diffused=4, ears=(LogMelEncoderConfig(width=8, depth=1),), steps=6, window=20, carried=6,
        rig_shapes=load_rig("facekit").shape_names[:8], lips=3, lip_features=8, lip_layers=1, lip_heads=1,
        lip_feed_forward=8, features=16, layers=1, heads=2, feed_forward=16, listening_layers=1,
    )  # fmt: skip
    talker = Unigaha(config).eval()
    set_sampling(talker, {"steps": 0, "guidance": 1.5})
    speeches = recordings()

    def drawn(speech: Speech, seed: int) -> Tensor:
        frames = speech.frames(config.fps)
        heard = talker.ears.listened(speech.waveform, frames, config.fps)
        return torch.cat(list(talker.drawn(heard, frames, seed)))

    tasks = [partial(drawn, speech, seed) for seed, speech in enumerate([*speeches, speeches[1]])]
    both = together(tasks)
    for task, made in zip(tasks, both, strict=True):
        assert isinstance(made, Tensor)
        torch.testing.assert_close(task(), made, atol=1e-5, rtol=0)
    assert isinstance(both[1], Tensor) and isinstance(both[3], Tensor)
    assert (both[1] - both[3]).abs().mean() > 0.01, "another seed"


def test_a_folder_is_animated_together_as_one_by_one(talk, tmp_path, monkeypatch):
    folder = tmp_path / "speech"
    folder.mkdir()
    for number, speech in enumerate(recordings()):
        soundfile.write(folder / f"{number}.wav", speech.waveform.numpy(), SAMPLE_RATE)
    (folder / "1a.wav").write_bytes(b"no sound")
    save_avatar(talking_head(), tmp_path / "mean.avatar")
    words = ("animate", folder, "-m", "unigaha", "-a", tmp_path / "mean.avatar", "--life", "0", "--json")
    words = (*words, "--format", "motion", "--set", "steps=1")
    sizes: list[int] = []

    def counting(tasks: Sequence[Callable[[], object]]) -> list[object]:
        sizes.append(len(tasks))
        return together(tasks)

    monkeypatch.setattr("talkcli.engine.generation.together.together", counting)
    monkeypatch.setattr(speaking, "_TOGETHER", {})
    talk(*words, "-o", tmp_path / "alone", code=3)
    monkeypatch.setattr(speaking, "_TOGETHER", {"cpu": 2})
    told = json.loads(talk(*words, "-o", tmp_path / "both", code=3).stdout)
    assert sizes == [1, 1, 1, 2, 1]
    assert [row["audio"] for row in told["failed"]] == [str(folder / "1a.wav")]
    assert [row["audio"] for row in told["results"]] == [str(folder / f"{n}.wav") for n in range(3)]
    assert sorted(os.listdir(tmp_path / "both")) == ["0.motion", "1.motion", "2.motion"]
    for name in os.listdir(tmp_path / "both"):
        one, other = (load_motion(tmp_path / way / name) for way in ("alone", "both"))
        assert isinstance(one.face, Coefficients) and isinstance(other.face, Coefficients)
        torch.testing.assert_close(one.face.expression, other.face.expression, atol=1e-5, rtol=0)
        assert one.provenance == other.provenance


def test_who_draws_no_windows_speaks_alone_on_every_device(monkeypatch):
    monkeypatch.setattr(speaking, "_TOGETHER", {"cpu": 8})
    assert recordings_together(open_talker("memorytalker")) == 1
    assert recordings_together(open_talker("unigaha")) == 8
    monkeypatch.setattr(speaking, "_TOGETHER", {})
    assert recordings_together(open_talker("unigaha")) == 1


def test_whoever_is_interrupted_leaves_no_thread_behind():
    def draw(dice: Sequence[torch.Generator], given: Tensor) -> Tensor:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        together([lambda: drawn_together(draw, [torch.zeros(1)])] * 3)
    assert threading.active_count() == before
