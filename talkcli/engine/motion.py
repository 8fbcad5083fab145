"""Motion: what a face does over time, apart from whose face it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from jaxtyping import Float
from torch import Tensor

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.errors import BadInput
from talkcli.engine.files import load_rows, load_shapes, load_struct, save_struct
from talkcli.engine.struct import TensorStruct, along_frames, magnitude, tracks

SLOWEST_FPS, FASTEST_FPS = 1, 1000
LARGEST_NUMBER = 1e4
"""Below which a motion's numbers are: metres, radians, weights of shapes."""
LARGEST_LOG = 50.0
"""Beyond which a skin does not change, in logarithms of ratios, whatever its parts add up to."""
WHAT_IS_SPOKEN = "What this model speaks"
"""A source of motions, as errors call it."""


class Head(TensorStruct):
    """Head pose a frame, about the neck joint."""

    rotation: Float[Tensor, "frames 3"]
    """Axis-angle, radians."""
    translation: Float[Tensor, "frames 3"]
    """Metres."""


class Vertices(TensorStruct):
    """Dense geometry: what corpora hold and TexTalker speaks."""

    offsets: Float[Tensor, "frames verts 3"]
    """Metres from the avatar's neutral face."""


class Shapes(TensorStruct):
    """Geometry as a few basis shapes: offsets = weights @ basis. MemoryTalker speaks it."""

    weights: Float[Tensor, "frames shapes"]
    basis: Float[Tensor, "shapes verts 3"]
    """Metres from the avatar's neutral face at weight 1."""


class Coefficients(TensorStruct):
    """Weights of a rig's shapes: what the starters speak, the studio records and face capture writes."""

    expression: Float[Tensor, "frames n_expression"]
    """Of the rig's shapes, in its order; the last ones may be missing and are 0."""
    jaw: Float[Tensor, "frames 3"]
    """Axis-angle, radians, beside what the expression does."""
    rig: str = DEFAULT_RIG
    """Whose shapes they are, as in `Avatar.rig`."""


class Textures(TensorStruct):
    """A skin that changes: each frame's texture is the neutral one times exp(weights @ basis).

    A mixture, so that an hour of it is small. The ratio is of sRGB values, as cameras give them.
    """

    weights: Float[Tensor, "frames parts"]
    basis: Float[Tensor, "parts 3 rows columns"]
    """Logarithms of ratios in red, green and blue over the UV square, row 0 at the top (v = 1)."""


class Folds(TensorStruct):
    """A skin that changes as the built-in head's does: how far each of its wrinkle maps is on."""

    weights: Float[Tensor, "frames maps"]
    """0 to 1.2, in the order of the head's `Wrinkles.names`; `face.acting.painted` makes textures of them."""


class FrameCodes(TensorStruct):
    """What the reconstruction of a face from pictures says of each frame besides (DECA, EMOCA)."""

    identity: Float[Tensor, "frames n_identity"]
    """Coefficients of the rig's identity space, less the avatar's own: 0 where identity does not drift."""
    detail: Float[Tensor, "frames n_detail"]
    """Codes of fine displacement, which only the decoder that they come from can draw."""


def ratios(
    textures: Textures, start: int = 0, stop: int | None = None
) -> Float[Tensor, "frames 3 rows columns"]:
    """Frames [start, stop): texture divided by neutral texture, sRGB values."""
    logs = textures.weights[start:stop] @ textures.basis.flatten(1)
    return logs.clamp_(-LARGEST_LOG, LARGEST_LOG).exp_().unflatten(1, textures.basis.shape[1:])


Face = Vertices | Shapes | Coefficients


class Motion(TensorStruct):
    """One performance at a steady rate: frame i stands at i / fps seconds, as Speech counts frames.

    ValueError where the tracks differ in length or the rate is not above 0.
    """

    fps: Fraction
    """Frames a second, exact: 30000/1001 does not drift."""
    face: Face
    head: Head | None = None
    texture: Textures | Folds | None = None
    """How the skin changes, where the method says so."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Which model, weights (SHA-256), avatar, seed and version made it, and that it is synthetic: what JSON
    can say."""
    codes: FrameCodes | None = None
    """What is known of each frame and not drawn here."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fps <= 0:
            raise ValueError(f"Motion.fps must be positive, got {self.fps}")
        for name in ("head", "texture", "codes"):
            part = getattr(self, name)
            if part is not None and (frames := len(next(tracks(part)))) != len(self):
                raise ValueError(f"Motion.{name} has {frames} frames, the face {len(self)}")

    def __len__(self) -> int:
        return len(next(tracks(self.face)))

    def part(self, start: int, stop: int | None = None) -> Self:
        """Frames [start, stop) of every track."""
        return along_frames(self, lambda track: track[start:stop])

    @property
    def seconds(self) -> float:
        return float(len(self) / self.fps)


def save_motion(motion: Motion, path: Path) -> None:
    """A `.motion` file, whole or not at all; OutOfResources where it cannot be written."""
    save_struct(motion, path)


def load_offsets(path: Path, start: int = 0, stop: int | None = None) -> Float[Tensor, "frames verts 3"]:
    """Frames [start, stop) of a motion of Vertices, without reading the others; BadInput for another kind."""
    rows = load_rows(path, "face.offsets", start, stop)
    if rows is None:
        raise BadInput(f"{path} holds no vertices.", "Use clips of captured meshes, such as textalk4d's.")
    return rows


def motion_frames(path: Path) -> int:
    """How many frames a motion file has, from its header alone."""
    shapes = load_shapes(path)
    tracks = ("face.offsets", "face.weights", "face.expression", "face.codes")
    counts = [shapes[track][0] for track in tracks if track in shapes]
    if not counts:
        raise BadInput(f"{path} holds no motion.", "Give the right file.")
    return counts[0]


def load_motion(path: Path) -> Motion:
    """Read what save_motion wrote. BadInput if absent or another kind of talk file, or beyond all measure;
    Untrusted if damaged."""
    motion = load_struct(path, (Motion, Head, Textures, Folds, FrameCodes, Vertices, Shapes, Coefficients))
    return sensible(motion, str(path))


def sensible(motion: Motion, source: str) -> Motion:
    """The motion in single precision; BadInput, naming its source, where no face can move so."""
    motion = motion.map(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)
    fault = ""
    if not len(motion):
        fault = "has no frames"
    elif not SLOWEST_FPS <= motion.fps <= FASTEST_FPS:
        fault = f"has a rate of {float(motion.fps):.3g} frames a second"
    if fault:
        raise BadInput(f"{source} {fault}.", _AGAIN)
    check_reach(source, *tracks(motion))
    if isinstance(motion.texture, Textures):
        check_reach(source, motion.texture.basis)
    if isinstance(motion.face, Shapes):
        check_reach(source, motion.face.weights.abs().sum(1).max() * motion.face.basis)
    return motion


def check_reach(source: str, *numbers: Tensor) -> None:
    """BadInput, naming their source, for numbers of a motion that no face reaches, and for what is none."""
    if not all(magnitude(each) < LARGEST_NUMBER for each in numbers):
        raise BadInput(f"{source} moves further than any face.", _AGAIN)


_AGAIN = "Make it again, or give another."
