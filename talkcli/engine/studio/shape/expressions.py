"""Expressions: the 52 shapes of ARKit and a few of our own for speech, sculpted on one head."""

import numpy as np

from talkcli.engine.face.arkit import ARKIT
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.shape.brow_shapes import brow_shapes, cheek_shapes
from talkcli.engine.studio.shape.deformer import deformer
from talkcli.engine.studio.shape.eye_shapes import eye_shapes
from talkcli.engine.studio.shape.head_mesh import HeadMesh
from talkcli.engine.studio.shape.jaw import jaw_shapes
from talkcli.engine.studio.shape.lip_shapes import lip_shapes
from talkcli.engine.studio.shape.tongue_shapes import tongue_shapes

_TONGUE_SHAPES = ("tongueUp", "tongueBack")
"""Tip to the ridge behind the teeth (t, d, n, l); back to the soft palate (k, g, ng)."""
SHAPE_NAMES = ARKIT + _TONGUE_SHAPES


def make_shapes(head: HeadMesh) -> tuple[tuple[str, ...], Array]:
    """The names and displacements [shapes, V, 3] in mm at weight 1, every part of the head included."""
    sculpt = deformer(head)
    jaw = jaw_shapes(sculpt)
    shapes = {
        **jaw,
        **lip_shapes(sculpt, jaw["jawOpen"]),
        **brow_shapes(sculpt),
        **cheek_shapes(sculpt),
        **eye_shapes(sculpt),
        **tongue_shapes(sculpt),
    }
    for name, shape in shapes.items():
        if name.startswith(("brow", "jaw", "cheek")):
            for part in ("hair", "left_ear", "right_ear"):
                shape[head.parts[part]] = sculpt.ridden(shape, part)
    return SHAPE_NAMES, np.stack([shapes[name] for name in SHAPE_NAMES])
