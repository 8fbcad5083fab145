"""A film's own pictures say where the lower lip ends, where a detector takes a tongue for it. The detector
here is the truth, but for what MediaPipe was seen to do: shut contours coincide, tongues count as lips."""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np
import torch
from test_footage import Truth, film

from talkcli.engine.assets import asset, assets_folder
from talkcli.engine.capture.film_watch import watched_film
from talkcli.engine.capture.landmark_sets import INNER_LIPS, MIDDLE_LIPS
from talkcli.engine.capture.lip_edges import LINE_ROWS, LINES, mouth_lines, with_seen_lips
from talkcli.engine.capture.sight import LIPS_SHUT, PARTED_CONTOURS, eye_distances
from talkcli.engine.clips import ClipSet
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.view import seen_at

SIZE, FOCAL, FPS = (320, 320), 900.0, Fraction(30)
WORDS = slice(62, 126)
"""Frames in which lips shut twice, and a tongue lies against the lower one."""
TONGUE = 0.06
"""Eye distances, 4 mm, by which the detector takes the tongue of an open mouth for the lip."""
UPPER, LOWER = np.array(INNER_LIPS).T
EDGE = [inner for _, _, inner, _ in LINES]


def gaps(points: np.ndarray) -> np.ndarray:
    """[frames] eye distances between lips."""
    above, below = np.array(MIDDLE_LIPS).T
    return np.linalg.norm(points[:, above] - points[:, below], axis=-1).mean(1) / eye_distances(points)


@functools.cache
def spoken() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Pictures of kofi, where points are, and where the detector has them."""
    face = ClipSet(assets_folder() / "clips")[1].motion.face
    assert isinstance(face, Coefficients)
    said, avatar = face.expression[WORDS], load_avatar(asset("kofi.avatar"))
    motion = Motion(FPS, Coefficients(said, torch.zeros(len(said), 3)))
    view = torch.eye(4)
    view[:3, 3] = torch.tensor([0.0, -0.02, -0.75])
    pictures = list(frames(motion, avatar, centred_camera(view[None], FOCAL, *SIZE), background="#4060a0"))
    places = landmark_points(vertices(motion, avatar), load_face_model().topology, "mediapipe").double()
    true = seen_at(places.numpy() + view[:3, 3].double().numpy(), FOCAL, SIZE)
    apart, seen = gaps(true), true.copy()
    parted = np.clip((apart - apart.min()) / PARTED_CONTOURS, 0, 1)
    half = apart.min() * (1 - parted) * eye_distances(true) / 2
    seen[:, UPPER, 1] += half[:, None]
    seen[:, LOWER, 1] -= (half + TONGUE * eye_distances(true) * (apart > 0.15))[:, None]
    return pictures, true, seen


def lines_of(pictures: list[np.ndarray], seen: np.ndarray) -> np.ndarray:
    return np.array([mouth_lines(each, points) for each, points in zip(pictures, seen, strict=True)])


def test_a_tongue_that_was_taken_for_the_lip_is_told_from_it_by_its_colour(tmp_path):
    """Through the film as it is watched, compressed."""
    pictures, true, seen = spoken()
    run = watched_film(film(tmp_path / "me.mp4", pictures, FPS), Truth([[each] for each in seen]), 30).runs[0]
    fooled = gaps(true) > 0.15
    off = [np.abs(points[fooled][:, EDGE, 1] - true[fooled][:, EDGE, 1]) for points in (seen, run.points)]
    assert fooled.sum() > 20 and np.median(off[1]) < 0.7 * np.median(off[0])
    follows = [np.corrcoef(gaps(points), gaps(true))[0, 1] for points in (seen, run.points)]
    assert follows[0] < 0.95 and follows[1] > 0.98


def test_shut_lips_and_all_that_is_no_lower_lip_stay_where_they_are_seen():
    pictures, _, seen = spoken()
    mended = with_seen_lips(seen, lines_of(pictures, seen))
    shut = gaps(seen) < LIPS_SHUT
    assert shut.sum() > 3 and (mended[shut] == seen[shut]).all()
    rest = np.setdiff1d(np.arange(seen.shape[1]), [*EDGE, *(outer for *_, outer in LINES), 95, 324])
    assert (mended[:, rest] == seen[:, rest]).all() and not (mended == seen).all()


def test_where_lips_look_like_what_lies_between_them_the_detector_is_believed():
    _, _, seen = spoken()
    lines = np.full((len(seen), len(LINES), LINE_ROWS, 3), (150, 90, 80), np.uint8)
    assert np.abs(with_seen_lips(seen, lines) - seen).max() < 1e-6


def test_a_mouth_that_never_shuts_shows_no_lip_to_know_and_stays_as_it_is_seen():
    pictures, _, seen = spoken()
    parted = np.flatnonzero(gaps(seen) > LIPS_SHUT)
    some = seen[parted]
    assert (with_seen_lips(some, lines_of([pictures[i] for i in parted], some)) == some).all()
