"""What the motion metrics compare: two motions of one face, and the vertices that they look at."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import get_type_hints

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from talkcli.engine.errors import BadInput, BadUsage, pick, reading
from talkcli.engine.struct import TensorStruct
from talkcli.engine.text_files import text_of


class Regions(TensorStruct):
    """Vertex sets of one topology. Duplicates are kept: public masks have them and they weigh."""

    lips: Int[Tensor, " lip_verts"] | None = None
    upper_face: Int[Tensor, " upper_verts"] | None = None
    """Forehead and eye region, for the FDD family."""
    inner_lips: Int[Tensor, " 2"] | None = None
    """Upper and lower inner lip on the midline (iBUG 62 and 66; FLAME 3531 and 3504)."""
    outer_lips: Int[Tensor, " 2"] | None = None
    """Upper and lower outer lip on the midline (iBUG 51 and 57)."""

    @property
    def named(self) -> dict[str, Tensor]:
        """The sets that there are, empty ones left out."""
        return {name: value for name, value in vars(self).items() if value is not None and len(value)}


class Pair(TensorStruct):
    """Predicted and reference geometry of one clip, metres, without head pose."""

    predicted: Float[Tensor, "predicted_frames verts 3"]
    reference: Float[Tensor, "reference_frames verts 3"]
    neutral: Float[Tensor, "verts 3"]
    regions: Regions
    fps: Fraction
    mesh_verts: int
    """Vertices of the whole mesh; more than `verts` once the pair is restricted to its regions."""

    @property
    def frames(self) -> int:
        """What both have: the longer one is cut at its end."""
        return min(len(self.predicted), len(self.reference))

    @property
    def swapped(self) -> Pair:
        """The reference in the prediction's place."""
        return Pair(self.reference, self.predicted, self.neutral, self.regions, self.fps, self.mesh_verts)

    def common(self, region: str | None = None) -> tuple[Tensor, Tensor]:
        """Predicted and reference [frames verts 3] over their common frames, of a region or of all."""
        pick = slice(None) if region is None else getattr(self.regions, region)
        return self.predicted[: self.frames, pick], self.reference[: self.frames, pick]

    def error(self, region: str | None = None) -> Float[Tensor, "frames verts 3"]:
        """Predicted minus reference."""
        predicted, reference = self.common(region)
        return predicted - reference


def support(regions: Regions) -> Int[Tensor, " verts"]:
    """Every vertex that some region uses, once, in order."""
    return (
        torch.cat(list(regions.named.values())).unique()
        if regions.named
        else torch.empty(0, dtype=torch.long)
    )


def renumbered(regions: Regions, kept: Int[Tensor, " verts"]) -> Regions:
    """The same regions in a mesh that keeps only the (sorted) vertices `kept`."""
    return Regions(**{name: torch.searchsorted(kept, value) for name, value in regions.named.items()})


def read_indices(path: Path) -> Int[Tensor, " verts"]:
    """Vertex indices from .npy, or from text with numbers between spaces, commas or line ends."""
    with reading(path, "a list of vertex indices", "Write whole numbers, counted from 0."):
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
            if values.dtype.kind not in "iu":
                raise ValueError(f"it holds {values.dtype}")
        else:
            values = np.array([int(word) for word in text_of(path).replace(",", " ").split()], np.int64)
        if values.ndim != 1 or not values.size:
            raise ValueError("it holds no list of numbers")
        return torch.from_numpy(values.astype(np.int64))


def read_regions(settings: Sequence[str]) -> Regions:
    """Regions from `name=file` settings."""
    names = list(get_type_hints(Regions))
    regions: dict[str, Tensor] = {}
    for setting in settings:
        name, sign, file = setting.partition("=")
        if not sign:
            raise BadUsage(f"'{setting}' is not NAME=FILE.", f"Regions: {', '.join(names)}.")
        pick(name, names, "region")
        regions[name] = read_indices(Path(file))
        if name.endswith("er_lips") and len(regions[name]) != 2:
            raise BadInput(
                f"{file} holds {len(regions[name])} vertices.", f"{name} is two: upper, then lower."
            )
    return Regions(**regions)
