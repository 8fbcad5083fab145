"""What no camera sees and nobody need draw: hair deep in hair, the back of a shirt behind its front, and a
mouth behind its lips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import exact
from talkcli.engine.rendering.rasterize import HIDDEN, LANES, SUBSAMPLE, project, rasterize, sheet
from talkcli.engine.rendering.surface import HAIR, DrawnSurface

BURIED = 0.006
"""Metres behind other hair from which hair is not seen between its strands, or cloth past other cloth."""

COARSE = 128
"""Samples along a side of the picture in which buried hair is looked for."""

ROUND = 2
"""Samples to all sides that must be nearer."""

DIRECTIONS = 16
"""Steps of a unit vector's numbers: one answer serves all directions within about 3 degrees."""

DISTANCES = 4
"""Steps of distance to each doubling."""

ANSWERS = 64
"""Most directions that are remembered."""


class Thicket:
    """Which of what is worn of one material is buried, seen from where; worked out once for each step of
    direction and distance, so that a picture does not depend on those before it. Hair is buried behind
    anything, cloth behind cloth alone, for the head moves before it."""

    def __init__(self, surface: DrawnSurface, material: int) -> None:
        self._surface, head = surface, len(surface.neutral) - len(surface.dressing.rest)
        own = (surface.materials == material) & (surface.faces.min(1) >= head)
        self._faces = np.flatnonzero(own)
        points = np.unique(surface.faces[own]).astype(np.int64)
        place = surface.neutral[points].astype(np.float64)
        self._among = np.where(own | (material == HAIR), surface.sides, HIDDEN).astype(np.uint8)
        self._thing = surface.dressing.thing[surface.dressing.row[points[-1] - head]] if len(points) else 0
        self._centre = (place.min(0) + place.max(0)) / 2 if len(points) else np.zeros(3)
        self._radius = float(np.linalg.norm(place - self._centre, axis=1).max()) if len(points) else 0.0
        self._answers: dict[tuple[int, ...], NDArray[np.uint8]] = {}

    def seen_from(
        self, eye: NDArray[np.float64], turns: NDArray[np.float32], shifts: NDArray[np.float32]
    ) -> NDArray[np.uint8]:
        """Sides [F] of all faces, HIDDEN where they are buried, when things turn and shift so."""
        if not self._radius:
            return self._surface.sides
        turn = turns[self._thing].astype(np.float64)
        ray = (eye - shifts[self._thing]) @ turn - self._centre
        distance = float(np.linalg.norm(ray))
        if distance < 1.5 * self._radius:
            return self._surface.sides
        steps = (*np.rint(ray / distance * DIRECTIONS).astype(int), round(np.log2(distance) * DISTANCES))
        if steps not in self._answers:
            if len(self._answers) == ANSWERS:
                self._answers.clear()
            self._answers[steps] = self._buried(np.array(steps[:3], float), 2.0 ** (steps[3] / DISTANCES))
        return self._answers[steps]

    def _buried(self, way: NDArray[np.float64], distance: float) -> NDArray[np.uint8]:
        s = self._surface
        back = way / np.linalg.norm(way)
        up = np.array([0.0, 1.0, 0.0]) if abs(back[1]) < 0.9 else np.array([0.0, 0.0, 1.0])
        right = np.cross(up, back)
        right /= np.linalg.norm(right)
        view = np.eye(4)
        view[:3, :3] = right, np.cross(back, right), back
        view[:3, 3] = -view[:3, :3] @ (self._centre + back * distance)
        snapped, nearness = np.empty((len(s.neutral), 2), np.int64), np.empty(len(s.neutral))
        focal = 0.5 * COARSE * np.sqrt(distance**2 - self._radius**2) / self._radius
        project(s.neutral, view, focal, COARSE, COARSE, snapped, nearness)
        sides, order = s.sides.copy(), np.arange(len(s.faces), dtype=np.uint32)
        bury(snapped, nearness, s.faces, self._among, order, self._faces, sides, *sheet(COARSE, COARSE))
        return sides


@exact
def bury(snapped, nearness, faces, sides, order, those, drawn, ids, depth):
    """Set drawn [F] to HIDDEN for those faces that lie deeper than BURIED behind others all round. order: all
    faces; ids and depth are a small `sheet`."""
    rasterize(snapped, nearness, faces, sides, order, 0, ids, depth)
    rows, width = ids.shape[0], ids.shape[1] - LANES
    for n in range(len(those)):
        f, buried = those[n], True
        for corner in range(3):
            v = faces[f, corner]
            x, y = snapped[v, 0] >> 8, snapped[v, 1] >> 8
            if nearness[v] <= 0 or min(x, y, width - 1 - x, rows - 1 - y) < ROUND:
                buried = False
                break
            farthest = depth[y, x]
            for row in range(y - ROUND, y + ROUND + 1):
                for column in range(x - ROUND, x + ROUND + 1):
                    farthest = min(farthest, depth[row, column])
            if farthest <= 0 or 1.0 / nearness[v] < 1.0 / farthest + BURIED:
                buried = False
                break
        if buried:
            drawn[f] = HIDDEN


@exact
def look_in(snapped, nearness, pairs, faces, mouth, drawn, lit):
    """Set drawn [F] to HIDDEN for the faces `mouth` that are seen through no opening of the lips (`pairs`
    [n, 2]); lit [V]: which vertices the others have."""
    lit[:] = False
    left, top = snapped[pairs[0, 0], 0], snapped[pairs[0, 0], 1]
    right, foot = left, top
    whole = True
    for k in range(len(pairs)):
        for lip in range(2):
            v = pairs[k, lip]
            whole &= nearness[v] > 0
            left, right = min(left, snapped[v, 0]), max(right, snapped[v, 0])
            top, foot = min(top, snapped[v, 1]), max(foot, snapped[v, 1])
    margin = (right - left + foot - top) // 16 + SUBSAMPLE
    left, right, top, foot = left - margin, right + margin, top - margin, foot + margin
    for n in range(len(mouth)):
        f = mouth[n]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by = snapped[a, 0], snapped[a, 1], snapped[b, 0], snapped[b, 1]
        cx, cy = snapped[c, 0], snapped[c, 1]
        aside = max(ax, bx, cx) < left or min(ax, bx, cx) > right
        if whole and (aside or max(ay, by, cy) < top or min(ay, by, cy) > foot):
            drawn[f] = HIDDEN
        else:
            lit[a], lit[b], lit[c] = True, True, True
