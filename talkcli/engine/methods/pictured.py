"""Somebody from pictures with known cameras, by a method that makes bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.capture.detector import Detector, MediaPipe
from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.person_shots import PersonShots, person_shots
from talkcli.engine.capture.posed_pictures import holds_posed_pictures, posed_pictures
from talkcli.engine.capture.world_alignment import aligned_pictures
from talkcli.engine.errors import BadUsage, MissingAsset
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.methods import load_method, methods_that
from talkcli.engine.methods.method import BodyFit, Talker
from talkcli.engine.studio.captures import SUFFIX, CaptureSession, load_capture

PICTURE_SIZE = 256
"""Pixels along a side of the pictures that are learnt from."""


def is_pictured(source: Path) -> bool:
    """Whether a source is pictures with known cameras: one of our captures, or a folder of others'."""
    return source.suffix == SUFFIX if source.is_file() else holds_posed_pictures(source)


def body_fit(
    talker: Talker, source: Path, settings: Mapping[str, Any], seed: int = 0
) -> tuple[BodyFit, list[str]]:
    """A fit that is not begun, and what is to be said of it. BadUsage for a method that makes no bodies;
    errors as in `posed_pictures`, `aligned_pictures` and `person_shots`."""
    _fitting(talker)
    shots, notes = (captured_shots(load_capture(source)), []) if source.is_file() else _of_folder(source)
    if not any(shots.kept_out):
        notes.append("No picture is kept out, so nothing says how good the head is.")
    return shots_fit(talker, shots, settings, seed), notes


def shots_fit(talker: Talker, shots: PersonShots, settings: Mapping[str, Any], seed: int = 0) -> BodyFit:
    """The same of pictures that are at hand."""
    return _fitting(talker)(talker, shots, settings, seed)


def _fitting(talker: Talker) -> Callable[[Any, Any, Mapping[str, Any], int], BodyFit]:
    method = load_method(talker.method)
    if method.fits is None:
        able = " or ".join(methods_that(lambda other: other.fits is not None))
        raise BadUsage(f"{method.name} makes nobody of pictures with cameras.", f"Take --model {able}.")
    return method.fits


def captured_shots(capture: CaptureSession) -> PersonShots:
    """All pictures of a session; its faces and its camera for tests are kept out."""
    tests = capture.face >= len(capture.weights) - capture.tests
    out = tests | (capture.camera == len(capture.cameras.views) - 1)
    camera = capture.cameras.part(capture.camera.tolist())
    return PersonShots(capture.pictures, camera, capture.weights[capture.face], tuple(out.tolist()))


def _of_folder(folder: Path) -> tuple[PersonShots, list[str]]:
    source, detector = posed_pictures(folder), _detector()
    notes = []
    if not any(each.weights for each in source.pictures):
        notes.append("Nothing says what the face does in these pictures: it is taken to be at rest.")
    marks = marks_on(load_rig(DEFAULT_RIG), talking_head().neutral)
    source = aligned_pictures(source, marks, detector)
    return person_shots(source, load_rig(DEFAULT_RIG), PICTURE_SIZE, detector), notes


def _detector() -> Detector | None:
    try:
        return MediaPipe()
    except MissingAsset:
        return None
