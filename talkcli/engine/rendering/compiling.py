"""The renderer's kernels, compiled before the first picture and kept for all others."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

import talkcli
from talkcli.engine.compiled import is_cached
from talkcli.engine.device import cores
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.geometry import posed
from talkcli.engine.face.look import Wrinkles
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.worn import Worn
from talkcli.engine.motion import Motion, Vertices
from talkcli.engine.rendering.acting_skin import blend_wrinkles, wrinkle_maps
from talkcli.engine.rendering.bending import lay_over, trace_back
from talkcli.engine.rendering.camera import look_at
from talkcli.engine.rendering.dressing import carry
from talkcli.engine.rendering.gathering import arrange, survey
from talkcli.engine.rendering.hidden import bury, look_in
from talkcli.engine.rendering.occlusion import face_camera, light_mouth, look_up
from talkcli.engine.rendering.painting import develop, expose, paint, paint_finely
from talkcli.engine.rendering.picture import Painter, PosedMoment
from talkcli.engine.rendering.rasterize import band, project, rasterize
from talkcli.engine.rendering.surface import surface_of, vertex_normals


def is_compiled(quality: str = "standard") -> bool:
    """Whether the first picture comes at once; if not, `compile_renderer` takes a quarter of a minute."""
    return is_cached(
        *([paint_finely] if quality == "fine" else []),
        arrange,
        band,
        blend_wrinkles,
        carry,
        develop,
        expose,
        bury,
        face_camera,
        lay_over,
        light_mouth,
        look_in,
        look_up,
        paint,
        project,
        rasterize,
        survey,
        trace_back,
        vertex_normals,
    )


def compile_renderer(quality: str = "standard") -> None:
    """Draw one small picture and pose one head, so that every kernel is compiled and kept for next time. The
    largest one is compiled meanwhile by a process of its own, where there is a core for it: numba compiles
    one thing at a time."""
    beside = _painting_beside() if cores() > 1 and not is_cached(paint) else None
    try:
        painter, moment = _pyramid()
        painter.prepared(moment)
        lips, mouth, faces = np.zeros((1, 2), np.int64), np.zeros(0, np.int64), painter.surface.faces
        look_in(painter.snapped, painter.nearness, lips, faces, mouth, painter.seen.sides, painter.lit)
        offsets, clear = np.zeros((2, 2, 2)), np.zeros((16 * 16, 4), np.uint8)
        trace_back(offsets, 16.0, offsets.copy())
        here, out = offsets[0].astype(np.float32), np.zeros(16 * 16 * 3 + 1, np.uint8)
        lay_over(clear.astype(np.float32), offsets, 16.0, clear, here, 16, out)
        head = talking_head()
        posed(Motion(Fraction(1), Vertices(torch.zeros(1, *head.neutral.shape))), head)
        if quality == "fine":
            painter.light(moment)
        if beside is not None:
            beside.wait()
    except BaseException:
        if beside is not None:
            beside.kill()
        raise
    painter.draw(moment)


def _painting_beside() -> subprocess.Popen[bytes]:
    words, nowhere = f"from {__name__} import compile_painting; compile_painting()", subprocess.DEVNULL
    where = Path(talkcli.__file__).parent.parent  # begins the path of what it imports
    return subprocess.Popen(
        [sys.executable, "-c", words], cwd=where, stdin=nowhere, stdout=nowhere, stderr=nowhere
    )


def compile_painting() -> None:
    """The largest kernel alone."""
    _pyramid()[0].paint_nothing()


def _pyramid() -> tuple[Painter, PosedMoment]:
    """A small head with wrinkles and a tuft of hair, and whoever paints it."""
    corners = torch.tensor([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]])
    faces = torch.tensor([[0, 1, 3], [1, 2, 3], [2, 0, 3]])
    tuft = Worn(
        name="tuft",
        kind="strands",
        points=torch.tensor([[0.0, 0.0, 0.1], [0.0, 0.0, 0.2]]),
        carriers=torch.tensor([[3]]),
        shares=torch.ones(1, 1),
        anchors=torch.arange(4),
        colour=torch.zeros(1, 3, dtype=torch.uint8),
        faces=torch.zeros(0, 3, dtype=torch.long),
        nodes=2,
        widths=torch.tensor([0.01]),
    )
    surface = surface_of(Avatar("pyramid", corners, faces, torch.tensor([0]), worn=(tuft,)), None)
    wrinkles = Wrinkles(
        ("all",),
        torch.ones(1, 8, 8, dtype=torch.int8),
        torch.ones(1, 8, 8, dtype=torch.int8),
        torch.ones(1, 1),
    )
    painter = Painter(surface, 16, 16, maps=wrinkle_maps(wrinkles))
    view = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
    return painter, PosedMoment(corners.numpy(), view, 50.0, np.ones(1, np.float32))
