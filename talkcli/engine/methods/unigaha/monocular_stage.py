"""How the monocular encoder learns: portraits of studio people, each time in another crop, light and lens."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from talkcli.engine.clips import ClipSet, Example
from talkcli.engine.errors import BadUsage
from talkcli.engine.face.expression_codes import expression_codes
from talkcli.engine.face.face_model import FaceModel
from talkcli.engine.face.mouth_motion import importance, seen_roots
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.face.rotations import axis_angle, matrix
from talkcli.engine.files import load_rows
from talkcli.engine.methods.unigaha.monocular import MonocularConfig, SeenFace, crop_affine
from talkcli.engine.struct import TensorStruct
from talkcli.engine.studio.portraits import PORTRAITS, load_portraits
from talkcli.engine.studio.sessions import people_files
from talkcli.engine.training.stage import Losses, Stage, Update, cosine

_ASTRAY = 0.2
"""Share of the crops that miss the face, and teach where it is alone."""
_OFF, _SCALED, _ROLLED = 0.03, 0.06, math.radians(6)
"""Deviations of the other crops: sides, logarithm of the side, radians."""
_FAR_OFF, _LARGER, _SMALLER = 0.35, 1.2, 0.4
"""The most that crops that miss are off; logarithms of how much larger and smaller they are."""
_OTHER_SIDE = [
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46,
    39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
]  # fmt: skip
"""Which of iBUG's 68 landmarks is which in a mirror."""
LID_WEIGHT = 0.005
"""Metres that a blink counts as, beside what it moves: few vertices, and much of an expression."""
_PAPER_BATCH, _SMALL_BATCH = 64, 16


class PortraitExample(TensorStruct):
    picture: UInt8[Tensor, "*batch 3 side side"]
    codes: Float[Tensor, "*batch codes"]
    turn: Float[Tensor, "*batch 3"]
    place: Float[Tensor, "*batch 3"]
    """As in `SeenFace`."""
    marks: Float[Tensor, "*batch marks 2"]
    near: Float[Tensor, "*batch"]
    """1 where the whole face is seen, so that its expression is to be told."""


class Poser(NamedTuple):
    """Somebody's portraits, but for the pictures."""

    path: Path
    codes: Float[Tensor, "shots codes"]
    mirrored: Float[Tensor, "shots codes"]
    turns: Float[Tensor, "shots 3"]
    squares: Float[Tensor, "shots 3"]
    marks: Float[Tensor, "shots marks 2"]


def monocular(
    config: Any,
    *,
    portraits: str = "",
    code: float = 1.0,
    seen: float = 0.2,
    turn: float = 5.0,
    place: float = 5.0,
    mark: float = 500.0,
) -> Stage[Any, PortraitExample] | None:
    """AdamW at 1.5e-3 along a cosine.

    `portraits`: the folder that `talk prepare portraits` fills. Weights: `code` of the mean square of the
    code's numbers; `seen` of square millimetres of what is seen of a code on the mean face: skin, lips, most
    of all their gap; `turn` of square radians of the head; `place` of where the face is and `mark` of where
    its landmarks are, see `SeenFace`.
    """
    seeing: MonocularConfig | None = config.seeing
    if seeing is None:
        return None
    learnt: dict[str, int] = {}
    parts = {"code": code, "seen": seen, "turn": turn, "place": place, "mark": mark}
    form: list[Tensor] = []

    def check() -> None:
        if not portraits:
            hint = "Give them: talk prepare portraits FOLDER, then --set portraits=FOLDER; or --stage lips."
            raise BadUsage("The encoder of unigaha learns from portraits, and none are given.", hint)
        people_files(PORTRAITS, Path(portraits))

    def begin(network: Any, clips: ClipSet, generator: torch.Generator) -> Example[PortraitExample]:
        check()
        people = [poser(path, seeing) for path in people_files(PORTRAITS, Path(portraits))]
        learnt.update(people=len(people), pictures=sum(len(each.turns) for each in people))
        form[:] = [seen_of_codes(load_rig(seeing.rig), seeing.codes)]
        return _crops(people, seeing.side)

    def losses(network: Any, batch: PortraitExample, generator: torch.Generator) -> Losses:
        said = network.seeing(batch.picture.float() / 255)
        form[:] = [form[0].to(said.codes)]
        return {name: parts[name] * value for name, value in seeing_terms(said, batch, form[0]).items()}

    def weights(network: Any) -> Iterable[nn.Parameter]:
        return network.seeing.parameters()  # type: ignore[no-any-return]

    small = seeing.side < 256
    update = Update[Any, PortraitExample](weights, losses, lr=1.5e-3, weight_decay=0.02)
    return Stage(
        (update,), begin, steps=100_000, batch=_SMALL_BATCH if small else _PAPER_BATCH, ema=0.998,
        schedule=cosine, check=check, learnt=lambda: learnt,
    )  # fmt: skip


def seeing_terms(said: SeenFace, batch: PortraitExample, form: Float[Tensor, "codes shapes"]) -> Losses:
    """Of each, but for its weight; `form`: see `seen_of_codes`."""
    off = said.codes - batch.codes
    whole = batch.near.sum().clamp(min=1)
    terms = {
        "code": (off.square().mean(1) * batch.near).sum() / whole,
        "seen": ((off @ form).square().sum(1) * batch.near).sum() / whole,
        "turn": ((said.turns - batch.turn).square().sum(1) * batch.near).sum() / whole,
        "place": (said.places - batch.place).square().sum(1).mean(),
    }
    if said.marks.shape[1]:
        terms["mark"] = ((said.marks - batch.marks).square().mean((1, 2)) * batch.near).sum() / whole
    return terms


def seen_of_codes(model: FaceModel, count: int) -> Float[Tensor, "codes shapes"]:
    """The sum of squares of codes @ it is what is seen of a code, mean square millimetres of the vertices by
    their importance, and of how far lids are shut."""
    names = model.shape_names
    form = importance(model, names) / len(model.template)
    lids = [place for place, name in enumerate(names) if name.startswith("eyeBlink")]
    form[lids, lids] += LID_WEIGHT**2
    space = expression_codes(model, model.shape_names, count)
    return 1000 * space.to_weights @ seen_roots(form)[0].float()


def poser(path: Path, config: MonocularConfig) -> Poser:
    person, model = load_portraits(path), load_rig(config.rig)
    to_codes = expression_codes(model, model.shape_names, config.codes).to_codes
    other = person.weights[:, model.columns([_mirrored(name) for name in model.shape_names])]
    return Poser(
        path, person.weights @ to_codes, other @ to_codes, person.turns, person.squares,
        person.marks[:, : config.marks],
    )  # fmt: skip


def _mirrored(name: str) -> str:
    """The shape of the other side."""
    for one, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(one):
            return name.removesuffix(one) + other
    return name


def _crops(people: list[Poser], side: int) -> Example[PortraitExample]:
    def cut(clips: ClipSet, index: int, generator: torch.Generator) -> PortraitExample:
        chance = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        person = people[int(chance.integers(len(people)))]
        shot = int(chance.integers(len(person.turns)))
        rows = load_rows(person.path, "pictures", shot, shot + 1)
        assert rows is not None
        return cropped(person, shot, rows[0].numpy(), side, chance)

    return cut


def cropped(
    person: Poser, shot: int, picture: NDArray[np.uint8], side: int, chance: np.random.Generator
) -> PortraitExample:
    """One crop of a portrait before something, as some camera might see it, perhaps mirrored."""
    square = person.squares[shot].double().numpy()
    astray = chance.random() < _ASTRAY
    if astray:
        off = chance.uniform(-_FAR_OFF, _FAR_OFF, 2)
        scale, roll = math.exp(chance.uniform(-_SMALLER, _LARGER)), 0.0
    else:
        off, scale = chance.normal(0, _OFF, 2), math.exp(chance.normal(0, _SCALED))
        roll = float(chance.normal(0, _ROLLED))
    size = square[2] * scale
    crop = np.array([*(square[:2] - off * size), size])
    mirrored = chance.random() < 0.5
    seen = _before_something(picture, crop, side, roll, chance)
    seen = as_filmed(seen[:, ::-1] if mirrored else seen, chance)
    place, turn = place_in(square, crop, roll), rolled(person.turns[shot], roll)
    marks = torch.from_numpy(_places_in(person.marks[shot].double().numpy(), crop, roll)).float()
    if mirrored:
        place, turn = place * torch.tensor([-1.0, 1, 1]), turn * torch.tensor([1.0, -1, -1])
        marks = (marks * torch.tensor([-1.0, 1]))[_OTHER_SIDE] if len(marks) else marks
    return PortraitExample(
        torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1))),
        (person.mirrored if mirrored else person.codes)[shot],
        turn, place, marks, torch.tensor(float(not astray)),
    )  # fmt: skip


def place_in(
    square: NDArray[np.float64], crop: NDArray[np.float64], roll: float = 0.0
) -> Float[Tensor, " 3"]:
    """Where a square lies in a crop (both: middle and side, pixels), as in `SeenFace`."""
    return torch.tensor([*_places_in(square[:2], crop, roll).tolist(), math.log(square[2] / crop[2])])


def _places_in(points: NDArray[np.float64], crop: NDArray[np.float64], roll: float) -> NDArray[np.float64]:
    """How far points [.., 2] are to the right of a rolled crop's middle and below it, in its sides."""
    (cosine, sine), off = (math.cos(roll), math.sin(roll)), (points - crop[:2]) / crop[2]
    return off @ np.array([[cosine, -sine], [sine, cosine]])


def rolled(turn: Float[Tensor, " 3"], roll: float) -> Float[Tensor, " 3"]:
    """How a head is turned to a camera that is rolled so."""
    about = torch.tensor([0.0, 0, roll], dtype=torch.float64)
    return axis_angle(matrix(about) @ matrix(turn.double())).float()


def _before_something(
    picture: NDArray[np.uint8], crop: NDArray[np.float64], side: int, roll: float, chance: np.random.Generator
) -> NDArray[np.uint8]:
    """[side, side, 3] of whoever a picture with alpha shows."""
    cells = int(chance.choice((1, 2, 3, 6, 12)))
    blobs = np.clip(chance.normal(chance.uniform(20, 220), 50, (cells, cells, 3)), 0, 255).astype(np.uint8)
    behind = Image.fromarray(blobs).resize((side, side), Image.Resampling.BILINEAR)
    image, factor = Image.fromarray(picture).convert("RGBa"), crop[2] / side
    if factor > 1.2:
        small = max(1, round(image.width / factor)), max(1, round(image.height / factor))
        image = image.resize(small, Image.Resampling.BOX)
    affine = crop_affine((crop * (image.width / picture.shape[1])).tolist(), side, roll)
    drawn = image.transform((side, side), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    behind.paste(drawn.convert("RGBA").convert("RGB"), mask=drawn.getchannel("a"))
    return np.asarray(behind)


def as_filmed(picture: NDArray[np.uint8], chance: np.random.Generator) -> NDArray[np.uint8]:
    """In other light, through another lens, with noise and compression."""
    side = len(picture)
    curve = np.linspace(0, 1, 256, dtype=np.float32) ** np.float32(math.exp(chance.normal(0, 0.12)))
    line, tint = np.linspace(-1, 1, side, dtype=np.float32), np.exp(chance.normal(0, 0.03, 3))
    across, down = chance.normal(0, 0.1, 2).astype(np.float32)
    shade = np.exp(np.float32(chance.normal(0, 0.08)) + across * line + down * line[:, None])
    seen = curve[picture] * (shade[..., None] * tint.astype(np.float32))
    if chance.random() < 0.25:
        grey = seen.mean(2, keepdims=True)
        seen = grey + np.float32(chance.uniform(0, 0.8)) * (seen - grey)
    if chance.random() < 0.12:
        seen = _covered(seen, chance)
    image = Image.fromarray((np.clip(seen, 0, 1) * 255).astype(np.uint8))
    if chance.random() < 0.4:
        less = round(side / math.exp(chance.uniform(0, 0.8)))
        image = image.resize((less, less), Image.Resampling.BOX).resize(
            (side, side), Image.Resampling.BILINEAR
        )
    kept = np.asarray(image)
    if chance.random() < 0.5:
        noise = chance.standard_normal(kept.shape, np.float32) * np.float32(chance.uniform(0, 8))
        kept = np.clip(kept + noise, 0, 255).astype(np.uint8)
    if chance.random() < 0.25:
        file = io.BytesIO()
        Image.fromarray(kept).save(file, "JPEG", quality=int(chance.integers(35, 92)))
        kept = np.asarray(Image.open(file).convert("RGB"))
    return kept


def _covered(picture: NDArray[np.float32], chance: np.random.Generator) -> NDArray[np.float32]:
    """With something before a part of it."""
    side, seen = len(picture), picture.copy()
    tall, wide = chance.integers(side // 12, side // 3, 2)
    top, left = chance.integers(0, side - tall), chance.integers(0, side - wide)
    seen[top : top + tall, left : left + wide] = chance.random(3)
    return seen
