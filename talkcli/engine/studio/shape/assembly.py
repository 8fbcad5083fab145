"""From pieces to one HeadMesh: `average_head()` is the average head, `build_head` any other."""

from dataclasses import replace
from functools import cache

import numpy as np

from talkcli.engine.face.topology import MATERIALS
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.painted_parts import PARTS
from talkcli.engine.studio.shape import anatomy, atlas, hair, modelling, parts, rings, surface
from talkcli.engine.studio.shape.head_mesh import EyeRings, HeadMesh, MouthRings
from talkcli.engine.studio.shape.identity import HeadParameters, basis
from talkcli.engine.studio.shape.patch import Patch


@cache
def average_head() -> HeadMesh:
    """The average head."""
    skin = surface.build()
    rows = anatomy.head()
    margin = 6
    open_eye = replace(skin.eye_loops, points=modelling.modelled(skin.eye_loops.points))
    left_lashes, roots = hair.lashes(open_eye, margin)
    left_eye, left_ear = parts.eyeball(), parts.ear()
    pieces: dict[str, Patch] = {
        "skin": atlas.skin_with_uv(skin),
        "cavity": skin.cavity,
        "left_eye": left_eye,
        "right_eye": left_eye.mirrored(),
        "upper_teeth": parts.teeth("upper"),
        "lower_teeth": parts.teeth("lower"),
        "upper_gum": parts.gum("upper"),
        "lower_gum": parts.gum("lower"),
        "tongue": parts.tongue(),
        "left_ear": left_ear,
        "right_ear": left_ear.mirrored(),
        "left_lashes": left_lashes,
        "right_lashes": left_lashes.mirrored(),
        "hair": hair.crop(rows)[0],
    }
    assert tuple(pieces) == PARTS
    pieces |= {name: modelling.model(pieces[name]) for name in modelling.MODELLED}
    return _assemble(pieces, skin, roots)


def _assemble(pieces: dict[str, Patch], skin: surface.Surface, roots: Index) -> HeadMesh:
    """One mesh from the pieces; the lining of the mouth is sewn to the skin's slit."""
    columns = skin.mouth.shape[1]
    vertices, faces, uv, uv_faces, index = [], [], [], [], {}
    count = uv_count = 0
    for name, patch in atlas.pack(pieces).items():
        own, renamed = patch.vertices, count + np.arange(len(patch.vertices))
        if name == "cavity":
            own = own[columns:]
            renamed = np.concatenate([skin.mouth[-1], count + np.arange(len(own))])
        index[name] = count + np.arange(len(own))
        vertices.append(own)
        faces.append(renamed[patch.faces])
        uv.append(patch.uv)
        uv_faces.append(patch.uv_faces + uv_count)
        count, uv_count = count + len(own), uv_count + len(patch.uv)
    points = np.concatenate(vertices)
    lining = index["cavity"][:-1].reshape(-1, columns)
    mouth = MouthRings(
        np.concatenate([skin.mouth, lining]),
        rings.MOUTH_FRACTION,
        skin.mouth_loops.along,
        skin.mouth_loops.upper,
    )
    eyes = {
        side: EyeRings(
            loops,
            skin.eye_loops.along,
            skin.eye_loops.upper,
            anatomy.EYE_CENTRE * [sign, 1, 1],
            anatomy.EYE_RADIUS,
        )
        for side, sign, loops in (("left", 1, skin.eyes[0]), ("right", -1, skin.eyes[1]))
    }
    followed = [
        np.column_stack([eyes[side].ring("margin")[roots[:, 0]], roots[:, 1]]) for side in ("left", "right")
    ]
    return HeadMesh(
        points, np.concatenate(faces), np.concatenate(uv), np.concatenate(uv_faces),
        atlas.materials(pieces, MATERIALS), index, mouth, eyes, np.concatenate(followed),
        mirror_of(points, index),
        HeadParameters.of(),
    )  # fmt: skip


def mirror_of(points: Array, index: dict[str, Index]) -> Index:
    """The vertex at the mirrored place, searched within the mirrored part."""
    from scipy.spatial import KDTree

    result = np.arange(len(points))
    for name, own in index.items():
        other = name.replace("left", "RIGHT").replace("right", "left").replace("RIGHT", "right")
        twin = index[other]
        result[own] = twin[KDTree(points[twin]).query(points[own] * [-1, 1, 1])[1]]
    return result


@cache
def modes() -> Array:
    """[modes, V, 3] mm per standard deviation, in the order of identity.MODE_NAMES."""
    mean = average_head()
    return basis(mean.vertices, mean.parts["hair"], hair.crop(anatomy.head())[1])


def build_head(parameters: HeadParameters | None = None) -> HeadMesh:
    """The head of given parameters (None: the average head); all heads share faces, UV, parts and rings."""
    mean = average_head()
    if parameters is None:
        return mean
    moved = mean.vertices + np.tensordot(parameters.values, modes(), 1)
    eyes = {side: recentred(rings_, moved, mean.parts[f"{side}_eye"]) for side, rings_ in mean.eyes.items()}
    return replace(mean, vertices=moved, eyes=eyes, parameters=parameters)


def recentred(eye: EyeRings, vertices: Array, ball: Index) -> EyeRings:
    """The rings of an eye whose ball has moved: centre and radius from the ball's equator."""
    points = vertices[ball[-1 - 4 * parts.EYEBALL_COLUMNS : -1]]
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    return replace(eye, centre=centre, radius=float(np.sqrt(solution[3] + centre @ centre)))
