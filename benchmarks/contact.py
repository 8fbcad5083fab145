"""How the scanned head touches itself, and how much its people differ, as Markdown tables.

    python -m benchmarks.contact [PEOPLE] [MIXES]

200 people x 60 natural mixes of shapes without arguments: half an hour of one core. Lengths in mm.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.face_model import FaceModel, load_face_model
from talkcli.engine.face.geometry import vertices
from talkcli.engine.face.lip_contact import TOUCHING, measured
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.teeth_contact import entered
from talkcli.engine.face.topology import MATERIALS
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.studio.expression_space import natural_faces
from talkcli.engine.studio.scanned.people import sample_person
from tests.triangles import crossings

FIRST_SEED = 1000

DEPTHS = (0.0001, 0.0002)
"""Metres that triangles must pierce each other by to count."""

IN_TEETH = (0.0001, 0.0003)
"""Metres inside a tooth that count."""

FOLD = 0.004
"""Metres from the inner canthus within which shut lids fold into each other, out of sight."""

SHUT: Mapping[str, Mapping[str, float]] = {
    "jaw open 0.1, closed": {"jawOpen": 0.1, "mouthClose": 0.1},
    "jaw open 0.3, closed": {"jawOpen": 0.3, "mouthClose": 0.3},
    "jaw open 0.6, closed": {"jawOpen": 0.6, "mouthClose": 0.6},
    "pressed": {"mouthPress": 0.7},
}

BLINKS: tuple[Mapping[str, float], ...] = (
    {}, {"eyeSquint": 1.0}, {"eyeLookDown": 1.0}, {"cheekSquint": 1.0, "mouthSmile": 1.0},
)  # fmt: skip
"""What else a face does while it blinks."""

PUBLISHED = {
    "face width": ((139.4, 6.3), (131.7, 5.3)),
    "jaw width": ((106.0, 7.3), (98.6, 6.6)),
    "face length": ((130.0, 6.7), (120.4, 6.0)),
    "nose length": ((58.2, 4.0), (55.7, 3.7)),
    "mouth width": ((51.6, 3.9), (49.2, 3.6)),
}
"""Mean and standard deviation of men and of women of 30 years: 3D Facial Norms (Weinberg et al. 2016, about
900 men and 1,400 women of all ages in the USA), as Cliniface tabulates them (github.com/frontiersi/Cliniface,
data/stats: g18 zy-zy, g26 go-go, g16 n-gn, g60 n-sn, g39 ch-ch). Ours are iBUG's points, so means differ by
where those lie; deviations compare."""


class Surfaces:
    """The triangles that may touch."""

    def __init__(self, model: FaceModel) -> None:
        contact = model.contact
        assert isinstance(contact, FaceContact)
        self.model, self.contact = model, contact
        triangles = model.topology.faces.long()
        self.skin = triangles[model.topology.materials == MATERIALS.index("skin")]
        self.lips, above = self._within(
            contact.mouth.rings[TOUCHING], contact.mouth.rings[:, contact.mouth.upper]
        )
        self.upper_lip = above
        lids = [eye.lids[eye.follow.sum(1) > 0.33] for eye in (contact.left, contact.right)]
        on_skin = torch.isin(torch.cat(lids), self.skin.unique())
        upper = [
            eye.lids[eye.follow @ eye.upper.float() > 0.5 * eye.follow.sum(1)]
            for eye in (contact.left, contact.right)
        ]
        self.lids, self.upper_lid = self._within(torch.cat(lids)[on_skin], torch.cat(upper))

    def _within(self, chosen: Tensor, upper: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Triangles of chosen vertices, and which of them have one of the upper side."""
        inside, above = torch.zeros(2, len(self.model.template), dtype=torch.bool)
        inside[chosen.flatten()], above[upper.flatten()] = True, True
        triangles = self.model.topology.faces.long()
        own = triangles[inside[triangles].all(1)]
        return own.numpy(), above[own].sum(1).numpy() > 1

    def lip_through_lip(self, points: np.ndarray, depth: float) -> bool:
        pairs = crossings(points, self.lips, depth)
        return bool((self.upper_lip[pairs[:, 0]] != self.upper_lip[pairs[:, 1]]).any())

    def lid_through_lid(self, points: np.ndarray, depth: float) -> tuple[bool, bool]:
        """Lid through lid, and a lid through its own lining, the fold at the inner canthus aside."""
        pairs = crossings(points, self.lids, depth)
        middles = points[self.lids[pairs[:, 0]]].mean(1)
        eyes = (self.contact.left, self.contact.right)
        canthi = points[[int(eye.edge[len(eye.edge) // 2]) for eye in eyes]]
        pairs = pairs[np.linalg.norm(middles[:, None] - canthi, axis=2).min(1) > FOLD]
        across = self.upper_lid[pairs[:, 0]] != self.upper_lid[pairs[:, 1]]
        return bool(across.any()), bool((~across).any())

    def in_teeth(self, faces: Float[Tensor, "frames verts 3"]) -> Float[Tensor, " frames"]:
        """How deep the red of the lips lies inside teeth, metres."""
        lips = faces[:, self.contact.mouth.rings[3:12]]
        arches = (self.contact.upper_teeth, self.contact.lower_teeth)
        deep = [entered(lips, arch, faces, self.model.template).amax((1, 2)) for arch in arches]
        return torch.maximum(*deep)

    def gaps(self, faces: Float[Tensor, "frames verts 3"]) -> Float[Tensor, " frames"]:
        """The widest gap between shut lips, their corners left out, metres."""
        mouth = self.contact.mouth
        return measured(faces[:, mouth.rings], mouth).gaps[:, 2:-2].amax(1)

    def blink(self, faces: Float[Tensor, "frames verts 3"]) -> Float[Tensor, " frames"]:
        """What shut lids leave open, metres."""
        edges = [(faces[:, eye.edge], eye.opposite) for eye in (self.contact.left, self.contact.right)]
        return torch.stack([(edge - edge[:, other]).norm(dim=2).amax(1) for edge, other in edges]).amax(0)

    def turned_over(self, neutral: Tensor, faces: Float[Tensor, "frames verts 3"]) -> int:
        """Triangles of the skin that lie the other way round, all frames together."""
        return int(((_normals(faces[:, self.skin]) * _normals(neutral[self.skin])).sum(-1) < 0).sum())


def _normals(corners: Tensor) -> Tensor:
    return torch.linalg.cross(
        corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    )


def posed(avatar: Avatar, weights: Float[Tensor, "frames shapes"]) -> Float[Tensor, "frames verts 3"]:
    face = Coefficients(weights, torch.zeros(len(weights), 3), str(avatar.rig))
    return vertices(Motion(Fraction(30), face), avatar)


def wearers(count: int) -> Iterator[tuple[Avatar, float]]:
    """People, and whether they are men."""
    mean = talking_head("facekit")
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        person = sample_person(seed)
        yield replace(mean, neutral=person.neutral), person.skin.male


def measures(model: FaceModel, neutral: Tensor) -> dict[str, float]:
    """mm, on the landmarks of iBUG that are nearest to those of anthropometry."""
    marks = model.landmarks(neutral).double().numpy() * 1000
    contact = model.contact
    assert isinstance(contact, FaceContact)
    pupils = [float(neutral[eye.ball, 0].mean()) * 1000 for eye in (contact.left, contact.right)]

    def apart(first: int, second: int) -> float:
        return float(np.linalg.norm(marks[first] - marks[second]))

    return {
        "face width": apart(1, 15),
        "jaw width": apart(4, 12),
        "face length": apart(27, 8),
        "nose length": apart(27, 33),
        "mouth width": apart(48, 54),
        "between pupils": pupils[0] - pupils[1],
        "height of the lips": apart(51, 57),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("people", nargs="?", type=int, default=200)
    parser.add_argument("mixes", nargs="?", type=int, default=60)
    given = parser.parse_args()
    people, mixes = given.people, given.mixes
    model = load_face_model()
    on = Surfaces(model)
    weights = torch.from_numpy(natural_faces(model.shape_names, mixes, seed=1)).float()
    shut = torch.stack([model.weight_vector(**face) for face in SHUT.values()])
    blinks = torch.stack([model.weight_vector(eyeBlink=1.0, **other) for other in BLINKS])
    counts = {
        name: np.zeros(2, int) for name in ("lip through lip", "lid through lid", "lid in its own lining")
    }
    deep, gaps, open_lids, turned = [], [], [], 0
    sizes: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    for number, (avatar, male) in enumerate(wearers(people)):
        print(f"person {number + 1} of {people}", file=sys.stderr, flush=True)
        faces = posed(avatar, weights)
        turned += on.turned_over(avatar.neutral, faces)
        for points in faces.double().numpy():
            lip = lid = lining = True
            for k, depth in enumerate(DEPTHS):
                lip = lip and on.lip_through_lip(points, depth)
                if lid or lining:
                    lid, lining = on.lid_through_lid(points, depth)
                counts["lip through lip"][k] += lip
                counts["lid through lid"][k] += lid
                counts["lid in its own lining"][k] += lining
        deep.append(on.in_teeth(faces))
        gaps.append(on.gaps(posed(avatar, shut)))
        open_lids.append(on.blink(posed(avatar, blinks)))
        sizes[male > 0.5].append(measures(model, avatar.neutral))
    print(f"{people} people x {mixes} natural mixes of shapes = {people * mixes} faces.\n")
    print("| crossing | > 0.1 mm | > 0.2 mm |\n|---|---:|---:|")
    for name, (first, second) in counts.items():
        print(f"| {name} | {first} | {second} |")
    inside = torch.cat(deep)
    print(
        f"\nA lip in a tooth by > 0.1 mm {int((inside > IN_TEETH[0]).sum())}, > 0.3 mm "
        f"{int((inside > IN_TEETH[1]).sum())}, deepest {1000 * float(inside.max()):.2f} mm. "
        f"Triangles of the skin turned over: {turned / people / mixes:.1f} a face of {len(on.skin)}.\n"
    )
    print("| what shut lips leave open | median | 90 % | most |\n|---|---:|---:|---:|")
    rows = zip(SHUT, torch.stack(gaps).T, strict=True)
    for name, values in [*rows, ("a blink, lids", torch.cat(open_lids))]:
        middle, most, all_ = (1000 * float(torch.quantile(values, share)) for share in (0.5, 0.9, 1.0))
        print(f"| {name} | {middle:.2f} | {most:.2f} | {all_:.2f} |")
    print("\n| mean (sd), mm | men | women | published men | published women |\n|---|---|---|---|---|")
    for name in measures(model, model.template):
        ours = [np.array([row[name] for row in sizes[male]]) for male in (True, False)]
        cells = [f"{values.mean():.1f} ({values.std():.1f})" for values in ours]
        theirs = [f"{mean} ({sd})" for mean, sd in PUBLISHED.get(name, ())] or ["", ""]
        print(f"| {name} | {' | '.join(cells + theirs)} |")


if __name__ == "__main__":
    main()
