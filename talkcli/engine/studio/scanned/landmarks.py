"""Landmarks of the scanned head: iBUG's 68 as FaceKit documents them, MediaPipe's 478 as calibrated."""

from __future__ import annotations

import numpy as np
import torch

from talkcli.engine.assets import asset
from talkcli.engine.face.topology import Landmarks
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.scanned.balls import Ball
from talkcli.engine.studio.scanned.mesh import ScannedMesh
from talkcli.engine.studio.scanned.source import MULTI_PIE

_FILE = "mediapipe_points.csv"
"""Three vertices of FaceKit and their shares for each of MediaPipe's 468 points on the skin."""

LIMBUS = 0.405
"""Radians from the eye's axis to the rim of the iris."""

IRISES = ("right", "left")
"""MediaPipe's points 468 to 472 and 473 to 477: centre, then the rim towards +x, up, -x, down."""


def make_landmarks(mesh: ScannedMesh, points: Array, balls: dict[str, Ball]) -> dict[str, Landmarks]:
    """`ibug68` and `mediapipe` on the mesh."""
    rows = np.loadtxt(asset(_FILE), delimiter=",", skiprows=1)
    corners, shares = mesh.index[rows[:, :3].astype(int)], rows[:, 3:6]
    irises = [_iris(mesh, points, side, balls[side]) for side in IRISES]
    skin = _located(mesh, corners, shares)
    marks = [skin, *(_located(mesh, corner, share) for corner, share in irises)]
    corner_of = np.repeat(mesh.index[list(MULTI_PIE)][:, None], 3, 1)
    return {
        "ibug68": _located(mesh, corner_of, np.tile([1.0, 0, 0], (len(corner_of), 1))),
        "mediapipe": Landmarks(
            torch.cat([each.triangles for each in marks]), torch.cat([each.weights for each in marks])
        ),
    }


def _located(mesh: ScannedMesh, corners: Index, shares: Array) -> Landmarks:
    """Points on the triangle that has those corners whose shares are not 0."""
    triangles, weights = np.zeros(len(corners), np.int64), np.zeros((len(corners), 3))
    for row, (corner, share) in enumerate(zip(corners, shares, strict=True)):
        share_of = {int(v): 0.0 for v, s in zip(corner, share, strict=True) if s > 0}
        for v, s in zip(corner, share, strict=True):
            if s > 0:
                share_of[int(v)] += float(s)
        holds = np.isin(mesh.faces, list(share_of)).sum(1) == len(share_of)
        if not holds.any():
            raise ValueError(f"landmark {row} lies on no triangle of the mesh")
        triangles[row] = holds.argmax()
        weights[row] = [share_of.get(int(v), 0.0) for v in mesh.faces[triangles[row]]]
    weights /= weights.sum(1, keepdims=True)
    return Landmarks(torch.from_numpy(triangles), torch.from_numpy(weights.astype(np.float32)))


def _iris(mesh: ScannedMesh, points: Array, side: str, ball: Ball) -> tuple[Index, Array]:
    """Corners [5, 3] and shares [5, 3] of the iris's middle and four points of its rim."""
    own = mesh.parts[f"{side}_eye"]
    faces = mesh.faces[np.isin(mesh.faces, own).all(1)]
    axis = ball.axis
    rim = [np.sin(LIMBUS) * np.array(way) for way in ((1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, -1, 0))]
    rays = [axis, *(np.cos(LIMBUS) * axis + way for way in rim)]
    hits = [_pierced(points[faces] - ball.centre, ray) for ray in rays]
    return faces[[hit for hit, _ in hits]], np.stack([share for _, share in hits])


def _pierced(corners: Array, ray: Array) -> tuple[int, Array]:
    """Which triangle [n, 3, 3] about the origin a ray leaves through, and the shares of its corners."""
    shares = np.linalg.solve(
        corners.transpose(0, 2, 1) + 1e-9 * np.eye(3), np.broadcast_to(ray[:, None], (len(corners), 3, 1))
    )[..., 0]
    inside = shares / np.maximum(np.abs(shares).sum(1, keepdims=True), 1e-12)
    hit = int(np.where((corners @ ray).min(1) > 0, inside.min(1), -np.inf).argmax())
    share = np.clip(inside[hit], 0, None)
    return hit, share / share.sum()
