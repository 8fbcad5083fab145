"""A followed film as pictures of its person by cameras about a head that does not turn."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import binary_fill_holes

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.detector import Detector
from talkcli.engine.capture.film_crops import square_views
from talkcli.engine.capture.film_likeness import face_masks
from talkcli.engine.capture.film_squares import film_squares
from talkcli.engine.capture.film_track import TrackedFilm, seen_motion
from talkcli.engine.capture.person_shots import PersonShots
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.struct import along_frames

SHOTS, SHOT_SIDE = 60, 256
"""Pictures at most, and pixels of their sides."""


def film_shots(tracked: TrackedFilm, avatar: Avatar, detector: Detector) -> PersonShots:
    """The faces of pictures that are not kept out, each by its own camera: what is hair, neck or cloth, and
    moves otherwise, is cut out. `avatar`: whoever the film shows."""
    span, fit = tracked.spans[tracked.longest], tracked.person.fit
    some, squares, pictures, _ = film_squares(tracked, detector, SHOT_SIDE, SHOTS, kept_out=False)
    motion, seen_by = seen_motion(tracked, load_rig(DEFAULT_RIG), tracked.longest)
    motion = along_frames(motion, lambda track: track[some.tolist()])
    moving = square_views(seen_by.part(some.tolist()), squares, SHOT_SIDE)
    faces = np.stack(face_masks(motion, avatar, moving))
    faces = np.array([binary_fill_holes(face) for face in faces], bool)
    pictures[..., 3] = 255 * (faces & (pictures[..., 3] > 127))
    views = np.tile(np.eye(4), (len(some), 1, 1))
    views[:, :3, :3], views[:, :3, 3] = fit.turns[span][some], fit.shifts[span][some]
    still = centred_camera(torch.from_numpy(views).float(), fit.focal, *tracked.watched.size)
    weights = torch.from_numpy(fit.weights[span][some]).float()
    return PersonShots(
        torch.from_numpy(pictures),
        square_views(still, squares, SHOT_SIDE),
        weights,
        (False,) * len(some),
        cut_out=True,
        person=avatar,
    )
