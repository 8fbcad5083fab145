"""Landmarks of the built-in head: the 468 MediaPipe points and the 68 iBUG ones as places in its UV square.

The places were found once by `recipes/fit_landmarks.py`, which bends MediaPipe's canonical face onto the
template; only UV is kept.
"""

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree

from talkcli.engine.assets import asset
from talkcli.engine.face.topology import Landmarks
from talkcli.engine.studio.arrays import Array, Index
from talkcli.engine.studio.shape.head_mesh import HeadMesh

FILE = "mediapipe_landmarks.csv"
IBUG_FROM_MEDIAPIPE = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""The MediaPipe point at each iBUG landmark, jaw, brows, nose, eyes, lips; the subject's right comes first.
"""
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""MediaPipe's lip contours: over the upper lip from the right corner to the left, back along the lower"""
RIGHT_LIDS = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_LIDS = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
"""lid margins from the outer canthus over the upper lid to the inner one and back"""
SPOTS: dict[int, tuple[float, float]] = {
    4: (0, -13), 2: (0, -25.5), 168: (0, 29), 6: (0, 21), 197: (0, 5), 164: (0, -31),
    152: (0, -94.5), 18: (0, -60),
    200: (0, -76),
    10: (0, 79), 9: (0, 40), 94: (0, -22), 129: (-16.6, -14), 358: (16.6, -14), 98: (-10, -23),
    327: (10, -23),
    105: (-29, 43), 334: (29, 43), 107: (-10, 37), 336: (10, 37), 70: (-50, 37), 300: (50, 37),
}  # fmt: skip
"""frontal positions on the template of points that anchor the fit"""


def fit_landmarks(head: HeadMesh, canonical: Array) -> Array:
    """UV [468, 2] of the canonical face's points [468, 3] on the head: similarity, then a thin bend on
    anchors, then the nearest skin; lips and lids lie exactly on the head's own loops."""
    exact = _loop_places(head)
    vertices, skin = head.vertices, _front_skin(head)
    anchors = {
        point: weight @ vertices[corner]
        for point, (corner, weight) in exact.items()
        if point not in INNER_LIPS
    }
    front = KDTree(vertices[skin][:, :2])
    for point, spot in SPOTS.items():
        near = skin[front.query(spot, k=4)[1]]
        anchors[point] = vertices[near[vertices[near, 2].argmax()]]
    chosen = list(anchors)
    target = np.stack([anchors[point] for point in chosen])
    moved = _similar(canonical, canonical[chosen], target)
    bend = RBFInterpolator(moved[chosen], target - moved[chosen], kernel="linear", smoothing=0.5)
    bent = moved + bend(moved)
    faces = np.flatnonzero(np.isin(head.faces, skin).all(1))
    uv = np.zeros((len(canonical), 2))
    for point, place in enumerate(bent):
        triangle, weight = _nearest(vertices, head.faces, faces, place)
        uv[point] = weight @ head.uv[head.uv_faces[triangle]]
    uv_of = np.zeros(len(vertices), np.int64)
    uv_of[head.faces[head.materials == 0]] = head.uv_faces[head.materials == 0]
    for point, (corner, weight) in exact.items():
        uv[point] = weight @ head.uv[uv_of[corner]]
    return uv


def locate(head: HeadMesh, uv: Array) -> Landmarks:
    """Places in UV [n, 2] as points on triangles of the skin."""
    triangles = np.flatnonzero(head.materials == 0)
    corners = head.uv[head.uv_faces[triangles]]
    near = np.asarray(KDTree(corners.mean(1)).query(uv, k=40)[1])
    found, weights = np.zeros(len(uv), np.int64), np.zeros((len(uv), 3))
    for i, place in enumerate(uv):
        weight = _barycentric(corners[near[i]], place)
        best = weight.min(1).argmax()
        found[i], weights[i] = triangles[near[i][best]], np.clip(weight[best], 0, None)
    weights /= weights.sum(1, keepdims=True)
    return Landmarks(torch.from_numpy(found), torch.from_numpy(weights.astype(np.float32)))


def make_landmarks(head: HeadMesh) -> dict[str, Landmarks]:
    """`mediapipe` [468] and `ibug68` [68] on a head."""
    uv = np.loadtxt(asset(FILE), delimiter=",")
    return {"ibug68": locate(head, uv[list(IBUG_FROM_MEDIAPIPE)]), "mediapipe": locate(head, uv)}


def _barycentric(corners: Array, place: Array) -> Array:
    """[n, 3] of one place in triangles [n, 3, 2]."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    whole = _cross(b - a, c - a)
    whole = np.where(np.abs(whole) < 1e-12, 1e-12, whole)
    second, third = _cross(place - a, c - a) / whole, _cross(b - a, place - a) / whole
    return np.stack([1 - second - third, second, third], 1)


def _cross(a: Array, b: Array) -> Array:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _front_skin(head: HeadMesh) -> Index:
    """Skin vertices that face outward: neither the red inside of the lips nor the hidden side of the lids."""
    hidden = [head.mouth.ring(name) for name in ("red_inner", "slit")]
    hidden += [eye.ring(name) for eye in head.eyes.values() for name in ("inner_margin", "hidden")]
    return np.setdiff1d(head.parts["skin"], np.concatenate(hidden))


def _loop_places(head: HeadMesh) -> dict[int, tuple[Index, Array]]:
    """Points that lie on a loop: two neighbouring vertices and their weights."""
    places: dict[int, tuple[Index, Array]] = {}
    mouth = head.mouth
    for ring, points in (("border", OUTER_LIPS), ("slit", INNER_LIPS)):
        for i, point in enumerate(points):
            u = -np.cos(np.pi * i / 10) if ring == "border" else -np.cos(np.pi * i / 10) * 0.97
            places[point] = _between(mouth.ring(ring), mouth.u, mouth.upper, float(u), i <= 10)
    for side, points in (("right", RIGHT_LIDS), ("left", LEFT_LIDS)):
        eye = head.eyes[side]
        for i, point in enumerate(points):
            s = 0.5 + 0.5 * np.cos(np.pi * i / 8)
            places[point] = _between(eye.ring("margin"), eye.s, eye.upper, float(s), i <= 8)
    return places


def _between(ring: Index, along: Array, upper: np.ndarray, value: float, over: bool) -> tuple[Index, Array]:
    """The two vertices of a loop's upper or lower half that enclose a value, and their weights."""
    ends = (along > along.max() - 1e-9) | (along < along.min() + 1e-9)
    half = np.flatnonzero(ends | (upper == over))
    half = half[along[half].argsort()]
    k = int(np.clip(np.searchsorted(along[half], value), 1, len(half) - 1))
    low, high = half[k - 1], half[k]
    share = (value - along[low]) / (along[high] - along[low])
    return ring[[low, high]], np.array([1 - share, share])


def _similar(points: Array, source: Array, target: Array) -> Array:
    """Points under the best similarity of source to target (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    left, values, right = np.linalg.svd(b.T @ a)
    flip = np.diag([1, 1, np.sign(np.linalg.det(left @ right))])
    scale = (values * np.diag(flip)).sum() / (a**2).sum()
    return (points - source.mean(0)) @ (scale * left @ flip @ right).T + target.mean(0)


def _nearest(vertices: Array, faces: Index, chosen: Index, place: Array) -> tuple[int, Array]:
    """The chosen face whose point is nearest to a place, and its barycentric weights."""
    centres = vertices[faces[chosen]].mean(1)
    near = chosen[((centres - place) ** 2).sum(1).argsort()[:24]]
    best, result = np.inf, (int(near[0]), np.full(3, 1 / 3))
    for triangle in near:
        corners = vertices[faces[triangle]]
        weight = np.linalg.lstsq(np.vstack([corners.T, 1e3 * np.ones(3)]), np.append(place, 1e3), rcond=None)[
            0
        ]
        weight = np.clip(weight, 0, None)
        weight /= weight.sum()
        distance = float(((weight @ corners - place) ** 2).sum())
        if distance < best:
            best, result = distance, (int(triangle), weight)
    return result
