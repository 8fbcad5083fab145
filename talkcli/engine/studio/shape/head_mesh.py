"""HeadMesh: the built-in head before it is baked, in millimetres, with the names animation and painting need.

The interface of this folder. Axes: x to the subject's LEFT, y up, z out of the face. The eyes' centres are
near (+-31.5, 22, 72), the lip slit near y = -45, the chin's lowest point near y = -98, the crown near y =
128, the ears' roots near x = +-70. The closed, neutral face.

Everybody builds on these facts, which hold for every identity because vertices, faces and UV never change:

* `parts` names disjoint vertex sets that together are the whole mesh (`PARTS`): "skin" has lips, lids, neck
  and shoulders; "cavity" is the lining of the mouth, from just behind the slit.
* `mouth.rings[k]` is a closed loop of vertices round the mouth, outermost first (`mouth.names`). Every ring
  has the same columns: column j lies at `mouth.u[j]` in -1..1 (+1 the LEFT corner) and belongs to the upper
  lip where `mouth.upper[j]`. `mouth.fraction[k]` is > 1 outside the vermilion, 1 on its border, 0 on the
  slit, negative inside. `mouth.slit` is where the lips touch: `mouth.pairs` [27, 2] are its (upper, lower)
  vertices that coincide when closed. The two corner columns (|u| = 1) are one vertex each, upper and lower at
  once.
* `eyes["left"].rings[k]` is a closed loop round one eye, outermost first (`names`): orbit, sulcus, fold,
  crease (of the upper lid), tarsus, lid, margin (outer edge, lashes grow here), inner_margin (touches the
  eyeball), hidden (under the lid). Column j: `s[j]` 0 at the inner canthus .. 1 at the outer, `upper[j]`,
  `opposite[j]` the column of the other lid with the same s. `centre` [3] and `radius`: the eyeball, a sphere
  plus cornea.
* `lashes_root` [lash vertices, 2]: the margin vertex each lash vertex rides on, and how far along the lash it
  is, in percent.
* `mirror[v]` is the vertex at the mirrored place.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.shape.identity import HeadParameters

MOUTH_RINGS = (
    "cheek", "outer", "near", "rim", "border", "red_outer", "red_middle", "red_inner", "slit",
    "behind", "vestibule", "gutter", "cheek_inside", "throat",
)  # fmt: skip
EYE_RINGS = ("orbit", "sulcus", "fold", "crease", "tarsus", "lid", "margin", "inner_margin", "hidden")


@dataclass(frozen=True)
class MouthRings:
    """Loops round the mouth, see the module's docstring."""

    rings: Index
    """[14, 56] vertices, outermost first"""
    fraction: Array
    """[14] 1 on the vermilion border, 0 on the slit"""
    u: Array
    """[56] -1 right corner .. 1 left corner"""
    upper: NDArray[np.bool_]
    """[56]"""
    names: tuple[str, ...] = MOUTH_RINGS

    def ring(self, name: str) -> Index:
        """The vertices [56] of a ring by name."""
        return self.rings[self.names.index(name)]

    @property
    def slit(self) -> Index:
        """[56] where the lips touch"""
        return self.ring("slit")

    @property
    def pairs(self) -> Index:
        """[27, 2] (upper, lower) slit vertices that coincide when the mouth is closed, from the left to the
        right corner"""
        n = len(self.u) // 2
        return np.stack([self.slit[1:n], self.slit[:n:-1]], 1)


@dataclass(frozen=True)
class EyeRings:
    """Loops round one eye, see the module's docstring."""

    rings: Index
    """[9, 36] vertices, outermost first"""
    s: Array
    """[36] 0 inner canthus .. 1 outer canthus"""
    upper: NDArray[np.bool_]
    """[36]"""
    centre: Array
    """[3] of the eyeball"""
    radius: float
    """of the eyeball without the cornea"""
    names: tuple[str, ...] = EYE_RINGS

    def ring(self, name: str) -> Index:
        """The vertices [36] of a ring by name."""
        return self.rings[self.names.index(name)]

    @property
    def opposite(self) -> Index:
        """[36] the column of the other lid at the same s"""
        n = len(self.s)
        return (n - np.arange(n)) % n


@dataclass(frozen=True)
class HeadMesh:
    """One neutral head, see the module's docstring."""

    vertices: Array
    """[V, 3] mm"""
    faces: Index
    """[F, 3] counter-clockwise from outside"""
    uv: Array
    """[T, 2] origin bottom left, no overlaps"""
    uv_faces: Index
    """[F, 3] into uv"""
    materials: NDArray[np.int8]
    """[F] into MATERIALS of face.topology"""
    parts: Mapping[str, Index]
    mouth: MouthRings
    eyes: Mapping[str, EyeRings]
    lashes_root: Index
    """[lash vertices, 2] for parts left_lashes then right_lashes"""
    mirror: Index
    """[V]"""
    parameters: HeadParameters
