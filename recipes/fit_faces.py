"""Find what MediaPipe's points say a face does: python recipes/fit_faces.py OUT.json

Photographs people of the studio, each as benchmarks/photo.py does and in three faces drawn here, and learns
from the points that MediaPipe sees how far brows are down, eyes narrowed and noses wrinkled; and how far off
each point is seen then. OUT.json has the form of assets/mediapipe_faces.json. Says what is told of others.
Needs the extra capture; half an hour on one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.photo import SIZE, Taken, photograph
from talkcli.engine.capture.detector import Detector, MediaPipe
from talkcli.engine.capture.detector_errors import ERROR_UNIT, face_axes
from talkcli.engine.capture.face_fit import begun
from talkcli.engine.capture.landmark_sets import OTHER_SIDE, SKIN_POINTS
from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.seen_faces import SIGN_UNIT, SeenFaces, places_on_face
from talkcli.engine.capture.sight import sight_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.topology import landmark_points
from talkcli.engine.motion import Coefficients
from talkcli.engine.rendering.view import seen_at
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.avatars import make_avatar, sample_outfit
from talkcli.engine.studio.scanned.people import mirroring, sample_person

PEOPLE, FIRST_SEED = 300, 30000
HELD_OUT, FIRST_HELD_OUT = 20, 5000

TEXELS = 512

FACES = 3
"""Drawn of each person, beside the one of photo.py."""

TOLD = ("browDown", "eyeSquint", "noseSneer")

DRAWN = {
    "browDown": (0.45, 1.0), "eyeSquint": (0.3, 1.0), "noseSneer": (0.25, 0.9), "browInnerUp": (0.25, 1.0),
    "browOuterUp": (0.25, 1.0), "mouthSmile": (0.3, 0.9), "jawOpen": (0.4, 0.3), "mouthFrown": (0.2, 1.0),
    "mouthPress": (0.1, 0.6), "eyeWide": (0.1, 1.0), "cheekSquint": (0.15, 1.0), "mouthPucker": (0.08, 0.6),
    "eyeBlink": (0.15, 0.35), "mouthUpperUp": (0.1, 0.6), "mouthLowerDown": (0.1, 0.6),
}  # fmt: skip
"""In what share of the faces a shape is, and its largest weight."""

HEAVIER, RAISED, SELDOM_RAISED = 0.7, ("browInnerUp", "browOuterUp"), 0.8
"""Power of chance by which brows are down; what they seldom do then, and how seldom."""

SIGN_PULL, MOVE_PULL = 1e-4, 1e-2
"""Square eye distances that draw all signs to 0, and of the causes, that draw all moves."""

OF_MODE, OF_LOOK, OF_WEIGHT = 0.1, 3.0, 3.0
"""What causes are multiplied with before."""

FOLDS, SURE = 4, 0.5
"""Parts of the people, each judged by what the others teach; how many standard deviations a face must stand
out of those that do not do so."""


class Shown(NamedTuple):
    who: int
    identity: Array
    """[modes] the true one"""
    look: Array
    """[2] which way the face looks, aside and up"""
    weights: Array
    """[shapes] the true ones"""
    places: Array
    """[points, 2] as they are seen, eye distances on the face"""
    error: Array
    """[points, 2] from there to where they belong"""


def drawn_face(chance: np.random.Generator) -> dict[str, float]:
    """Weights by name; brows that are down are seldom raised as well."""
    face = {}
    for name, (share, most) in DRAWN.items():
        if chance.random() < share:
            face[name] = most * chance.random() ** (HEAVIER if name == "browDown" else 1)
    if "browDown" in face and chance.random() < SELDOM_RAISED:
        return {name: weight for name, weight in face.items() if name not in RAISED}
    return face


def shown_faces(first: int, count: int, detector: Detector) -> Iterator[Shown]:
    for seed in range(first, first + count):
        person, chance = sample_person(seed), np.random.default_rng([seed, 99])
        outfit = sample_outfit(np.random.default_rng([seed, 7]), person.skin)
        avatar = make_avatar(f"person-{seed}", person, outfit, TEXELS)
        drawn = [(drawn_face(chance), [seed, 100 + number]) for number in range(FACES)]
        for face, drawn_by in [(None, seed), *drawn]:
            taken = photograph(avatar, np.random.default_rng(drawn_by), face)
            for points in detector.faces(taken.picture)[:1]:
                yield shown(seed, person.identity.double().numpy(), taken, avatar, points)
        print(f"person-{seed} is seen", flush=True)


def shown(who: int, identity: Array, taken: Taken, avatar: Avatar, points: Array) -> Shown:
    """From the points that are seen of a photograph."""
    model, (view, focal) = load_face_model(), taken.camera.centred(0)
    body = landmark_points(vertices(taken.motion, avatar)[0], model.topology, "mediapipe").double()
    true = seen_at((body @ view[:3, :3].T + view[:3, 3]).numpy(), focal, (SIZE, SIZE))
    face = taken.motion.face
    assert isinstance(face, Coefficients)
    return shown_at(who, identity, face.expression[0].double().numpy(), points, true)


def shown_at(who: int, identity: Array, weights: Array, points: Array, true: Array) -> Shown:
    """From points [points, 2] as they are seen and as they are, pixels."""
    plain = marks_on(load_face_model(), load_face_model().template)
    sight = sight_of(points[None], (SIZE, SIZE), plain)
    [seen], [turn] = sight.points, begun(plain, sight).turns
    error = (true - seen) @ face_axes(seen, sight.unit).T
    return Shown(who, identity, turn[:2, 2], weights, places_on_face(seen, sight.unit), error)


def other_side(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def mirrored(seen: Shown) -> Shown:
    names = load_face_model().shape_names
    other = [names.index(other_side(name)) for name in names]
    places, error = (part[list(OTHER_SIDE)] * [-1, 1] for part in (seen.places, seen.error))
    look = seen.look * [-1, 1]
    return Shown(seen.who, seen.identity @ mirroring(), look, seen.weights[other], places, error)


def ridge(causes: Array, effects: Array, pull: float) -> tuple[Array, Array]:
    """[causes, effects] slopes, and [effects] what there is without causes."""
    middle, always = causes.mean(0), effects.mean(0)
    spread = causes - middle
    square = spread.T @ spread / len(causes) + pull * np.eye(len(middle))
    slope = np.linalg.solve(square, spread.T @ (effects - always) / len(causes))
    return slope, always - middle @ slope


def learnt(faces: Sequence[Shown]) -> SeenFaces:
    both = [*faces, *map(mirrored, faces)]
    names = load_face_model().shape_names
    share = np.array([[name.startswith(shape) for name in names] for shape in TOLD], float)
    weights = np.array([each.weights for each in both])
    told = weights @ share.T / share.sum(1)
    places = np.array([each.places[:SKIN_POINTS].ravel() for each in both])
    fold = np.array([each.who % FOLDS for each in both])
    judged = np.empty_like(told)
    for part in range(FOLDS):
        slope, always = ridge(places[fold != part], told[fold != part], SIGN_PULL)
        judged[fold == part] = always + places[fold == part] @ slope
    steady = [judged[told[:, k] == 0, k] for k in range(len(TOLD))]
    least = np.array([others.mean() + SURE * others.std() for others in steady])
    whole = np.array([np.polyval(np.polyfit(told[:, k], judged[:, k], 1), 1) for k in range(len(TOLD))])
    slope, always = ridge(places, told, SIGN_PULL)
    signs = np.rint(slope / (whole - least) / SIGN_UNIT) * SIGN_UNIT
    middle = places.mean(0)
    always = (always + middle @ slope - least) / (whole - least) - middle @ signs
    causes = [np.r_[OF_MODE * each.identity, OF_LOOK * each.look, OF_WEIGHT * each.weights] for each in both]
    errors = np.array([each.error.ravel() for each in both])
    by_cause, _ = ridge(np.array(causes), errors, MOVE_PULL)
    moves = OF_WEIGHT * share @ by_cause[-len(names) :]
    return SeenFaces(TOLD, always, signs.T.reshape(len(TOLD), -1, 2), moves.reshape(len(TOLD), -1, 2))


def as_told(faces: SeenFaces) -> dict[str, object]:
    """In whole numbers."""
    parts = {"always": ERROR_UNIT, "signs": SIGN_UNIT, "moves": ERROR_UNIT}
    told = {name: np.rint(getattr(faces, name) / unit).astype(int).tolist() for name, unit in parts.items()}
    return {"shapes": faces.shapes, **told}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=PEOPLE)
    words, detector = parser.parse_args(), MediaPipe()
    faces = learnt(list(shown_faces(FIRST_SEED, words.people, detector)))
    words.out.write_text(json.dumps(as_told(faces), separators=(",", ":")))
    others = list(shown_faces(FIRST_HELD_OUT, HELD_OUT, detector))
    names = load_face_model().shape_names
    expected = np.array([faces.expected(each.places) for each in others])
    for name, weights in zip(faces.shapes, expected.T, strict=True):
        true = np.array([each.weights[names.index(f"{name}Left")] for each in others])
        for low, high in ((0, 0), (0, 0.5), (0.5, 1)):
            there = (true > low) & (true <= high) if high else true == 0
            print(f"{name} {low} to {high}: {weights[there].mean():.2f} of {true[there].mean():.2f}")


if __name__ == "__main__":
    main()
