"""One frame: vertices in, pixels out, with all the memory it needs made once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.rendering.acting_skin import WrinkleMaps, blend_wrinkles, wrinkle_maps
from talkcli.engine.rendering.backdrop import backdrop
from talkcli.engine.rendering.dressing import carried
from talkcli.engine.rendering.gathering import ATTRIBUTES, CROWDED, FACTS, Acting, arrange, batch, survey
from talkcli.engine.rendering.hidden import Thicket, look_in
from talkcli.engine.rendering.lights import LightRig, light_rig
from talkcli.engine.rendering.occlusion import MOUTH_CORNERS, SHADOW, face_camera, light_mouth, shadows
from talkcli.engine.rendering.painting import PaintMemory, develop, expose, paint, paint_finely
from talkcli.engine.rendering.rasterize import ONE, band, project, sheet
from talkcli.engine.rendering.soft_light import ClothLight, among_hair
from talkcli.engine.rendering.surface import (
    CLAY_LOOK,
    CLOTH,
    HAIR,
    WET,
    DrawnSurface,
    past_hair,
    vertex_normals,
)
from talkcli.engine.rendering.textures import SHADES, Tables, tables

Pixels = NDArray[np.uint8]
_BAND_ROWS = 64
"""Rows of samples that are drawn together: few enough for a fast memory."""

SHARPER = 4.0
"""Times as many texels to a pixel that are read before a coarser level is."""

BROAD = 0.45
"""Of the key, that cloth sees everywhere: what it lies in the shadow of is far away, and the lamp is wide."""

TABLES = tables()
LIGHT_TABLES = TABLES._replace(byte=np.linspace(0, 1, SHADES, dtype=np.float32))
"""By which display light stays what it is."""


class PosedMoment(NamedTuple):
    """One frame of a head, ready to be drawn."""

    vertices: NDArray[np.float32]
    """[V, 3] metres, of the bare head."""
    view: NDArray[np.float64]
    """[4, 4]; it and the next: see `Camera.centred`."""
    focal: float
    active: NDArray[np.float32] | None = None
    """Activation of each map of wrinkles."""
    ratios: NDArray[np.float32] | None = None
    """[3, rows, columns]: what the skin's sRGB values are multiplied by, instead of its blood."""


class Painter:
    """Draws frames of one size of one surface. Not to be shared by threads: the memory is reused.

    `background`: see `backdrop`; `light`: the studio's by default. `finer`: of so many times as many pixels a
    side each pixel is the mean. `sharper`: of so many times as many pixels it reads the texels.
    """

    def __init__(
        self,
        surface: DrawnSurface,
        width: int,
        height: int,
        background: str = "studio",
        maps: WrinkleMaps | None = None,
        light: LightRig | None = None,
        finer: int = 1,
        near_by: bool = False,
    ) -> None:
        width, height, self.finer = width * finer, height * finer, finer
        verts, faces = len(surface.occlusion), len(surface.faces)
        self.surface, self.near_by = surface, near_by
        self.crowded = CROWDED * np.float32(SHARPER if near_by else 1.0)
        self.rig = light_rig(CLAY_LOOK) if light is None else light
        self.lamps = bool(self.rig.colours.any())
        maps = wrinkle_maps(None) if maps is None else maps
        border = np.array([0, 1, 1, 1, 1])
        self.maps = maps._replace(boxes=maps.boxes + border, size=maps.size + 2)
        behind = backdrop(background, width, height)
        self.backdrop = np.zeros((height, width, 3), np.float32) if behind is None else behind
        self.channels = 4 if behind is None else 3
        self.bare = np.zeros((height, width, self.channels), np.uint8)
        if behind is not None:
            expose(TABLES.value, behind, self.bare)
        self.batch = batch()
        self.state = np.array([0, 0, 0, 0, 0, 0, height], np.int64)
        self.snapped, self.nearness = np.zeros((verts, 2), np.int64), np.zeros(verts)
        bands = -(-2 * height // _BAND_ROWS)
        pixels = height * width
        self.canvas = PaintMemory(
            *sheet(_BAND_ROWS, 2 * width), np.zeros((pixels, 4), np.float32), np.zeros(pixels, np.int32),
            np.zeros(4, np.int64), np.zeros(4, np.float32),
        )  # fmt: skip
        self.starts, self.cursor = np.zeros(bands + 1, np.int64), np.zeros(bands, np.int64)
        self.order, self.spans = np.zeros(2 * faces, np.uint32), np.zeros((faces, 2), np.int32)
        self.dark, self.shadow = sheet(SHADOW, SHADOW)
        self.points = _in_lines(verts, ATTRIBUTES)
        self.points[:, 8], self.points[:, 9:12] = surface.curvature, surface.strands
        self.points[:, 12:15] = surface.colours
        self.normals, self.key = np.empty((verts, 3), np.float32), np.ones(verts, np.float32)
        self.vertices, self.ways = np.empty((2, verts, 3), np.float32)
        self.drift = np.empty((len(surface.dressing.carriers), 3), np.float32)
        self.bodies, self.body_faces = len(surface.corner_starts) - 1, len(surface.corner_faces) // 3
        bare, solid = verts - len(surface.dressing.rest), surface.faces[: self.body_faces]
        self.cloth_light = ClothLight(solid[solid.min(1) >= bare], bare, self.bodies - bare)
        self.seen = surface._replace(sides=surface.sides.copy())
        self.thicket, self.layers = Thicket(surface, HAIR), Thicket(surface, CLOTH)
        self.mouth = (
            np.flatnonzero(np.isin(surface.materials, WET)) if len(surface.pairs) else np.zeros(0, np.int64)
        )
        self.one_sided = np.ones(self.bodies, bool)
        self.one_sided[surface.faces[: self.body_faces][surface.sides[: self.body_faces] != ONE]] = False
        self.asking, self.lit = np.ones(self.bodies, bool), np.ones(verts, bool)
        self.cast: tuple[bytes, NDArray[np.float32]] = (b"", self.key)
        self.across = np.empty((faces, 3), np.float32)
        self.facts, self.facing = _in_lines(faces, FACTS), np.zeros((faces, 4), np.int8)
        rows, columns = self.maps.size
        self.creases = np.zeros((rows, columns, 4), np.float32)
        self.rim = np.empty((2 * MOUTH_CORNERS, 3))
        self.touched = np.zeros(4, np.int64)
        self.ratios, self.no_ratios = np.ones((3, 3, 4), np.float32), np.zeros((1, 3), np.int64)
        self.crease_levels = np.array([[0, rows - 2, columns - 2]], np.int64)

    def draw(self, moment: PosedMoment) -> Pixels:
        """[height, width, 3], or 4 where the background is transparent."""
        out = self.bare.copy()
        self._draw(moment, TABLES, False, out)
        return out if self.finer == 1 else shrunk(out, self.finer)

    def light(self, moment: PosedMoment) -> NDArray[np.float32]:
        """The same as fine shading has it, and as light: [height, width, 3], display light 0..1; where the
        background is transparent times what is covered, which is the fourth."""
        out = np.zeros(self.bare.shape, np.float32)
        out[..., :3] = self.backdrop
        self._draw(moment, LIGHT_TABLES, True, out)
        if self.channels == 4:
            out[..., 3] /= 255
            out[..., :3] *= out[..., 3:]
        return out

    def _draw(self, moment: PosedMoment, tables: Tables, fine: bool, out: NDArray) -> None:
        acting, eye = self.prepared(moment)
        pixels, canvas = out.reshape(-1, self.channels), self.canvas
        edges = self._painted(acting, eye, moment.focal, tables, fine, pixels)
        develop(canvas.total, canvas.edges[:edges], self.backdrop.reshape(-1, 3), tables.byte, pixels)

    def _painted(
        self,
        acting: Acting,
        eye: NDArray[np.float64],
        focal: float,
        tables: Tables,
        fine: bool,
        pixels: NDArray,
    ) -> int:
        """Paints pixels [height * width, 3 or 4]; how many are edges."""
        seen = (
            self.seen, self.rig, acting, self.snapped, self.nearness, self.starts, self.order, self.points,
            self.facts, self.facing, eye, focal * self.finer, tables, self.canvas, self.batch, self.state,
        )  # fmt: skip
        return paint_finely(*seen, pixels) if fine else paint(*seen, None, pixels)

    def paint_nothing(self) -> None:
        """Of a painter that has drawn nothing yet: needs the largest of the kernels, and no other."""
        pixels = self.bare.reshape(-1, self.channels)
        self._painted(self._acting(None), np.zeros(3), 1.0, TABLES, False, pixels)

    def prepared(self, moment: PosedMoment) -> tuple[Acting, NDArray[np.float64]]:
        """All of a frame but its samples: where vertices and faces lie and how they are lit, in this memory;
        how the skin acts, and where the eye is."""
        head, view, focal, active, ratios = moment
        s, points, focal = self.surface, self.points, focal * self.finer
        height, width = self.backdrop.shape[:2]
        bare, solid = len(head), slice(self.body_faces)
        eye = -np.asarray(np.linalg.solve(view[:3, :3], view[:3, 3]), np.float64)
        vertices = self._dressed(head, eye)
        project(vertices, view, 2 * focal, 2 * width, 2 * height, self.snapped, self.nearness)
        if len(self.mouth):
            look_in(self.snapped, self.nearness, s.pairs, s.faces, self.mouth, self.seen.sides, self.lit)
        self._sort(2 * height)
        vertex_normals(
            vertices, s.faces[solid], s.corner_starts, s.corner_faces, self.across, self.normals
        )  # fmt: skip
        bodies = slice(self.bodies)
        face_camera(vertices[bodies], self.normals[bodies], eye, self.one_sided, self.asking)
        if self.lamps:
            self._light(self.rig.directions[0], slice(bare, self.bodies))
        self.lit[bodies] &= self.asking
        arrange(vertices, self.normals, self.ways, s.occlusion, self.key, self.nearness, bare, points)
        light_mouth(
            vertices, self.normals, s.pairs, s.inside, self.lit, s.lips, s.lip_pair, self.rim, points[:, 6]
        )
        survey(vertices, self.seen, self.snapped, self.spans, self.crowded, self.facts, self.facing)
        if active is not None and len(self.maps.boxes):
            blend_wrinkles(self.maps, active, self.creases, self.touched)
        return self._acting(ratios), eye

    def _acting(self, ratios: NDArray[np.float32] | None) -> Acting:
        return Acting(self.creases.reshape(-1, 4), self.crease_levels, *self._tint(ratios))

    def _dressed(self, head: NDArray[np.float32], eye: NDArray[np.float64]) -> NDArray[np.float32]:
        """All vertices: of a bare head, and of what it wears. Leaves out what is buried in hair or cloth."""
        s = self.surface
        self.vertices[: len(head)] = head
        self.seen.sides[:] = s.sides
        if len(head) < len(self.vertices):
            turns, shifts = carried(s.dressing, head, self.drift, self.vertices, self.normals, self.ways)
            self.seen.sides[:] = self.thicket.seen_from(eye, turns, shifts)
            np.maximum(self.seen.sides, self.layers.seen_from(eye, turns, shifts), out=self.seen.sides)
        return self.vertices

    def _light(self, direction: NDArray[np.float32], cloth: slice) -> None:
        """Set how much of the key each vertex sees: head and cloth in every frame past themselves, hair and
        past hair as on the neutral face, once for a direction."""
        s, bodies, solid = self.surface, self.bodies, slice(self.body_faces)
        vertices, normals = self.vertices[:bodies], self.normals[:bodies]
        shadows(
            vertices, normals, s.spacing, s.faces[solid], s.sides, direction, self.dark, self.shadow,
            self.key, self.asking,
        )  # fmt: skip
        if bodies < len(self.vertices):
            self._past_hair(direction)
        if self.near_by:
            self.key[cloth] = self.cloth_light.softened(self.key[cloth])
        self.key[cloth] = BROAD + (1 - BROAD) * self.key[cloth]

    def _past_hair(self, direction: NDArray[np.float32]) -> None:
        s, bodies = self.surface, self.bodies
        if self.cast[0] != direction.tobytes():
            seen = past_hair(s, direction, self.dark, self.shadow)
            if self.near_by:
                seen[bodies:] = among_hair(s.neutral[bodies:], seen[bodies:])
            self.cast = direction.tobytes(), seen
        self.key[:bodies] *= self.cast[1][:bodies]
        self.key[bodies:] = self.cast[1][bodies:]

    def _tint(self, ratios: NDArray[np.float32] | None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Ratios as the kernels read them: interleaved, with a border that repeats their edge."""
        if ratios is None:
            return self.ratios.reshape(-1, 4), self.no_ratios
        _, rows, columns = ratios.shape
        if self.ratios.shape[:2] != (rows + 2, columns + 2):
            self.ratios = np.ones((rows + 2, columns + 2, 4), np.float32)
        self.ratios[1:-1, 1:-1, :3] = ratios.transpose(1, 2, 0)
        self.ratios[0], self.ratios[-1] = self.ratios[1], self.ratios[-2]
        self.ratios[:, 0], self.ratios[:, -1] = self.ratios[:, 1], self.ratios[:, -2]
        return self.ratios.reshape(-1, 4), np.array([[0, rows, columns]], np.int64)

    def _sort(self, height: int) -> None:
        """Faces into bands; their list grows when a face comes near."""
        s = self.seen
        for _ in range(2):
            needed = band(
                self.snapped, self.nearness, s.faces, s.sides, height, _BAND_ROWS, self.starts, self.cursor,
                self.order, self.spans,
            )  # fmt: skip
            if needed <= len(self.order):
                break
            self.order = np.zeros(needed, np.uint32)


def _in_lines(rows: int, columns: int) -> NDArray[np.float32]:
    """Zeros [rows, columns] that begin where a line of the fast memory does, so that a row of 16 is one."""
    memory = np.zeros(rows * columns + 16, np.float32)
    first = -(memory.ctypes.data // 4) % 16
    return memory[first : first + rows * columns].reshape(rows, columns)


def shrunk(picture: Pixels, times: int) -> Pixels:
    """Every pixel the mean of squares of so many a side; what is clear has no colour."""
    height, width, channels = picture.shape
    cells = picture.reshape(height // times, times, width // times, times, channels).astype(np.float32)
    if channels == 4:
        cells[..., :3] *= cells[..., 3:] / 255
    mean = cells.mean((1, 3))
    if channels == 4:
        mean[..., :3] *= 255 / np.maximum(mean[..., 3:], 1)
    return (mean + 0.5).astype(np.uint8)
