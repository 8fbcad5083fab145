"""Which of a photograph's face is drawn, and which is the photograph's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_photo_stage import motion_of, photographed

from talkcli.engine.face.rigs import load_rig
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.rendering.photo_share import PartsSeen, kept_share, outline_share
from talkcli.engine.rendering.photo_stage import as_photographed, photo_frames

METRE, SIDE = 1000.0, 120
"""Pixels."""
GREEN = np.array([20, 230, 40])
FINER, SIZE = 3, (384, 480)
NOSE_TIP, IRIS = 4, 468
"""The detector's points."""


def parts(**there: tuple[slice, slice]) -> PartsSeen:
    masks = {name: np.zeros((SIDE, SIDE), bool) for name in PartsSeen._fields}
    for name, where in there.items():
        masks[name][where] = True
    return PartsSeen(**masks)


def shares(levels: float, seen: PartsSeen) -> np.ndarray:
    """Where the drawing is everywhere so much brighter than the picture."""
    picture = np.full((SIDE, SIDE, 3), 100, np.float32)
    drawing = np.full((SIDE, SIDE, 4), 100 + levels, np.uint8)
    drawing[..., 3] = 255
    return kept_share(picture, drawing, seen, METRE)


@pytest.mark.parametrize(("levels", "share"), [(0, 1), (6, 1), (12, 0.5), (18, 0), (60, 0)])
def test_the_drawing_is_shown_where_it_is_what_the_picture_shows(levels, share):
    assert np.allclose(shares(levels, parts()), share)


def test_a_nose_is_the_pictures_however_alike_and_eyes_and_lips_are_drawn_however_unlike():
    middle = np.s_[50:70], np.s_[50:70]
    nose = shares(0, parts(nose=middle))
    assert nose[60, 60] == 0 and nose[60, 79] == 1 and 0.2 < nose[60, 73] < 0.8
    for name, reach in (("eyes", 3.0), ("mouth", 8.0), ("frame", 20.0)):
        share = shares(60, parts(**{name: middle}))
        away = np.flatnonzero(share[60, 70:] == 0)[0]
        assert share[60, 60] == 1 and away == pytest.approx(reach - 1, abs=1)


def test_an_outline_is_the_pictures_and_the_middle_of_a_face_drawn():
    face = np.zeros((SIDE, SIDE), bool)
    face[20:100, 20:100] = True
    share = outline_share(face, METRE)
    assert share[~face].max() == 0 and share[60, 22] == 0 and share[60, 60] == 1
    assert np.all(np.diff(share[60, 20:60]) >= 0)


@pytest.mark.parametrize(("point", "kept"), [(NOSE_TIP, True), (IRIS, False)])
def test_what_a_photograph_has_on_a_nose_stays_and_turns_along_and_what_it_has_in_an_eye_is_drawn_over(
    point, kept
):
    """A green dot."""
    sitter = photographed(finer=FINER)
    assert sitter.photograph is not None
    photo, topology = sitter.photograph, load_rig("facekit").topology
    body = torch.from_numpy(as_photographed(photo, sitter))
    if point == IRIS:
        place = body[topology.regions["right_eye"].long()]
        place = place[place[:, 2].argmax()]
    else:
        place = landmark_points(body.float(), topology, "mediapipe")[point].double()
    there = place.numpy() @ photo.view[:3, :3].double().numpy().T + photo.view[:3, 3].numpy()
    across = photo.lens[0].item() * there[0] / -there[2] + photo.lens[2].item()
    down = -photo.lens[1].item() * there[1] / -there[2] + photo.lens[3].item()
    picture = photo.picture.numpy().copy()
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    picture[(rows - down) ** 2 + (columns - across) ** 2 < 16] = GREEN
    dotted = replace(sitter, photograph=replace(photo, picture=torch.from_numpy(picture)))
    still, turned = photo_frames(motion_of(0, 8, jawOpen=0.2), dotted, SIZE, workers=1)
    green = [np.argwhere(np.abs(frame.astype(int) - GREEN).max(-1) < 60) for frame in (still, turned)]
    assert [len(dots) > 20 for dots in green] == [kept, kept]
    if kept:
        moved = green[1].mean(0) - green[0].mean(0)
        assert moved[1] > 5 and abs(moved[0]) < 3
