"""How the starter of 3DXTalker draws: calm lips, lively eyes, whole blinks, and rest in pauses."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import find_peaks, peak_prominences, savgol_filter
from test_another_rig import flame_like
from test_dxtalker import SHAPES, untaught, voice
from torch import Tensor

from talkcli.engine.assets import assets_folder
from talkcli.engine.audio.starter_ear import StarterEarConfig
from talkcli.engine.clips import ClipSet
from talkcli.engine.face.known_rigs import RIGS
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.methods.dxtalker import METHOD
from talkcli.engine.methods.dxtalker.blinks import LEAST, whole_blinks
from talkcli.engine.methods.dxtalker.config import FlowSampling
from talkcli.engine.methods.dxtalker.peaks import peaks_within
from talkcli.engine.methods.dxtalker.smoothing import filtered
from talkcli.engine.motion import Coefficients
from talkcli.engine.speech import Speech

FPS = Fraction(25)


def fall(depth: float, frames: int = 50, at: int = 25, half: float = 3.0) -> Tensor:
    """Both lids fall and rise like a tent, [frames, 2]."""
    return (depth * (1 - (torch.arange(frames) - at).abs() / half).clamp(min=0))[:, None].repeat(1, 2)


@pytest.mark.parametrize("depth", [0.25, 0.5, 0.9, 1.0])
def test_a_blink_of_any_depth_becomes_the_whole_one_of_its_time(depth):
    torch.testing.assert_close(whole_blinks(fall(depth), FPS), fall(1.0), atol=1e-6, rtol=0)


def test_a_blink_out_of_a_squint_goes_from_the_squint_and_back():
    lids = whole_blinks(0.3 + fall(0.4), FPS)
    torch.testing.assert_close(lids, 0.3 + fall(0.7), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "lids",
    [fall(0.9 * LEAST), fall(0.6, half=20.0), torch.full((50, 2), 0.6), torch.zeros(1, 2)],
    ids=["a twitch", "sleepy lids", "a squint", "one frame"],
)
def test_what_is_no_blink_stays(lids):
    assert torch.equal(whole_blinks(lids, FPS), lids)


def test_two_blinks_in_a_row_are_two_and_ends_count():
    lids = whole_blinks(fall(0.5, at=10) + fall(0.4, at=18) + fall(0.5, at=0), FPS)[:, 0]
    assert [float(lids[at]) for at in (10, 18)] == pytest.approx([1, 1]) and float(lids[14]) == 0


@pytest.mark.parametrize("steps", [3, 8, 1000])
@pytest.mark.parametrize("count", [1, 2, 3, 400])
def test_peaks_and_how_far_they_stand_out_are_scipys(count, steps):
    for seed in range(8):
        track = np.round(np.random.default_rng(seed).normal(size=count).cumsum() * steps) / steps
        at, heights, left, right = peaks_within(track, 7, 0.4)
        assert (at == find_peaks(track, prominence=0.4, wlen=15)[0]).all()
        for ours, theirs in zip((heights, left, right), peak_prominences(track, at, wlen=15), strict=True):
            assert (ours == theirs).all()


@pytest.mark.parametrize(("window", "order"), [(5, 2), (9, 3)])
@pytest.mark.parametrize("count", [9, 10, 17, 500])
def test_the_filter_is_scipys(count, window, order):
    track = np.random.default_rng(count).normal(size=count)
    theirs: Any = savgol_filter(track, window, order)
    np.testing.assert_allclose(filtered(track, window, order), theirs, atol=1e-12, rtol=0)


def drawn(**sampling: object) -> Tensor:
    """Weights of SHAPES where the network moves nothing: the noise itself."""
    talker = untaught()
    for weight in talker.network.parameters():
        torch.nn.init.zeros_(weight)
    talker.sampling = FlowSampling(steps=1, smooth=False, **sampling)  # type: ignore[arg-type]
    face = talker.animate(voice(), talking_head()).face
    assert isinstance(face, Coefficients)
    return face.expression[:, load_rig("facekit").columns(SHAPES)]


def test_the_mouth_may_begin_from_less_noise_than_the_eyes():
    all_of_it, calm = drawn(temperature=0.5), drawn(temperature=0.5, mouth=0.5)
    mouth = torch.tensor([name.startswith(("jaw", "mouth")) for name in SHAPES])
    assert mouth.any() and not mouth.all() and float(all_of_it.min()) > 0
    torch.testing.assert_close(calm[:, ~mouth], all_of_it[:, ~mouth])
    torch.testing.assert_close(calm[:, mouth] - 0.2, (all_of_it[:, mouth] - 0.2) / 2)


def test_heads_stray_as_many_times_as_far_and_nothing_else_does():
    talker, tracks = untaught(head=3, translation=3), {}
    for far in (1.0, 2.5):
        talker.sampling = FlowSampling(steps=2, head=far)
        tracks[far] = talker.vectors(voice(), torch.full((talker.config.layout.dims,), 0.1))
    once, further = (tracks[far] - 0.1 for far in (1.0, 2.5))
    moves = torch.zeros(once.shape[1], dtype=torch.bool)
    for name in ("head", "translation"):
        moves[talker.config.layout.part(name)] = True
    assert moves.sum() == 6 and float(once[:, moves].abs().max()) > 0.1
    torch.testing.assert_close(further[:, moves], 2.5 * once[:, moves], atol=1e-5, rtol=0)
    assert torch.equal(further[:, ~moves], once[:, ~moves])


def test_lips_rest_in_a_silence_that_is_certain_and_moods_stay():
    talker = untaught(ears=(StarterEarConfig(),))
    talker.sampling = replace(talker.sampling, steps=1)
    face = talker.animate(Speech(torch.zeros(32_000)), talking_head()).face
    assert isinstance(face, Coefficients)
    rig = load_rig("facekit")
    speaking = [name.startswith(("jaw", "mouthClose", "mouthFunnel")) for name in rig.shape_names]
    assert not face.expression[:, torch.tensor(speaking)].any() and not face.jaw.any()
    assert face.expression[:, rig.columns([SHAPES[-1]])].any()


def test_shapes_without_names_are_the_mouths_where_they_move_lips(monkeypatch):
    rig = flame_like()
    lips, brows = rig.topology.regions["lips"], torch.tensor([0, 1])
    topology = replace(rig.topology, regions={"lips": lips, "upper_face": brows})
    shapes = torch.zeros_like(rig.shapes)
    shapes[0, lips], shapes[1, brows], shapes[2] = 0.01, 0.01, 0.01
    rig = replace(rig, topology=topology, shapes=shapes)
    monkeypatch.setitem(RIGS, "flame-toy", lambda: rig)
    names = rig.shape_names[:3]
    talker = untaught(rig="flame-toy", rig_shapes=names, expression=3, ears=(StarterEarConfig(),))
    talker.sampling = FlowSampling(steps=1, smooth=False, temperature=0.5, mouth=0.5)
    shares = talker._warmth()[talker.config.layout.part("expression")]
    assert shares.tolist() == [0.25, 0.5, 0.5]
    resting = torch.zeros(talker.config.layout.dims)
    still = talker.vectors(Speech(torch.zeros(32_000)), resting)[:, talker.config.layout.part("expression")]
    assert not still[:, 0].any() and still[:, 1].any() and still[:, 2].any()


def test_the_starter_draws_otherwise_than_the_paper():
    clips = ClipSet(assets_folder() / "clips", "test")
    paper, starter = (METHOD.sizes[size](clips).sampling for size in ("paper", "starter"))
    assert paper == FlowSampling() and starter.mouth < 1 < starter.head and starter.whole_blinks
