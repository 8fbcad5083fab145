"""Find how MediaPipe errs by whom it sees: python recipes/fit_errors.py OUT.json

Photographs people of the studio (benchmarks/photo.py, with skins of half as many texels), fits the head to
what MediaPipe sees of them, and learns from whom that finds, and which way they look, how far off each point
is from where they have it; of mirror images, too. OUT.json has the form of assets/mediapipe_errors.json. Then
says what is left of the errors of people held out. Needs the extra capture; half an hour on one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.photo import SIZE, photograph
from talkcli.engine.capture.captured_person import captured_person
from talkcli.engine.capture.detector import Detector, MediaPipe
from talkcli.engine.capture.detector_errors import ERROR_UNIT, DetectorErrors, causes_of, face_axes
from talkcli.engine.capture.landmark_sets import OTHER_SIDE, SKIN_POINTS
from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.sight import sight_of
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.rendering.view import seen_at
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.avatars import make_avatar, sample_outfit
from talkcli.engine.studio.scanned.people import mirroring, sample_person

PEOPLE, FIRST_SEED = 364, 30000
HELD_OUT, FIRST_HELD_OUT = 20, 5000

TEXELS = 512

RANK = 20
"""Ways of erring that are told apart."""

PULL, OF_MODE, OF_LOOK = 0.3, 0.1, 3.0
"""Of the mean variance of the causes, that of what pulls all to 0; what causes are multiplied with before, so
that modes of an identity weigh less than ways of looking."""

MOVES_MOST = 0.05
"""Eye distances of the largest of a way's moves, as written."""


class Seen(NamedTuple):
    causes: Array
    error: Array
    """[points, 2] to where the points belong, eye distances along and across the eyes"""


def seen_people(first: int, count: int, detector: Detector) -> Iterator[Seen]:
    model = load_face_model()
    plain = marks_on(model, model.template)
    for seed in range(first, first + count):
        person = sample_person(seed)
        outfit = sample_outfit(np.random.default_rng([seed, 7]), person.skin)
        avatar = make_avatar(f"person-{seed}", person, outfit, TEXELS)
        taken = photograph(avatar, np.random.default_rng(seed))
        body = vertices(taken.motion, avatar)[0]
        view, focal = taken.camera.centred(0)
        places = landmark_points(body, model.topology, "mediapipe").double() @ view[:3, :3].T + view[:3, 3]
        true = seen_at(places.numpy(), focal, (SIZE, SIZE))
        for points in detector.faces(taken.picture)[:1]:
            sight = sight_of(points[None], (SIZE, SIZE), plain)
            fit = captured_person(model, points[None], (SIZE, SIZE)).fit
            axes = face_axes(sight.points[0], sight.unit)
            yield Seen(causes_of(fit, 0), (true - sight.points[0]) @ axes.T)
            print(f"person-{seed} is seen", flush=True)


def mirrored(seen: Seen) -> Seen:
    modes, (aside, up) = seen.causes[:-2], seen.causes[-2:]
    error = seen.error[list(OTHER_SIDE)] * [-1, 1]
    return Seen(np.concatenate([modes @ mirroring(), [-aside, up]]), error)


def learnt(people: Sequence[Seen]) -> DetectorErrors:
    """By ridge regression of reduced rank."""
    both = [*people, *map(mirrored, people)]
    share = np.full(len(both[0].causes), OF_MODE)
    share[-2:] = OF_LOOK
    causes = np.array([seen.causes for seen in both]) * share
    errors = np.array([seen.error.ravel() for seen in both])
    middle, always = causes.mean(0), errors.mean(0)
    spread = causes - middle
    square = spread.T @ spread
    pull = PULL * np.trace(square) / len(causes)
    slope = np.linalg.solve(square + pull * np.eye(len(square)), spread.T @ (errors - always))
    ways = np.linalg.svd(spread @ slope, full_matrices=False)[2][:RANK]
    by_way = slope @ ways.T
    most = np.abs(ways).max(1) / MOVES_MOST
    points = (-1, len(OTHER_SIDE), 2)
    return DetectorErrors(
        (always - middle @ by_way @ ways).reshape(points)[0],
        share[:, None] * by_way * most,
        (ways / most[:, None]).reshape(points),
    )


def left(people: Sequence[Seen], errors: DetectorErrors) -> float:
    """Root mean square over points of the skin, eye distances."""
    apart = [(seen.error - errors.by(seen.causes))[:SKIN_POINTS] for seen in people]
    return float(np.sqrt(np.square(apart).sum(-1).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=PEOPLE)
    words, detector = parser.parse_args(), MediaPipe()
    errors = learnt(list(seen_people(FIRST_SEED, words.people, detector)))
    told = {name: np.rint(part / ERROR_UNIT).astype(int).tolist() for name, part in errors._asdict().items()}
    words.out.write_text(json.dumps(told, separators=(",", ":")))
    others = list(seen_people(FIRST_HELD_OUT, HELD_OUT, detector))
    none = DetectorErrors(*(0 * part for part in errors))
    seen, moved = left(others, none), left(others, errors)
    print(f"points of others are {seen:.2%} off, and {moved:.2%} where they belong")


if __name__ == "__main__":
    main()
