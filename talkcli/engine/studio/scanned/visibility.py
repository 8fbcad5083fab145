"""Which triangles a camera can ever see: what lies behind teeth, lids and lining need not be kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from talkcli.engine.rendering.camera import look_at
from talkcli.engine.rendering.rasterize import BOTH, ONE, project, rasterize, sheet
from talkcli.engine.studio.arrays import Array, Index

SAMPLES = 640
"""Of a picture's side."""

DISTANCE = 0.5
"""Metres from the camera to what it looks at."""

BUST = 0.34
"""Metres that a picture of neck and shoulders shows."""

YAWS, PITCHES = (-75, -45, -20, 0, 20, 45, 75), (-45, -20, 0, 20, 45)
"""Degrees about the head from where it is looked at."""


def seen_faces(
    poses: Iterator[Array], faces: Index, spots: dict[str, tuple[Array, float]]
) -> NDArray[np.bool_]:
    """[faces] whether a front side shows in any pose (mm) from any side.

    `spots`: what the camera looks at, mm, and how many mm the picture is wide there.
    """
    corners = np.ascontiguousarray(faces, np.uint32)
    order, sides = np.arange(len(faces), dtype=np.int64), np.full(len(faces), ONE, np.uint8)
    ids, depth = sheet(SAMPLES, SAMPLES)
    visible = np.zeros(len(faces), bool)
    for pose in poses:
        points = pose / 1000
        snapped, nearness = np.zeros((len(points), 2), np.int64), np.zeros(len(points))
        for spot, wide in spots.values():
            for view in _views(spot / 1000):
                project(points, view, SAMPLES * DISTANCE / (wide / 1000), SAMPLES, SAMPLES, snapped, nearness)
                rasterize(snapped, nearness, corners, sides, order, 0, ids, depth)
                top = ids[:, :SAMPLES]
                visible[np.unique(top[top >= 0])] = True
    return visible


def _views(spot: Array) -> Iterator[Array]:
    at = torch.from_numpy(spot).float()
    for yaw in np.deg2rad(YAWS):
        for pitch in np.deg2rad(PITCHES):
            way = [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
            yield look_at(at + DISTANCE * torch.tensor(way).float(), at).double().numpy()


def uncovered(head: Array, faces: Index, cloth: Array, cloth_faces: Index) -> NDArray[np.bool_]:
    """[faces] whether a face of a head (metres) shows past cloth from anywhere round about it."""
    points = np.concatenate([head, cloth])
    corners = np.concatenate([faces, cloth_faces + len(head)]).astype(np.uint32)
    sides = np.where(np.arange(len(corners)) < len(faces), ONE, BOTH).astype(np.uint8)
    order, (ids, depth) = np.arange(len(corners), dtype=np.int64), sheet(SAMPLES, SAMPLES)
    snapped, nearness = np.zeros((len(points), 2), np.int64), np.zeros(len(points))
    visible = np.zeros(len(corners), bool)
    middle = torch.from_numpy(head[np.unique(faces)].mean(0)).float()
    for yaw in np.deg2rad(np.arange(0, 360, 30)):
        for pitch in np.deg2rad((-5, 15, 35)):
            way = [np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)]
            view = look_at(middle + torch.tensor(way).float(), middle).double().numpy()
            project(points, view, SAMPLES / BUST, SAMPLES, SAMPLES, snapped, nearness)
            rasterize(snapped, nearness, corners, sides, order, 0, ids, depth)
            top = ids[:, :SAMPLES]
            visible[np.unique(top[top >= 0])] = True
    return visible[: len(faces)]


def closed(seen: NDArray[np.bool_], faces: Index) -> NDArray[np.bool_]:
    """The faces that are seen, and those between them."""
    touched = np.zeros(faces.max() + 1, bool)
    touched[faces[seen]] = True
    return np.all(touched[faces], axis=1)
