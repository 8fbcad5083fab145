"""What reads expressions from pictures: how it learns, and how it follows a face through a film."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_footage import film
from torch import Tensor, nn

from talkcli.engine.assets import asset
from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.expression_codes import expression_codes, weights_with
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.rotations import axis_angle, matrix
from talkcli.engine.files import save_struct
from talkcli.engine.methods.unigaha import METHOD
from talkcli.engine.methods.unigaha.film_eye import film_read_motion, read_film
from talkcli.engine.methods.unigaha.monocular import MonocularEncoder, SeenFace, crop_affine
from talkcli.engine.methods.unigaha.monocular_config import MonocularConfig
from talkcli.engine.methods.unigaha.monocular_stage import monocular, place_in, rolled
from talkcli.engine.motion import Coefficients, Head, Motion
from talkcli.engine.rendering.camera import centred_camera, look_at
from talkcli.engine.struct import stack
from talkcli.engine.studio.expression_space import natural_faces
from talkcli.engine.studio.portraits import (
    UNDER_NOSE,
    PortraitPlan,
    Portraits,
    face_squares,
    portraits_of,
    standing_marks,
)
from talkcli.engine.training.fit import fit

SMALL = MonocularConfig(
    codes=12, side=48, blocks=(1, 1), widths=(8, 12), sharp=(4, 8, 8), features=16, layers=1, heads=2
)
NO_CLIPS: Any = None
"""It learns of portraits."""


class Pupil(nn.Module):
    """What sees, as the stage asks."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.seeing = MonocularEncoder(SMALL)


@pytest.fixture(scope="module")
def portraits(tmp_path_factory) -> Path:
    """Two people of noise."""
    folder = tmp_path_factory.mktemp("portraits")
    model, dice = load_face_model(), torch.Generator().manual_seed(0)
    for number in range(2):
        pictures = torch.randint(0, 255, (3, 64, 64, 4), generator=dice, dtype=torch.uint8)
        weights = torch.from_numpy(natural_faces(model.shape_names, 3, number)).float()
        squares = torch.tensor([[32.0, 34, 40]]).expand(3, -1)
        turns = 0.2 * torch.randn(3, 3, generator=dice)
        marks = 64 * torch.rand(3, 68, 2, generator=dice)
        person = Portraits(f"p{number}", weights, turns, squares, marks, pictures)
        save_struct(person, folder / f"p{number}.portraits")
    return folder


def taught(portraits: Path, steps: int = 24) -> tuple[MonocularEncoder, list[dict[str, float]]]:
    pupil = Pupil()
    stage = monocular(SimpleNamespace(seeing=SMALL), portraits=str(portraits))
    assert stage is not None
    stage = replace(stage, steps=steps)
    example = stage.begin(pupil, NO_CLIPS, torch.Generator())
    assert stage.learnt is not None and stage.learnt() == {"people": 2, "pictures": 6}

    def draw(dice: torch.Generator) -> Any:
        return stack([example(NO_CLIPS, 0, dice) for _ in range(4)])

    return pupil.seeing, [dict(step.losses) for step in fit(pupil, stage, draw, seed=0, threads=0)]


def test_it_learns_what_portraits_show_and_the_same_each_time(portraits):
    eye, losses = taught(portraits)
    assert set(losses[0]) == {"code", "seen", "turn", "place", "mark"}
    assert sum(each["place"] for each in losses[-8:]) < sum(each["place"] for each in losses[:8])
    again, others = taught(portraits)
    assert losses == others and all(map(torch.equal, eye.parameters(), again.parameters()))


def test_without_portraits_it_says_how_to_make_them(tmp_path):
    stage = monocular(SimpleNamespace(seeing=SMALL))
    assert stage is not None and monocular(SimpleNamespace(seeing=None)) is None
    with pytest.raises(BadUsage, match="learns from portraits"):
        stage.check()
    stage = monocular(SimpleNamespace(seeing=SMALL), portraits=str(tmp_path))
    assert stage is not None
    with pytest.raises(BadInput, match="no portraits"):
        stage.check()


def test_a_rolled_crop_says_where_the_head_points_and_the_face_lies():
    """A dot where the head's up axis points is found there again, in a crop off the face and rolled."""
    turn, roll = torch.tensor([0.1, -0.3, 0.4]), math.radians(20)
    square, crop = np.array([100.0, 90, 80]), np.array([110.0, 95, 120])
    up = matrix(turn.double())[:, 1].numpy()
    picture = np.zeros((200, 200), np.uint8)
    row, column = round(90 - 40 * up[1]), round(100 + 40 * up[0])
    picture[row - 1 : row + 2, column - 1 : column + 2] = 255
    affine = crop_affine(crop.tolist(), 120, roll)
    cut = np.asarray(Image.fromarray(picture).transform((120, 120), Image.Transform.AFFINE, affine))
    there = np.argwhere(cut > 127).mean(0)[::-1] + 0.5
    across, down, larger = place_in(square, crop, roll).tolist()
    now = matrix(rolled(turn, roll).double())[:, 1].numpy()
    expected = [60 + 120 * across + 40 * now[0], 60 + 120 * down - 40 * now[1]]
    assert np.abs(there - expected).max() < 1 and math.exp(larger) == pytest.approx(80 / 120)


def test_the_square_about_a_face_stays_whatever_the_face_does():
    model, face = load_face_model(), talking_head()
    heads = torch.tensor([[0.1, 0.3, -0.1], [-0.1, -0.2, 0.05]])
    weights = model.weight_vector(jawOpen=0.0).expand(2, -1)
    rest = Motion(Fraction(1), Coefficients(weights, torch.zeros(2, 3)), Head(heads, torch.zeros(2, 3)))
    moved = model.landmarks(vertices(rest, face), "mediapipe")
    marks = standing_marks(model, face.neutral, heads)
    torch.testing.assert_close(marks[:, 1], moved[:, UNDER_NOSE], atol=1e-4, rtol=0)
    view = look_at(torch.tensor([0.2, 0.1, 0.9]), marks[0, 1])
    squares = face_squares(marks[:1], centred_camera(view[None], 300.0, 160, 160))
    away = float((torch.tensor([0.2, 0.1, 0.9]) - marks[0, 1]).norm())
    long = float((marks[0, 0] - marks[0, 1]).norm())
    assert squares[0].tolist() == pytest.approx([80, 80, 3.6 * long * 300 / away], rel=1e-3)


def test_weights_are_read_back_from_their_codes():
    model = load_face_model()
    space = expression_codes(model, model.shape_names, 48)
    weights = torch.from_numpy(natural_faces(model.shape_names, 40, 5)).float()
    found = weights_with(space, weights @ space.to_codes)
    assert float(found.min()) >= 0 and float(found.max()) <= 1
    off = torch.einsum("ns,svk->nvk", found - weights, model.shapes).norm(dim=-1)
    assert float(off.mean()) < 1e-4, "metres"


def test_the_published_size_reads_eight_bits_of_pixels_into_as_many_codes():
    paper = METHOD.sizes["paper"](ClipSet(asset("clips"))).seeing
    with torch.device("meta"):
        said = MonocularEncoder(paper)(torch.zeros(2, 3, paper.side, paper.side))
    assert said.codes.shape == (2, 50) and said.turns.shape == said.places.shape == (2, 3)
    assert paper.blocks == (3, 4, 6, 3) and paper.coarse == 16
    starter = METHOD.sizes["starter"](ClipSet(asset("clips"))).seeing
    eye = MonocularEncoder(starter)
    assert 2 * sum(weight.numel() for weight in eye.parameters()) < 1.5e6, "half precision"


def test_landmarks_are_where_their_maps_are_alone():
    eye = MonocularEncoder(SMALL)
    assert eye.spot is not None
    there = torch.full((1, SMALL.marks, 12, 12), -1e4)
    there[:, :, 2, 9] = 0
    eye.spot = nn.Sequential(Always(there))
    said = eye(torch.rand(1, 3, SMALL.side, SMALL.side))
    torch.testing.assert_close(said.marks, torch.tensor([9.5, 2.5]).expand(1, 68, 2) / 12 - 0.5)


class Always(nn.Module):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        return self.value


class DiscEye(nn.Module):
    """Takes a bright disc for a face: it stands where the disc is, says how bright it is, and turns by it."""

    config = replace(SMALL, side=64, codes=48)

    def forward(self, pictures: Tensor) -> SeenFace:
        bright = (pictures[0].mean(0) > 0.3).float()
        line = (torch.arange(64) + 0.5) / 64 - 0.5
        area = bright.sum().clamp(min=1)
        place = [(bright * line).sum() / area, (bright * line[:, None]).sum() / area, 0.0]
        place[2] = float(((area / math.pi).sqrt() * 2 / 64).log())
        level = (pictures[0].mean(0) * bright).sum() / area
        codes = torch.zeros(1, 48)
        codes[0, 0] = level
        return SeenFace(
            codes,
            torch.tensor([[0.0, float(level) - 0.75, 0.0]]),
            torch.tensor([place]).float(),
            torch.zeros(1, 0, 2),
        )


def disc(x: float, y: float, radius: float, level: int) -> np.ndarray:
    rows, columns = np.mgrid[:160, :240]
    inside = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
    return np.where(inside[..., None], level, 20).repeat(3, 2).astype(np.uint8)


def test_a_face_is_followed_from_the_middle_of_a_film(tmp_path):
    levels = [150 + 4 * number for number in range(24)]
    shown = [disc(110 + 3 * n, 80 - n, 30 + n / 2, level) for n, level in enumerate(levels)]
    path = film(tmp_path / "disc.mp4", shown, Fraction(24))
    eye: Any = DiscEye()
    read = read_film(eye, path)
    assert np.corrcoef(read.codes[:, 0], levels)[0, 1] > 0.99 and len(read.seconds) == 24
    ratios = read.codes[:, 0].numpy() * 255 / np.array(levels)
    assert np.ptp(ratios) < 0.04, "looked at as closely each time"
    motion = film_read_motion(eye, read, 2.0, Fraction(24))
    assert len(motion) == 48 and motion.head is not None and motion.provenance["synthetic"] is True
    turns = matrix(read.turns.double())
    own = axis_angle(turns[:1].mT @ turns)[:, 1].float()
    torch.testing.assert_close(
        motion.head.rotation[:24, 1] - motion.head.rotation[0, 1], own, atol=1e-3, rtol=0
    )
    assert torch.equal(motion.head.rotation[30], motion.head.rotation[47]), "after its last picture"


@pytest.mark.slow
def test_the_same_plan_and_number_give_the_same_portraits():
    plan = PortraitPlan(shots=2, size=64, skin=128)
    one, again = portraits_of(plan, 3), portraits_of(plan, 3)
    assert torch.equal(one.pictures, again.pictures) and bool((one.pictures[..., 3] == 255).any())
    assert not torch.equal(one.weights, portraits_of(plan, 4).weights)
