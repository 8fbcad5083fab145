"""One frame: vertices in, pixels out, with all the memory it needs made once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.rendering.acting_skin import WrinkleMaps, blend, wrinkle_maps
from talkcli.engine.rendering.backdrop import backdrop
from talkcli.engine.rendering.lights import light_rig
from talkcli.engine.rendering.occlusion import MOUTH_CORNERS, SHADOW, light_mouth, shadows
from talkcli.engine.rendering.painting import develop, expose, paint, survey
from talkcli.engine.rendering.rasterize import band, project
from talkcli.engine.rendering.shading import BATCH, FIELDS
from talkcli.engine.rendering.surface import Surface, vertex_normals
from talkcli.engine.rendering.textures import encoded

Image = NDArray[np.uint8]
BAND = 64
"""Rows of samples that are drawn together: few enough for a fast memory."""

ENCODE = encoded(np.linspace(0, 1, 4096, dtype=np.float32)).astype(np.float64)


class Painter:
    """Draws frames of one size of one surface. Not to be shared by threads: the memory is reused.

    `background`: see `backdrop`.
    """

    def __init__(
        self,
        surface: Surface,
        width: int,
        height: int,
        background: str = "studio",
        maps: WrinkleMaps | None = None,
    ) -> None:
        verts, faces = len(surface.occlusion), len(surface.faces)
        self.surface = surface
        self.maps = wrinkle_maps(None) if maps is None else maps
        behind = backdrop(background, width, height)
        self.backdrop = np.zeros((height, width, 3), np.float32) if behind is None else behind
        self.channels = 4 if behind is None else 3
        self.bare = np.zeros((height, width, self.channels), np.uint8)
        if behind is not None:
            expose(ENCODE, behind, self.bare)
        self.batches = np.zeros((3, FIELDS * BATCH))
        self.where, self.share = np.zeros((3, BATCH), np.int64), np.zeros((3, BATCH))
        self.lit = (np.zeros(BATCH), np.zeros(BATCH), np.zeros(BATCH))
        self.face, self.near = np.zeros(4, np.int64), np.zeros(4)
        self.total = np.zeros((height * width, 4), np.float32)
        self.snapped, self.nearness = np.zeros((verts, 2), np.int64), np.zeros(verts)
        bands = -(-2 * height // BAND)
        self.ids, self.depth = np.empty((BAND, 2 * width), np.int32), np.empty((BAND, 2 * width), np.float32)
        self.starts, self.cursor = np.zeros(bands + 1, np.int64), np.zeros(bands, np.int64)
        self.order = np.zeros(2 * faces, np.uint32)
        self.dark, self.shadow = np.empty((SHADOW, SHADOW), np.int32), np.empty((SHADOW, SHADOW), np.float32)
        self.points = np.zeros((verts, 9), np.float32)
        self.points[:, 8] = surface.curvature
        self.normals, self.key = np.empty((verts, 3), np.float32), np.empty(verts, np.float32)
        self.across = np.empty((faces, 3), np.float32)
        self.facts = np.zeros((faces, 10), np.float32)
        rows, columns = self.maps.size
        self.creases = np.zeros((rows, columns, 4), np.float32)
        self.rim = np.empty((2 * MOUTH_CORNERS, 3))
        self.touched = np.zeros(4, np.int64)
        self.crease_levels = np.array([[0, rows, columns]], np.int64)

    def draw(
        self,
        vertices: NDArray[np.float32],
        view: NDArray[np.float64],
        focal: float,
        active: NDArray[np.float32] | None = None,
    ) -> Image:
        """[height, width, 3], or 4 where the background is transparent.

        vertices [V, 3] metres; view [4, 4] world to camera; focal in pixels; active: activation of each map.
        """
        s, points = self.surface, self.points
        height, width = self.backdrop.shape[:2]
        project(vertices, view, 2 * focal, 2 * width, 2 * height, self.snapped, self.nearness)
        self._sort(2 * height)
        vertex_normals(vertices, s.faces, s.corner_starts, s.corner_faces, self.across, self.normals)
        rig = light_rig(math.atan2(view[2, 0], view[2, 2]) / 2)
        shadows(
            vertices,
            self.normals,
            s.spacing,
            s.faces,
            s.two_sided,
            rig.directions[0],
            self.dark,
            self.shadow,
            self.key,
        )
        points[:, :3], points[:, 3:6], points[:, 6], points[:, 7] = (
            vertices,
            self.normals,
            s.occlusion,
            self.key,
        )
        light_mouth(vertices, self.normals, s.pairs, s.inside, s.lips, s.lip_pair, self.rim, points[:, 6])
        texels = s.albedo_levels[0, 1] * s.albedo_levels[0, 2]
        survey(vertices, s.faces, s.uv, self.snapped, self.nearness, texels, self.facts)
        if active is not None and len(self.maps.boxes):
            blend(self.maps, active, self.creases, self.touched)
        eye = -view[:3, :3].T @ view[:3, 3]
        out = np.empty((height, width, self.channels), np.uint8)
        wrinkles = (self.creases.reshape(-1, 4), self.crease_levels)
        paint(
            s, rig, wrinkles, self.snapped, self.nearness, self.starts, self.order, points, self.facts, eye,
            focal, width, height, self.ids, self.depth, self.batches, self.where, self.share, self.lit,
            self.face, self.near, self.total,
        )  # fmt: skip
        develop(self.total, ENCODE, self.backdrop, self.bare, out)
        return out

    def _sort(self, height: int) -> None:
        """Faces into bands; their list grows when a face comes near."""
        s = self.surface
        for _ in range(2):
            needed = band(
                self.snapped, self.nearness, s.faces, s.two_sided, height, BAND, self.starts, self.cursor,
                self.order,
            )  # fmt: skip
            if needed <= len(self.order):
                break
            self.order = np.zeros(needed, np.uint32)
