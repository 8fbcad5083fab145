"""ICT-FaceKit Light as it comes, in the units and by the names of `talk`: millimetres, ARKit's shapes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from talkcli.engine.errors import BadInput
from talkcli.engine.studio.arrays import Array, Index

MILLIMETRES = 10.0
"""In FaceKit's centimetre."""

SHIFT = np.array([0.0, -14.0, -8.0])
"""mm: the origin lies between the ears, a little above the tip of the nose."""

RANGES: Mapping[str, tuple[int, int]] = {
    "face": (0, 9409), "head": (9409, 11248), "cavity": (11248, 13294), "left_socket": (13294, 13678),
    "right_socket": (13678, 14062), "gums_tongue": (14062, 17039), "upper_teeth": (17039, 19247),
    "lower_teeth": (19247, 21451), "left_eye": (21451, 22221), "right_eye": (23021, 23791),
    "left_lash_cards": (25351, 26035), "right_lash_cards": (26035, 26719),
}  # fmt: skip
"""The vertices of each part that we use; irises, fluids and shells of the eyes are left out."""

VERTS, SKIN_VERTS = 26719, 11248
"""All of them, and how many come first that are skin: `face` and `head`."""

MULTI_PIE = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443,
    268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269,
    3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275,
    6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip
"""FaceKit's documented vertices at the 68 landmarks of iBUG."""

_HALVES = ("browInnerUp", "cheekPuff")
"""Shapes of ARKit that FaceKit splits into left and right."""

FOREIGN = ("PupilDilate", "cheekRaiser")
"""Shapes of FaceKit that ARKit has not."""

NOISE = 0.02
"""mm: what a shape moves less is the rounding of the files."""


@dataclass(frozen=True)
class Source:
    """The whole mesh, nothing left out; `base[faces]` are triangles, `polygons` says of which polygon."""

    base: Array
    """[VERTS, 3] mm"""
    faces: Index
    polygons: Index
    uv: Array
    uv_faces: Index
    materials: NDArray[np.str_]
    """[faces] FaceKit's names"""
    identity: Array
    """[100, VERTS, 3] mm per standard deviation"""
    shapes: Mapping[str, Array]
    """[VERTS, 3] mm each, by ARKit's names"""

    def skin_mirror(self) -> Index:
        """[SKIN_VERTS] the vertex on the other side."""
        skin = self.base[:SKIN_VERTS]
        return np.asarray(KDTree(skin).query(skin * [-1, 1, 1])[1])


def read_source(folder: Path) -> Source:
    """FaceKit's OBJ files, or the same packed into facekit.npz; BadInput if neither lies there."""
    packed = folder / "facekit.npz"
    raw = dict(np.load(packed)) if packed.exists() else _from_objs(folder)
    if len(raw["base"]) != VERTS:
        raise BadInput(
            f"{folder} has a mesh of {len(raw['base'])} vertices, ICT-FaceKit Light has {VERTS}.",
            "Give the folder FaceXModel of ICT-FaceKit.",
        )
    deltas = raw["expressions"].astype(np.float64) * MILLIMETRES
    return Source(
        raw["base"].astype(np.float64) * MILLIMETRES + SHIFT,
        raw["faces"].astype(np.int64),
        raw["polygons"].astype(np.int64),
        raw["uv"].astype(np.float64),
        raw["uv_faces"].astype(np.int64),
        raw["material_names"][raw["materials"]],
        raw["identity"].astype(np.float64) * MILLIMETRES,
        _by_arkit_names([str(name) for name in raw["expression_names"]], deltas),
    )


def _by_arkit_names(names: list[str], deltas: Array) -> dict[str, Array]:
    """Left and Right instead of _L and _R, the halves of one shape added, rounding cut off."""
    out: dict[str, Array] = {}
    for name, delta in zip(names, deltas, strict=True):
        stem, side = (name[:-2], name[-2:]) if name.endswith(("_L", "_R")) else (name, "")
        if stem in FOREIGN:
            continue
        ours = stem if stem in _HALVES else stem + {"_L": "Left", "_R": "Right", "": ""}[side]
        out[ours] = out.get(ours, 0) + delta * (np.linalg.norm(delta, axis=1, keepdims=True) >= NOISE)
    return out


def _from_objs(folder: Path) -> dict[str, NDArray]:
    neutral = folder / "generic_neutral_mesh.obj"
    if not neutral.is_file():
        raise BadInput(
            f"{folder} has no {neutral.name}.", "Give the folder FaceXModel of a checkout of ICT-FaceKit."
        )
    mesh = _read_obj(neutral)
    names = sorted(path.stem for path in folder.glob("*.obj") if not path.stem.startswith("generic"))
    deltas = {name: _read_obj(folder / f"{name}.obj")["base"] - mesh["base"] for name in names}
    modes, shapes = ([n for n in names if n.startswith("identity") is own] for own in (True, False))
    kinds, number = np.unique(mesh.pop("names"), return_inverse=True)
    return {
        **mesh,
        "material_names": kinds,
        "materials": number,
        "identity": np.stack([deltas[name] for name in modes]),
        "expressions": np.stack([deltas[name] for name in shapes]),
        "expression_names": np.array(shapes),
    }


def _read_obj(path: Path) -> dict[str, NDArray]:
    """Points, uv, triangles (polygons as fans from their first corner), the polygon and material of each."""
    points: list[list[float]] = []
    uv: list[list[float]] = []
    rows: list[tuple[list[int], list[int], int, str]] = []
    material, polygon = "", -1
    for kind, *words in _words(path):
        if kind == "v":
            points.append([float(word) for word in words[:3]])
        elif kind == "vt":
            uv.append([float(word) for word in words[:2]])
        elif kind == "usemtl":
            material = words[0]
        elif kind == "f":
            polygon += 1
            corners = [[int(index or 1) - 1 for index in word.split("/")[:2]] for word in words]
            for second, third in itertools.pairwise(corners[1:]):
                fan = (corners[0], second, third)
                rows.append(([c[0] for c in fan], [c[-1] for c in fan], polygon, material))
    faces, uv_faces, polygons, names = zip(*rows, strict=True)
    return {
        "base": np.array(points),
        "uv": np.array(uv),
        "faces": np.array(faces),
        "uv_faces": np.array(uv_faces),
        "polygons": np.array(polygons),
        "names": np.array(names),
    }


def _words(path: Path) -> Iterator[list[str]]:
    with path.open(errors="replace") as file:
        yield from (words for line in file if (words := line.split()))
