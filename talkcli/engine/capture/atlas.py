"""Atlas: what lies under each texel of the built-in head's skin, and what of it a picture may paint."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.compiled import exact
from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.once import once
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.paint.canvas import Canvas, cover_texels
from talkcli.engine.studio.scalp import directions, inside
from talkcli.engine.studio.scanned.balls import cornea_axis
from talkcli.engine.studio.scanned.looks import ATLAS, head_canvas

_Flags = NDArray[np.bool_]

HAIRLINE = 8.0
"""mm outside the painters' hairline from which on hair may be painted."""

FOLDED_LID = (2.2, 5.5)
"""Loops of an upper lid, as the painters count them, that fold away while the eye is open: a picture smears
what it shows of them."""


class Atlas(NamedTuple):
    """Of the n texels that triangles cover, in the canvas's order."""

    canvas: Canvas
    corners: Index
    """[n, 3] vertices of each one's triangle"""
    shares: Array
    """[n, 3]"""
    places: Array
    """[n, 3] mm on the mean face"""
    mirror: Index
    """[n] the texel on the other side of the face"""
    face: _Flags
    """Skin that a picture may paint: not ears, scalp or neck"""
    flesh: _Flags
    """All other skin but the scalp: it takes the face's tone"""
    scalp: _Flags
    """Skin on which hair may be painted, of the face's too"""
    eyes: _Flags
    mouth: _Flags
    """Teeth, gums and tongue"""
    cloth: _Flags
    """[size * size] texels of garments"""
    off_axis: NDArray[np.float32]
    """Of eyes: radians from the axis through the pupil; elsewhere 0"""
    folded: NDArray[np.float32]
    """How much of a folded lid each is, 0..1"""

    def across(self, values: Array) -> Array:
        """[n, columns] of what vertices [V, columns] have."""
        out = np.empty((len(self.corners), values.shape[1]))
        _mix(values, self.corners, self.shares, out)
        return out


@exact
def _mix(values, corners, shares, out):
    """Fill out [n, columns] with shares [n, 3] of the rows of values that corners [n, 3] name."""
    for i in range(len(corners)):
        a, b, c = corners[i, 0], corners[i, 1], corners[i, 2]
        for k in range(values.shape[1]):
            out[i, k] = (
                shares[i, 0] * values[a, k] + shares[i, 1] * values[b, k] + shares[i, 2] * values[c, k]
            )


@once
def skin_atlas() -> Atlas:
    model, canvas = load_rig(DEFAULT_RIG), head_canvas(ATLAS)
    topology = model.topology
    uv = topology.uv.double().numpy()[topology.uv_faces.long().numpy()]
    face, shares = cover_texels(np.ascontiguousarray(uv * [ATLAS, -ATLAS] + [0, ATLAS]), ATLAS)
    face, shares = face.ravel()[canvas.texels], shares.reshape(-1, 3)[canvas.texels].astype(np.float64)
    corners = topology.faces.long().numpy()[face]

    def mostly(*regions: str) -> _Flags:
        inside = np.zeros(len(model.template))
        for name in regions:
            inside[topology.regions[name].long().numpy()] = 1
        return (inside[corners] * shares).sum(1) > 0.5

    place = np.empty((len(corners), 3))
    _mix(model.template.double().numpy() * 1000, corners, shares, place)
    skin = canvas.within("skin")
    inward = inside(directions(canvas.position.astype(np.float64)), 2 * HAIRLINE)
    scalp = (mostly("scalp") | (inward > -HAIRLINE)) & ~mostly("ears")
    own = skin & mostly("face") & ~mostly("ears", "scalp", "neck")
    mirror = np.arange(len(face))
    there = np.flatnonzero(skin)
    mirror[there] = there[KDTree(place[there]).query(place[there] * [-1, 1, 1], workers=-1)[1]]
    eyes, off_axis = canvas.within("left_eye", "right_eye"), np.zeros(len(face), np.float32)
    assert isinstance(model.contact, FaceContact)
    for side, eye in (("left_eye", model.contact.left), ("right_eye", model.contact.right)):
        texels, centre = canvas.within(side), eye.centre.double().numpy() * 1000
        axis = cornea_axis(model.template[eye.ball].double().numpy() * 1000, centre)
        ray = place[texels] - centre
        cosine = ray @ axis / np.linalg.norm(ray, axis=1)
        off_axis[texels] = np.arccos(np.clip(cosine, -1, 1))
    low, high = FOLDED_LID
    folded = np.clip(np.minimum(canvas.lid - low, high - canvas.lid), 0, 1) * canvas.lid_upper * skin
    rows, columns = np.divmod(np.arange(ATLAS * ATLAS), ATLAS)
    cloth = (rows >= 0.7 * ATLAS) & ((columns >= 0.4 * ATLAS) | (rows >= 0.9 * ATLAS))
    wet = canvas.within("upper_gum", "lower_gum", "tongue", "upper_teeth", "lower_teeth", "cavity")
    return Atlas(
        canvas, corners, shares, place, mirror, own, skin & ~own & ~scalp, skin & scalp, eyes, wet, cloth,
        off_axis, folded.astype(np.float32),
    )  # fmt: skip
