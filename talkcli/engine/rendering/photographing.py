"""Fine pictures: a painter's, through a photographer's lens and onto film."""

from __future__ import annotations

import zlib

import numpy as np

from talkcli.engine.rendering.film import printed
from talkcli.engine.rendering.lens import LENS_SAMPLES, aperture_of, lens_views
from talkcli.engine.rendering.picture import Painter, Pixels, PosedMoment
from talkcli.engine.rendering.spectacles import glazed, rims_of
from talkcli.engine.rendering.surface import EYE


class Photographer:
    """Draws frames as a Painter does, focused on the nearer eye, with glass in glasses. Not to be shared by
    threads.

    A frame's grain is drawn from what it shows: the same wherever and whenever it is drawn.
    """

    def __init__(self, painter: Painter) -> None:
        self._painter, surface = painter, painter.surface
        eyes = np.unique(surface.faces[surface.materials == EYE]).astype(np.int64)
        self._aim = eyes if len(eyes) else np.arange(len(surface.neutral) - len(surface.dressing.rest))
        self._rims = rims_of(surface)

    def draw(self, moment: PosedMoment) -> Pixels:
        """[height, width, 3], or 4 where the background is transparent."""
        painter, view = self._painter, moment.view
        shape = painter.bare.shape
        nearest = float(-(moment.vertices[self._aim] @ view[2, :3] + view[2, 3]).max())
        light = np.zeros(shape, np.float32)
        aperture = aperture_of(moment.focal, min(shape[:2]))
        for seen in lens_views(view, moment.focal, nearest, aperture):
            light += painter.light(moment._replace(view=seen))
        shown = zlib.crc32(view.tobytes(), zlib.crc32(moment.vertices.tobytes()))
        light /= LENS_SAMPLES
        light = glazed(light, painter.vertices, self._rims, painter.rig, view, moment.focal)
        return printed(light, shown)
