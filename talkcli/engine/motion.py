"""Motion: what a face does over time, apart from whose face it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from talkcli.engine.struct import TensorStruct, load_struct, save_struct


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
    """Weights of a face model: 3DXTalker, the studio, face capture."""

    expression: Float[Tensor, "frames n_expression"]
    jaw: Float[Tensor, "frames 3"]
    """Axis-angle, radians, beside what the expression does."""
    space: str = "arkit"
    """`arkit`: the rig's named shapes in its order; `pca`: its expression components."""


class Codes(TensorStruct):
    """Expression codes of a universal Gaussian head: UniGAHA."""

    codes: Float[Tensor, "frames n_code"]


Face = Vertices | Shapes | Coefficients | Codes


class Motion(TensorStruct):
    fps: Fraction
    """Frames a second, exact: 30000/1001 does not drift."""
    face: Face
    head: Head | None = None
    provenance: str = "{}"
    """JSON: which model, weights (SHA-256), avatar, seed and version made it, and that it is synthetic."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fps <= 0:
            raise ValueError(f"Motion.fps must be positive, got {self.fps}")
        if self.head is not None and len(self.head.rotation) != len(self):
            raise ValueError(f"Motion.head has {len(self.head.rotation)} frames, the face {len(self)}")

    def __len__(self) -> int:
        match self.face:
            case (
                Vertices(offsets=track)
                | Shapes(weights=track)
                | Coefficients(expression=track)
                | Codes(codes=track)
            ):
                return len(track)

    @property
    def seconds(self) -> float:
        return float(len(self) / self.fps)


def save_motion(motion: Motion, path: Path) -> None:
    save_struct(motion, path)


def load_motion(path: Path) -> Motion:
    return load_struct(path, (Motion, Head, Vertices, Shapes, Coefficients, Codes))
