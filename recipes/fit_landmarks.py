"""Find where MediaPipe sees its points on the built-in head: python recipes/fit_landmarks.py OUT.csv

Draws people of the studio in several faces and from several sides, lets MediaPipe find its points and looks
them up on the mesh; OUT.csv has the form of assets/mediapipe_points.csv, which recipes/bake_head.py reads.
Then fits both files' points to people held out, and says what is left. Needs the extra capture; five minutes
on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from trimesh.registration import procrustes

from talkcli.engine.assets import asset
from talkcli.engine.capture.detector import Detector, MediaPipe, Photo
from talkcli.engine.capture.face_fit import fitted_person, settled_face
from talkcli.engine.capture.landmark_sets import (
    BROW_POINTS,
    LID_POINTS,
    LIP_POINTS,
    NOSE_POINTS,
    OVAL_POINTS,
    SKIN_POINTS,
)
from talkcli.engine.capture.marks import marks_on
from talkcli.engine.capture.normal_equations import errors, rotation_of
from talkcli.engine.capture.sight import sight_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.topology import MATERIALS, Landmarks
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.view import view_of
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.avatars import sample_avatar
from talkcli.engine.studio.scanned.source import SKIN_VERTS

FACES: tuple[Mapping[str, float], ...] = (
    {},
    {"jawOpen": 0.35},
    {"jawOpen": 0.15, "mouthLowerDown": 0.4, "mouthUpperUp": 0.4},
    {"mouthSmile": 0.6},
)
PARTED = (1, 2)
"""Of FACES, those that tell the lips apart."""
SIDES = ((0, 0), (18, 0), (-18, 0), (0, 12), (0, -10), (34, 0), (-34, 0))
"""Degrees of yaw and pitch."""
SIZE, FOCAL, AWAY = 512, 1500.0, 1.05
NEAR = 3.0
"""Pixels from a point within which skin must be seen."""

CANDIDATES, STEPS = 40, 16
"""Triangles that are looked through for a place, and parts that their sides are cut into."""

PEOPLE, HELD_OUT, FIRST_SEED = 14, 6, 4000

REGIONS = {
    "all": range(SKIN_POINTS),
    "brows": BROW_POINTS,
    "lids": LID_POINTS,
    "nose": NOSE_POINTS,
    "lips": LIP_POINTS,
    "oval": OVAL_POINTS,
}


def pictures_of(avatar: Avatar) -> Iterator[tuple[int, Photo, Array, Array]]:
    """Number of a face, its picture, its vertices in the camera's frame, and those of its turn."""
    model = load_face_model()
    weights = torch.stack([model.weight_vector(**face) for face in FACES])
    motion = Motion(Fraction(25), Coefficients(weights, torch.zeros(len(weights), 3)))
    bodies = vertices(motion, avatar).double().numpy()
    for yaw, pitch in SIDES:
        turn = rotation_of(np.radians([pitch, 0, 0.0])) @ rotation_of(np.radians([0, yaw, 0.0]))
        view = np.eye(4)
        view[:3, :3], view[:3, 3] = turn, turn @ [0, 0.01, -0.06] + [0, 0, -AWAY]
        camera = centred_camera(torch.from_numpy(view).float()[None], FOCAL, SIZE, SIZE)
        for number, picture in enumerate(frames(motion, avatar, camera)):
            yield number, picture, bodies[number] @ turn.T + view[:3, 3], turn


def places_seen(people: list[Avatar], detector: Detector) -> list[Array]:
    """Of each point, where on the mean face with its mouth open it was seen, [times, 3] metres."""
    model = load_face_model()
    faces = model.topology.faces.numpy().astype(np.int64)
    skin = np.flatnonzero((faces < SKIN_VERTS).all(1) & (model.topology.materials.numpy() == 0))
    solid = np.flatnonzero(model.topology.materials.numpy() != MATERIALS.index("lash"))
    surface = parted_face(model)
    hits: list[list[Array]] = [[] for _ in range(SKIN_POINTS)]
    for avatar in people:
        for number, picture, body, _ in pictures_of(avatar):
            for points in detector.faces(picture)[:1]:
                view = view_of(body, faces[solid], FOCAL, (SIZE, SIZE))
                triangles = np.where(view.ids >= 0, solid[view.ids], -1)
                place = (surface[faces[triangles]] * view.shares[..., None]).sum(2)
                on_skin = np.isin(triangles, skin)
                for k, (column, row) in enumerate(points[:SKIN_POINTS]):
                    if k in LIP_POINTS and number not in PARTED:
                        continue
                    top, left = max(int(row) - 3, 0), max(int(column) - 3, 0)
                    ys, xs = np.nonzero(on_skin[top : top + 7, left : left + 7])
                    far = np.hypot(ys + top + 0.5 - row, xs + left + 0.5 - column)
                    if len(far) and far.min() < NEAR:
                        hits[k].append(place[ys[far.argmin()] + top, xs[far.argmin()] + left])
    return [np.array(places) for places in hits]


def parted_face(model: FaceModel) -> Array:
    """The mean face with its mouth open, so that the lips lie apart."""
    opened = torch.tensordot(model.weight_vector(jawOpen=0.4), model.shapes, 1)
    return (model.template + opened).double().numpy()


def rows_of(hits: list[Array]) -> Array:
    """[SKIN_POINTS, 7] as the file has them: vertices, their shares, scatter in mm; left and right alike."""
    model = load_face_model()
    surface = parted_face(model)
    middle = np.stack([np.median(places, 0) for places in hits])
    scatter = [np.median(np.linalg.norm(p - m, axis=1)) for p, m in zip(hits, middle, strict=True)]
    apart = np.linalg.norm((middle * [-1, 1, 1])[:, None] - middle, axis=-1)
    twin = linear_sum_assignment(apart + apart.T)[1]
    middle = (middle + middle[twin] * [-1, 1, 1]) / 2
    faces = model.topology.faces.numpy().astype(np.int64)
    skin = faces[(faces < SKIN_VERTS).all(1)]
    grid = np.array([(i, j, STEPS - i - j) for i in range(STEPS + 1) for j in range(STEPS + 1 - i)]) / STEPS
    centres, rows = surface[skin].mean(1), []
    for place, spread in zip(middle, scatter, strict=True):
        near = skin[((centres - place) ** 2).sum(1).argsort()[:CANDIDATES]]
        far = ((np.einsum("gc,fcd->fgd", grid, surface[near]) - place) ** 2).sum(-1)
        triangle, share = np.unravel_index(far.argmin(), far.shape)
        rows.append([*near[triangle], *grid[share], spread * 1000])
    return np.array(rows)


def model_with(rows: Array) -> FaceModel:
    """The built-in head with its skin's points at other places."""
    model = load_face_model()
    topology, old = model.topology, model.topology.landmarks["mediapipe"]
    faces = topology.faces.numpy().astype(np.int64)
    triangles, weights = old.triangles.clone(), old.weights.clone()
    for k, row in enumerate(rows):
        share_of = {int(v): float(s) for v, s in zip(row[:3], row[3:6], strict=True) if s > 0}
        holder = int((np.isin(faces, list(share_of)).sum(1) == len(share_of)).argmax())
        triangles[k] = holder
        weights[k] = torch.tensor([share_of.get(int(v), 0.0) for v in faces[holder]])
    marks = {**topology.landmarks, "mediapipe": Landmarks(triangles, weights)}
    return replace(model, topology=replace(topology, landmarks=marks))


def left_by(rows: Array, people: list[Avatar], detector: Detector) -> dict[str, float]:
    """What fits to each picture of people leave: % of the eye distance by region; mm of their faces."""
    model = model_with(rows)
    mean, skin = marks_on(model, model.template), model.topology.regions["face"].long().numpy()
    squares, shapes = [], []
    for avatar in people:
        truth = avatar.neutral.double().numpy()[skin]
        for _, picture, _, _ in pictures_of(avatar):
            for points in detector.faces(picture)[:1]:
                sight = sight_of(points[None], (SIZE, SIZE), mean)
                fit, marks = fitted_person(model, sight)
                squares.append((errors(marks, fit, sight)[0] ** 2).sum(-1))
                face = settled_face(model, fit.identity).double().numpy()[skin]
                laid = procrustes(face, truth, reflection=False)[1]
                shapes.append(np.linalg.norm(laid - truth, axis=1).mean() * 1000)
    left = np.array(squares)
    named = {name: 100 * float(np.sqrt(left[:, list(k)].mean())) for name, k in REGIONS.items()}
    return {**named, "mm": float(np.median(shapes))}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT.csv")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--held-out", type=int, default=HELD_OUT)
    given, detector = parser.parse_args(), MediaPipe()
    hits = places_seen([sample_avatar(FIRST_SEED + i) for i in range(given.people)], detector)
    rows = rows_of(hits)
    lines = [
        [*(f"{int(v)}" for v in row[:3]), *(f"{s:.4f}" for s in row[3:6]), f"{row[6]:.2f}"] for row in rows
    ]
    table = ["a,b,c,wa,wb,wc,scatter_mm", *(",".join(line) for line in lines)]
    given.out.write_text("\n".join(table) + "\n", encoding="utf-8")
    for name, points in REGIONS.items():
        print(f"scatter of {name}: {np.median(rows[list(points), 6]):.2f} mm")
    before = np.loadtxt(asset("mediapipe_points.csv"), delimiter=",", skiprows=1)
    people = [sample_avatar(FIRST_SEED + given.people + i) for i in range(given.held_out)]
    for name, table in (("before", before), ("now", rows)):
        left = left_by(table, people, detector)
        print(name, ", ".join(f"{region} {value:.2f}" for region, value in left.items()))


if __name__ == "__main__":
    main()
