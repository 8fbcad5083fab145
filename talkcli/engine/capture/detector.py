"""Where a picture shows faces, and which of its pixels are a person: MediaPipe, behind a small protocol."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.capture.detector_errors import DetectorErrors, detector_errors
from talkcli.engine.capture.landmark_sets import OTHER_SIDE
from talkcli.engine.errors import MissingAsset
from talkcli.engine.unimported import unimported

Photo = NDArray[np.uint8]
"""[height, width, 3] sRGB."""

MESH_POINTS = 478
"""Of MediaPipe's face mesh with irises, in its order: see `landmark_sets`."""

MOST_FACES = 8
CONFIDENCE = 0.4
"""Below it a face is none."""

FAR_CONFIDENCE, FAR_PART = 0.5, 2.0
"""The same of faces that are small in their picture, and how large the part is in which one is looked at, in
sizes of what is found: FaceMesh by itself finds three of four within an eighth of the picture's width."""

BORDERS = (0, 1 / 3, 1)
"""Of the longer side, laid round a picture in which no face is found: one that fills it is found so."""

FOLLOWED_FACES = 2
"""Faces of a film that are followed at most: whose it is, and whoever comes beside them."""

SAME_FACE = 0.15
"""Of a face's width, how far off its mirror image may see it on average."""

CAPTURE_INSTALL = "pip install 'talkcli[capture]'"


class Detector(Protocol):
    """What finds faces."""

    @property
    def errors(self) -> DetectorErrors | None:
        """How its points err by whom it sees, where that is known."""
        ...

    def faces(self, picture: Photo) -> list[NDArray[np.float64]]:
        """[MESH_POINTS, 2] column and row of each face, pixels, the largest first."""
        ...

    def following(self, pictures: Iterable[Photo]) -> Iterator[list[NDArray[np.float64]]]:
        """The same of pictures that follow each other: steadier and in half the time."""
        ...

    def person(self, picture: Photo) -> NDArray[np.float32]:
        """[height, width] how surely a pixel is somebody's, 0..1."""
        ...


class MediaPipe:
    """FaceMesh and SelfieSegmentation of mediapipe 0.10.14, whose wheel brings their weights."""

    def __init__(self) -> None:
        self._solutions = _solutions()

    @property
    def errors(self) -> DetectorErrors:
        return detector_errors()

    def faces(self, picture: Photo) -> list[NDArray[np.float64]]:
        """Those that FaceMesh finds by itself, which are near, and those of a detector of far ones."""
        settings = {"max_num_faces": MOST_FACES, "min_detection_confidence": CONFIDENCE}
        with (
            _quiet(),
            self._solutions.face_mesh.FaceMesh(
                static_image_mode=True, refine_landmarks=True, **settings
            ) as mesh,
            self._solutions.face_detection.FaceDetection(
                model_selection=1, min_detection_confidence=FAR_CONFIDENCE
            ) as finder,
        ):
            found = _near_faces(mesh, picture)
            for corner, part in _far_places(finder, picture):
                middle = corner + np.array(part.shape[1::-1]) / 2
                if not any(_within(points, middle) for points in found):
                    there = [points + corner for points in _mirrored_faces(mesh, part)]
                    found += [points for points in there if _within(points, middle)][:1]
        return sorted(found, key=_negative_area)

    def following(self, pictures: Iterable[Photo]) -> Iterator[list[NDArray[np.float64]]]:
        """While one picture is looked at, a thread looks at the mirror image of the one before it, for as
        many faces as were seen: nothing is sought in a picture that shows them all."""
        with ThreadPoolExecutor(1, thread_name_prefix="mirror") as beside, ExitStack() as followers:
            follower = cache(lambda most: followers.enter_context(self._follower(most)))
            straight = followers.enter_context(self._follower(FOLLOWED_FACES))
            before: tuple[Photo, list[NDArray[np.float64]]] | None = None
            for picture in pictures:
                with _quiet():
                    turned = beside.submit(_both_ways, follower, *before) if before else None
                    found = _found(straight, picture)
                    seen = turned and turned.result()
                if seen is not None:
                    yield seen
                before = picture, found
            if before:
                with _quiet():
                    seen = _both_ways(follower, *before)
                yield seen

    def _follower(self, most: int) -> Any:
        settings = {"max_num_faces": most, "min_detection_confidence": CONFIDENCE}
        with _quiet():
            mesh = self._solutions.face_mesh.FaceMesh(refine_landmarks=True, **settings)
            _found(mesh, np.zeros((64, 64, 3), np.uint8))  # its threads have their say while nobody listens
        return mesh

    def person(self, picture: Photo) -> NDArray[np.float32]:
        with _quiet(), self._solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as model:
            return np.array(model.process(picture).segmentation_mask, np.float32)


def _near_faces(mesh: Any, picture: Photo) -> list[NDArray[np.float64]]:
    """The largest first; where there is none, of the picture in a border."""
    for share in BORDERS:
        border = round(share * max(picture.shape[:2]))
        wider = np.ascontiguousarray(np.pad(picture, ((border, border), (border, border), (0, 0))))
        if places := _mirrored_faces(mesh, wider):
            return [points - border for points in places]
    return []


def _mirrored_faces(mesh: Any, picture: Photo) -> list[NDArray[np.float64]]:
    """The faces of a picture, by its mirror image as well."""
    places = _found(mesh, picture)
    turned = _found(mesh, mirror_image(picture)) if places else []
    return [with_mirrored(points, turned, picture.shape[1]) for points in places]


def _far_places(finder: Any, picture: Photo) -> Iterator[tuple[NDArray[np.int64], Photo]]:
    """Where small faces are: the corner [2], column and row, of the part about each, and that part."""
    size = np.array(picture.shape[1::-1])
    for each in finder.process(picture).detections or ():
        box = each.location_data.relative_bounding_box
        middle = np.array([box.xmin + box.width / 2, box.ymin + box.height / 2]) * size
        half = FAR_PART / 2 * max(box.width * size[0], box.height * size[1])
        low, high = (middle - half).clip(0).astype(int), (middle + half).clip(0, size).astype(int)
        if (high > low).all():
            yield low, np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]])


def _within(points: NDArray[np.float64], place: NDArray[np.float64]) -> bool:
    return bool((points.min(0) < place).all() and (place < points.max(0)).all())


def _found(mesh: Any, picture: Photo) -> list[NDArray[np.float64]]:
    """The largest first."""
    faces = mesh.process(picture).multi_face_landmarks or ()
    scale = np.array(picture.shape[1::-1])
    places = [np.array([[p.x, p.y] for p in face.landmark]) * scale for face in faces]
    return sorted(places, key=_negative_area)


def _negative_area(points: NDArray[np.float64]) -> float:
    return -float(np.ptp(points, axis=0).prod())


def _both_ways(
    follower: Callable[[int], Any], picture: Photo, found: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """The faces of a picture, by its mirror image as well."""
    turned = _found(follower(len(found)), mirror_image(picture)) if found else []
    return [with_mirrored(points, turned, picture.shape[1]) for points in found]


def mirror_image(picture: Photo) -> Photo:
    """Left for right, plane by plane: six times as fast as pixel by pixel."""
    turned = np.empty_like(picture)
    for plane in range(picture.shape[2]):
        turned[..., plane] = picture[:, ::-1, plane]
    return turned


def with_mirrored(
    points: NDArray[np.float64], turned: list[NDArray[np.float64]], width: int
) -> NDArray[np.float64]:
    """Points of a face, and what the picture's mirror image shows of it, half and half: each errs its own
    way. As they are, where the mirror shows it elsewhere or not at all."""
    for other in turned:
        back = np.stack([width - other[:, 0], other[:, 1]], 1)[list(OTHER_SIDE)]
        if np.linalg.norm(back - points, axis=1).mean() < SAME_FACE * np.ptp(points[:, 0]):
            return (points + back) / 2
    return points


def _solutions() -> Any:
    try:
        with _quiet(), unimported("matplotlib", "matplotlib.pyplot"):  # it would plot, which takes as long
            import mediapipe  # type: ignore[import-not-found]  # a second, and an extra
    except ImportError as error:
        raise MissingAsset("Finding a face needs mediapipe.", CAPTURE_INSTALL) from error
    if not hasattr(mediapipe, "solutions"):
        raise MissingAsset(
            f"mediapipe {mediapipe.__version__} brings no models, 0.10.14 does.", CAPTURE_INSTALL
        )
    return mediapipe.solutions


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what mediapipe's own code writes to stderr, whatever it is told."""
    sys.stderr.flush()
    with warnings.catch_warnings(action="ignore"), open(os.devnull, "w") as nowhere:
        terminal = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
