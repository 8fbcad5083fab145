"""Contact: what a linear face does not know: lips and lids touch, teeth are hard, and eyeballs are round."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.face.lid_contact import LidContact, fitted_shapes, settle_lids
from talkcli.engine.face.lip_contact import LipContact, closing, parted_lips, settled_lips
from talkcli.engine.face.teeth_contact import DentalArch, off_teeth, out_of_teeth
from talkcli.engine.struct import TensorStruct


class FaceContact(TensorStruct):
    mouth: LipContact
    left: LidContact
    right: LidContact
    upper_teeth: DentalArch
    lower_teeth: DentalArch

    def fitted(
        self,
        shapes: Float[Tensor, "shapes verts 3"],
        names: tuple[str, ...],
        template: Float[Tensor, "verts 3"],
        neutral: Float[Tensor, "verts 3"],
    ) -> Float[Tensor, "shapes verts 3"]:
        """The shapes named `eye...` scaled to this face's lids and eyeballs, mouthClose to its lips."""
        chosen = torch.tensor([name.startswith("eye") for name in names])
        part = shapes[chosen]
        for eye in (self.left, self.right):
            part = fitted_shapes(part, eye, template, neutral)
        out = shapes.index_copy(0, chosen.nonzero()[:, 0], part)
        close = names.index("mouthClose")
        out[close] = closing(shapes[names.index("jawOpen")], shapes[close], self.mouth, neutral)
        return out

    def settle(
        self,
        vertices: Float[Tensor, "frames verts 3"],
        template: Float[Tensor, "verts 3"],
        neutral: Float[Tensor, "verts 3"],
    ) -> None:
        """In place: faces (metres, before head pose) with every touch resolved; a resting face stays."""
        lips, arches = vertices[:, self.mouth.rings], (self.upper_teeth, self.lower_teeth)
        for arch in arches:
            lips = off_teeth(lips, self.mouth.upper, arch, vertices, template)
        still = template[self.mouth.rings]
        lips = parted_lips(settled_lips(lips, self.mouth), self.mouth, still)
        for arch in arches:
            lips = out_of_teeth(lips, arch, vertices, template)
        vertices[:, self.mouth.rings] = parted_lips(lips, self.mouth, still)
        for eye in (self.left, self.right):
            settle_lids(vertices, eye, template, neutral)
