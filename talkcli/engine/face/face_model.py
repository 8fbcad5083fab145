"""FaceModel: a head that can be anybody and pull any face, with the interface of FLAME."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.assets import asset
from talkcli.engine.errors import BadInput
from talkcli.engine.face.face_contact import FaceContact
from talkcli.engine.face.jaw import JAW_OPEN, arc_fields, arc_weights, jaw_chord
from talkcli.engine.face.lid_contact import LidContact
from talkcli.engine.face.lip_contact import HALF_OPEN, LipContact
from talkcli.engine.face.look import Wrinkles
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.skinning import turned_about
from talkcli.engine.face.teeth_contact import DentalArch
from talkcli.engine.face.topology import Landmarks, Topology, landmark_points
from talkcli.engine.files import load_struct
from talkcli.engine.struct import TensorStruct

JOINTS = ("root", "neck", "jaw", "left_eye", "right_eye")
PARENTS = (-1, 0, 1, 1, 1)
"""The joint tree, the same as FLAME's but for FLAME's names."""
JAW = JOINTS.index("jaw")


def carried_by(joint: int) -> list[int]:
    """A joint and all that hang on it."""
    below = [child for child, parent in enumerate(PARENTS) if parent == joint]
    return [joint, *(deeper for child in below for deeper in carried_by(child))]


class FaceModel(TensorStruct):
    topology: Topology
    template: Float[Tensor, "verts 3"]
    """The mean neutral face, metres."""
    identity: Float[Tensor, "n_identity verts 3"]
    """Metres per standard deviation."""
    shapes: Float[Tensor, "shapes verts 3"]
    """Metres at weight 1, on the mean face."""
    shape_names: tuple[str, ...]
    """Of the built-in head the 52 of ARKit and two extras; left is the subject's left."""
    expression: Float[Tensor, "n_expression shapes"]
    """Principal components of natural faces as mixtures of shapes, per standard deviation."""
    joints: Float[Tensor, "joints 3"]
    """JOINTS of the mean face, metres."""
    weights: Float[Tensor, "verts joints"]
    """Skinning shares, each row sums to 1."""
    wrinkles: Wrinkles | None = None
    joint_regressor: Float[Tensor, "joints verts"] | None = None
    """Joints of a face as means of its vertices; without it every face has the mean face's joints."""
    contact: FaceContact | None = None
    """What touches what: lips, teeth, lids, eyeballs."""
    pose_shapes: Float[Tensor, "joints 9 verts 3"] | None = None
    """Pose correctives: metres for each entry, row by row, of a joint's rotation matrix less the identity."""
    hinge: float | None = None
    """Radians of the jaw's turn at which the shape jawOpen ends on the arc of its joint; None where the jaw
    opens by its joint alone."""
    signed: bool = False
    """Whether weights below 0 and above 1 mean something, as those of principal components do."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.shape_names) != len(self.shapes):
            raise ValueError(f"FaceModel has {len(self.shapes)} shapes and {len(self.shape_names)} names")

    def neutral(self, identity: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch verts 3"]:
        """A person's face at rest, metres; the coefficients that are not given are 0."""
        basis = self.identity[: identity.shape[-1]]
        return self.template + (identity @ basis.flatten(1)).unflatten(-1, (-1, 3))

    def settled(self, neutral: Float[Tensor, "verts 3"]) -> Float[Tensor, "verts 3"]:
        """A face at rest with every touch resolved: lips that meet, lids on eyeballs."""
        if self.contact is None:
            return neutral
        face = neutral[None].clone()
        self.contact.settle(face, self.template, neutral)
        return face[0]

    def joints_of(self, vertices: Float[Tensor, "*batch verts 3"]) -> Float[Tensor, "*batch joints 3"]:
        """Where the joints of a face lie, metres."""
        if self.joint_regressor is None:
            return self.joints.expand(*vertices.shape[:-2], -1, 3)
        return self.joint_regressor @ vertices

    def shapes_of(self, neutral: Float[Tensor, "verts 3"]) -> Float[Tensor, "shapes verts 3"]:
        """The shapes as this face wears them: its own jaw, lids and eyeballs, metres at weight 1."""
        if self.hinge is None:
            return self._touching(self.shapes, neutral)
        jaw, shapes = self.shape_names.index("jawOpen"), self.shapes.clone()
        share, rests = self.weights[:, JAW], (neutral, self.template)
        mine, mean = (jaw_chord(rest - self.joints_of(rest)[JAW], share, self.hinge) for rest in rests)
        shapes[jaw] += mine - mean
        jaw_open = shapes[jaw].clone()
        arc = arc_weights(torch.tensor([HALF_OPEN * JAW_OPEN]), self.hinge)[0]
        shapes[jaw] += (arc[:, None, None] * self.arcs_of(neutral)).sum(0) / HALF_OPEN
        shapes = self._touching(shapes, neutral)
        shapes[jaw] = jaw_open
        return shapes

    def holding(
        self, neutral: Float[Tensor, "verts 3"], weights: Float[Tensor, " shapes"]
    ) -> Float[Tensor, "verts 3"]:
        """A face at rest that holds an expression as it wears it, metres; before touches are resolved."""
        return neutral + (weights @ self.shapes_of(neutral).flatten(1)).view_as(neutral)

    def _touching(self, shapes: Tensor, neutral: Tensor) -> Float[Tensor, "shapes verts 3"]:
        if self.contact is None:
            return shapes
        return self.contact.fitted(shapes, self.shape_names, self.template, neutral)

    def arcs_of(self, neutral: Float[Tensor, "verts 3"]) -> Float[Tensor, "fields verts 3"]:
        """What bends jawOpen onto its arc on this face (`jaw.arc_weights`); nothing without a hinge."""
        if self.hinge is None:
            return self.shapes[:0]
        return arc_fields(neutral - self.joints_of(neutral)[JAW], self.weights[:, JAW])

    def columns(self, names: Sequence[str]) -> list[int]:
        """Where the named shapes stand in `shape_names`. BadInput for a name that this rig lacks."""
        places = {name: place for place, name in enumerate(self.shape_names)}
        missing = [name for name in names if name not in places]
        if missing:
            raise BadInput(
                f"The rig {self.topology.name} has no shape {missing[0]}, which this model moves.",
                "Use a rig that has it, or train the model again on clips of this one.",
            )
        return [places[name] for name in names]

    def spread(
        self, weights: Float[Tensor, "frames named"], names: Sequence[str]
    ) -> Float[Tensor, "frames shapes"]:
        """Weights of the named shapes among those of all shapes; the others are 0."""
        whole = weights.new_zeros(len(weights), len(self.shape_names))
        whole[:, self.columns(names)] = weights
        return whole

    def weight_vector(self, **named: float) -> Float[Tensor, " shapes"]:
        """Shape weights from names: `jawOpen=0.4`; a name without its side stands for both."""
        weights = torch.zeros(len(self.shape_names))
        for name, value in named.items():
            hits = [
                i
                for i, shape in enumerate(self.shape_names)
                if shape in (name, name + "Left", name + "Right")
            ]
            if not hits:
                raise KeyError(f"the face model has no shape {name}")
            weights[hits] = value
        return weights

    def turned(
        self,
        vertices: Float[Tensor, "frames verts 3"],
        joint: str,
        joints: Float[Tensor, "joints 3"],
        rotation: Float[Tensor, "frames 3"],
        translation: Float[Tensor, "frames 3"] | None = None,
        chosen: slice | Tensor = slice(None),
    ) -> Float[Tensor, "frames verts 3"]:
        """One of JOINTS turned (axis-angle, radians) and shifted (metres), with all that hangs on it.

        `joints` are where the face at rest has them; `chosen` are the vertices given, where not all are.
        Leaves first, then what carries them: together this is linear blend skinning, in steps, so that lips
        can meet before the head turns.
        """
        shift = torch.zeros_like(rotation) if translation is None else translation
        share = self.weights[chosen][:, carried_by(JOINTS.index(joint))].sum(1)
        return turned_about(vertices, share, matrix(rotation), shift, joints[JOINTS.index(joint)])

    def correctives(
        self, joint: str, rotation: Float[Tensor, "frames 3"]
    ) -> Float[Tensor, "frames verts 3"] | None:
        """What the skin does, before it is turned, because a joint turns (axis-angle, radians): metres."""
        if self.pose_shapes is None:
            return None
        bend = (matrix(rotation) - torch.eye(3)).flatten(1)
        return (bend @ self.pose_shapes[JOINTS.index(joint)].flatten(1)).unflatten(1, (-1, 3))

    def landmarks(self, vertices: Float[Tensor, "*batch verts 3"], name: str = "ibug68") -> Tensor:
        """Named landmarks on given vertices, [*batch, points, 3] metres."""
        return landmark_points(vertices, self.topology, name)


_reading = threading.Lock()


def load_face_model() -> FaceModel:
    """The built-in head, `facekit`: one and the same for all threads."""
    with _reading:
        return _built_in_head()


@functools.cache
def _built_in_head() -> FaceModel:
    """In steps and half precision on disk, single in memory."""
    kinds = (FaceModel, Topology, Landmarks, Wrinkles, FaceContact, LipContact, LidContact, DentalArch)
    model: FaceModel = load_struct(asset("head.safetensors"), kinds)
    return model.map(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)
