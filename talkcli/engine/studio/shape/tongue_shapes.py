"""The tongue: out between the teeth, tip up to the ridge, back up to the palate."""

import numpy as np

from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.shape.deformer import Deformer, ramp


def tongue_shapes(sculpt: Deformer) -> dict[str, Array]:
    """tongueOut, tongueUp, tongueBack, [V, 3] mm."""
    part = sculpt.mesh.parts["tongue"]
    points = sculpt.points[part]
    x, y, z = points.T
    front = np.clip((z - z.min()) / (z.max() - z.min()), 0, 1)
    floor = np.median(y[front > 0.75])
    tip, flat = ramp(front, 0.35, 1.0), ramp(front, 0.1, 0.6)
    hump = np.exp(-(((front - 0.45) / 0.28) ** 2))

    def placed(dx: Array, dy: Array, dz: Array) -> Array:
        out = np.zeros_like(sculpt.points)
        out[part] = np.stack([dx, dy, dz], 1)
        return out

    return {
        "tongueOut": placed(-0.3 * x * flat, 7.7 * flat - 0.62 * (y - floor) * flat, 26 * front**1.2),
        "tongueUp": placed(-0.12 * x * tip, 8.5 * tip**1.5 - 0.3 * (y - floor) * tip, 1.0 * tip),
        "tongueBack": placed(0 * x, 8.0 * hump - 1.5 * tip, -3.0 * ramp(front, 0.0, 0.8)),
    }
