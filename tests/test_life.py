"""Life beside the mouth: blinks like people's, calm in silence, the same for the same seed; other rates."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch

from talkcli.engine.assets import asset, assets_folder
from talkcli.engine.editing.life import SHAPES, with_life
from talkcli.engine.editing.prosody import speaking
from talkcli.engine.editing.retiming import at_rate
from talkcli.engine.face.acting import painted, wrinkles_of
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import rig_weights, vertices
from talkcli.engine.motion import Coefficients, Folds, Head, Motion, Shapes, Textures, Vertices, ratios
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech

FPS = Fraction(30)
SECONDS = 120


@pytest.fixture(scope="module")
def ada() -> Avatar:
    return load_avatar(assets_folder() / "ada.avatar")


@pytest.fixture(scope="module")
def talk_and_pause() -> Speech:
    """Two seconds of noise, one of silence, again and again."""
    loud = (torch.arange(SECONDS * SAMPLE_RATE) // SAMPLE_RATE % 3 < 2).float()
    return Speech(0.2 * loud * torch.randn(len(loud), generator=torch.Generator().manual_seed(0)))


def still(seconds: float = SECONDS, fps: Fraction = FPS, shapes: int = 54) -> Motion:
    frames = round(seconds * fps)
    return Motion(fps, Coefficients(torch.zeros(frames, shapes), torch.zeros(frames, 3)))


def lids(motion: Motion, avatar: Avatar) -> torch.Tensor:
    assert isinstance(motion.face, Coefficients)
    return motion.face.expression[:, load_face_model().shape_names.index("eyeBlinkLeft")]


def shut(track: torch.Tensor) -> torch.Tensor:
    """The frames at which an eye becomes shut."""
    closed = track > 0.9
    return torch.nonzero(closed[1:] & ~closed[:-1])[:, 0] + 1


@pytest.mark.parametrize("moved", [(), ("mouth", "skin"), ("eyes",), ("head",), ("eyes", "head")])
def test_life_adds_only_what_the_talker_does_not_move(ada, talk_and_pause, moved):
    motion, whole = still(), with_life(still(), talk_and_pause, ada)
    alive = with_life(motion, talk_and_pause, ada, moves=moved)
    assert isinstance(alive.face, Coefficients) and isinstance(whole.face, Coefficients)
    assert isinstance(motion.face, Coefficients)
    looks = [i for i, name in enumerate(load_face_model().shape_names) if name.startswith("eyeLook")]
    others = [i for i in range(54) if i not in looks]
    eyes = motion.face if "eyes" in moved else whole.face
    assert torch.equal(alive.face.expression[:, others], eyes.expression[:, others])
    if "head" not in moved or "eyes" in moved:
        assert torch.equal(alive.face.expression, eyes.expression)
    assert (alive.head is None) == ("head" in moved)
    assert (alive is motion) == ({"eyes", "head"} <= set(moved)), "nobody listens for nothing"


def test_a_lid_falls_faster_than_it_rises(ada, talk_and_pause):
    track = lids(with_life(still(), talk_and_pause, ada), ada)
    at = int(shut(track)[0])
    falling = int((track[:at].flip(0) < 0.05).nonzero()[0])
    rising = int((track[at:] < 0.05).nonzero()[0])
    assert falling < rising and rising / float(FPS) < 0.5


def test_blinks_gather_where_phrases_end(ada, talk_and_pause):
    times = shut(lids(with_life(still(), talk_and_pause, ada), ada)) / float(FPS)
    after_phrase = ((times % 3 > 1.9) & (times % 3 < 2.6)).float().mean()
    assert after_phrase > 0.45  # chance alone gives 0.23


def test_the_head_is_calmer_in_silence(ada, talk_and_pause):
    silence = Speech(torch.zeros(SECONDS * SAMPLE_RATE))
    lively, calm = (with_life(still(), speech, ada).head for speech in (talk_and_pause, silence))
    assert lively is not None and calm is not None
    assert calm.rotation.std() < 0.4 * lively.rotation.std()
    assert torch.rad2deg(lively.rotation).abs().max() < 10 and lively.translation.abs().max() < 0.01
    assert torch.rad2deg(lively.rotation.diff(dim=0)).abs().max() * 30 < 40  # degrees a second


def test_it_starts_from_rest(ada, talk_and_pause):
    head = with_life(still(), talk_and_pause, ada).head
    assert head is not None and torch.rad2deg(head.rotation[0]).abs().max() < 2


def test_both_eyes_look_the_same_way(ada, talk_and_pause):
    motion = with_life(still(), talk_and_pause, ada)
    assert isinstance(motion.face, Coefficients)
    names = load_face_model().shape_names
    column = {name: motion.face.expression[:, names.index(name)] for name in SHAPES}
    assert torch.equal(column["eyeLookOutLeft"], column["eyeLookInRight"])
    assert torch.equal(column["eyeLookInLeft"], column["eyeLookOutRight"])
    assert not (column["eyeLookOutLeft"] * column["eyeLookInLeft"]).any()
    assert column["eyeLookOutLeft"].max() > 0 and column["eyeLookInLeft"].max() > 0


def test_same_seed_same_life_and_another_seed_another(ada, talk_and_pause):
    a, b, c = (with_life(still(), talk_and_pause, ada, seed).face for seed in (3, 3, 4))
    assert isinstance(a, Coefficients) and isinstance(b, Coefficients) and isinstance(c, Coefficients)
    assert torch.equal(a.expression, b.expression) and not torch.equal(a.expression, c.expression)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_a_blink_is_seen_shut_at_every_rate(fps, ada, talk_and_pause):
    track = lids(with_life(still(fps=fps), talk_and_pause, ada), ada)
    starts = torch.nonzero((track[1:] > 0) & (track[:-1] == 0))[:, 0]
    assert len(starts) > 10
    for start in starts.tolist()[:-1]:
        assert track[start : start + round(0.4 * fps)].max() > 0.9


def test_the_mouth_is_left_alone(ada, talk_and_pause):
    """Whatever kind of track the network speaks, life adds the same to the eyes and nothing to the lips."""
    g = torch.Generator().manual_seed(0)
    basis = torch.zeros(1, len(ada.neutral), 3)
    basis[:, ada.lips] = 0.005
    shapes = Motion(FPS, Shapes(torch.rand(60, 1, generator=g), basis))
    dense = Motion(FPS, Vertices(torch.einsum("fs,svc->fvc", shapes.face.weights, basis)))  # type: ignore[union-attr]
    alive = [with_life(motion, talk_and_pause, ada) for motion in (shapes, dense)]
    lively = [vertices(Motion(FPS, motion.face), ada) for motion in alive]
    assert torch.allclose(lively[0], lively[1], atol=1e-6)
    before = vertices(shapes, ada)
    assert torch.allclose(lively[0][:, ada.lips], before[:, ada.lips], atol=2e-4)
    assert not torch.allclose(lively[0], before, atol=1e-4)


def test_a_bare_mesh_moves_its_head_only(talk_and_pause):
    bare = Avatar("x", torch.rand(5, 3), torch.tensor([[0, 1, 2]]), torch.tensor([1]))
    motion = Motion(FPS, Vertices(torch.rand(60, 5, 3)))
    alive = with_life(motion, talk_and_pause, bare)
    assert alive.face is motion.face and alive.head is not None


def test_a_head_that_moves_already_is_kept(ada, talk_and_pause):
    head = Head(torch.rand(60, 3), torch.zeros(60, 3))
    motion = Motion(FPS, still(2).face, head)
    assert with_life(motion, talk_and_pause, ada).head is head


def test_silence_is_nobody_speaking():
    assert not speaking(Speech(torch.zeros(SAMPLE_RATE)), 30, FPS).any()
    hiss = Speech(1e-4 * torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0)))
    assert speaking(hiss, 30, FPS).max() < 0.3


def test_life_reads_back_as_the_same_weights(ada, talk_and_pause):
    motion = with_life(still(4), talk_and_pause, ada)
    assert isinstance(motion.face, Coefficients)
    assert torch.allclose(rig_weights(motion, ada), motion.face.expression, atol=1e-5)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_another_rate_lasts_as_long_and_keeps_straight_lines(fps):
    line = torch.linspace(0, 1, 301)[:, None]
    motion = Motion(FPS, Coefficients(line, line.expand(-1, 3)), Head(line.expand(-1, 3), line.expand(-1, 3)))
    other = at_rate(motion, fps)
    assert other.fps == fps and abs(other.seconds - motion.seconds) <= 0.5 / float(fps)
    assert isinstance(other.face, Coefficients) and other.head is not None
    times = torch.arange(len(other)) / float(fps)
    assert torch.allclose(other.face.expression[:, 0], (times * 3 / 30).clamp(max=1), atol=1e-5)
    assert torch.allclose(other.head.rotation[:, 1], other.face.expression[:, 0])


def test_the_same_rate_is_the_same_motion():
    motion = still(1)
    assert at_rate(motion, FPS) is motion


@pytest.mark.parametrize("kind", [Textures, Folds])
def test_raised_brows_fold_a_skin_that_changes(ada, kind):
    speech = load_speech(asset("hello.wav"))
    frames = speech.frames(30)
    rest = Coefficients(torch.zeros(frames, len(load_face_model().shapes)), torch.zeros(frames, 3))
    blank = Folds(torch.zeros(frames, 17))
    if kind is Textures:
        blank = Textures(torch.zeros(frames, 1), torch.zeros(1, 3, 64, 64))
    alive = with_life(Motion(Fraction(30), rest, texture=blank), speech, ada)
    assert alive.texture is not None
    brow = load_face_model().shape_names.index("browInnerUp")
    assert isinstance(alive.face, Coefficients)
    most, least = alive.face.expression[:, brow].argmax(), alive.face.expression[:, brow].argmin()
    folds = (
        (ratios(painted(alive.texture, wrinkles_of(ada), 64)) - 1).abs()[:, :, :26].amax((1, 2, 3))
    )  # above the eyes
    assert folds[most] > 3 * folds[least] and folds[most] > 0.01
