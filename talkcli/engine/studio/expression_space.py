"""The space of natural faces: principal components of faces that people pull, as mixtures of shapes."""

from collections.abc import Mapping

import numpy as np

from talkcli.engine.studio.arrays import Array

MOUTHS: Mapping[str, Mapping[str, float]] = {
    "PP": {"mouthPress": 0.6, "mouthRollLower": 0.2, "mouthRollUpper": 0.2},
    "FF": {"jawOpen": 0.06, "mouthRollLower": 0.7, "mouthUpperUp": 0.3},
    "TH": {"jawOpen": 0.14, "tongueOut": 0.35, "tongueUp": 0.45, "mouthLowerDown": 0.2, "mouthUpperUp": 0.15},
    "DD": {"jawOpen": 0.16, "tongueUp": 0.9, "mouthLowerDown": 0.25, "mouthUpperUp": 0.1},
    "kk": {"jawOpen": 0.2, "tongueBack": 0.9, "mouthLowerDown": 0.15},
    "CH": {"jawOpen": 0.08, "mouthFunnel": 0.7, "mouthPucker": 0.15},
    "SS": {"jawOpen": 0.05, "mouthStretch": 0.3, "mouthLowerDown": 0.4, "mouthUpperUp": 0.15},
    "RR": {"jawOpen": 0.12, "mouthPucker": 0.45, "mouthFunnel": 0.25, "tongueUp": 0.4},
    "aa": {"jawOpen": 0.75, "mouthLowerDown": 0.2},
    "ah": {"jawOpen": 0.45, "mouthUpperUp": 0.1, "mouthLowerDown": 0.15},
    "E": {"jawOpen": 0.3, "mouthStretch": 0.25, "mouthLowerDown": 0.2},
    "ih": {
        "jawOpen": 0.12,
        "mouthStretch": 0.45,
        "mouthSmile": 0.25,
        "mouthLowerDown": 0.45,
        "mouthUpperUp": 0.3,
    },
    "oh": {"jawOpen": 0.32, "mouthFunnel": 0.7},
    "ou": {"jawOpen": 0.12, "mouthPucker": 0.95},
    "closed": {"jawOpen": 0.35, "mouthClose": 0.35},
    "smile": {"mouthSmile": 0.9, "cheekSquint": 0.6},
    "grin": {
        "mouthSmile": 1.0,
        "cheekSquint": 0.8,
        "mouthUpperUp": 0.35,
        "mouthLowerDown": 0.25,
        "jawOpen": 0.08,
    },
    "dimple": {"mouthDimple": 0.8, "mouthPress": 0.3},
    "frown": {"mouthFrown": 0.8, "mouthShrugLower": 0.5},
    "pout": {"mouthShrugLower": 0.9, "mouthShrugUpper": 0.4},
    "snarl": {"noseSneer": 1.0, "mouthUpperUp": 0.5, "mouthShrugUpper": 0.3},
    "fear": {"mouthStretch": 0.7, "jawOpen": 0.15},
    "puff": {"cheekPuff": 1.0, "mouthPress": 0.3},
    "jut": {"jawForward": 0.8},
    "left": {"mouthLeft": 0.7, "jawLeft": 0.5},
    "right": {"mouthRight": 0.7, "jawRight": 0.5},
    "tongue": {"tongueOut": 1.0, "jawOpen": 0.35, "mouthLowerDown": 0.3},
}
"""What mouths do in speech and feeling; a name without its side stands for both."""
UPPER_FACES: Mapping[str, Mapping[str, float]] = {
    "blink": {"eyeBlink": 1.0},
    "doze": {"eyeBlink": 0.4},
    "down": {"eyeLookDown": 0.9},
    "up": {"eyeLookUp": 0.8, "browInnerUp": 0.2},
    "aside left": {"eyeLookOutLeft": 0.9, "eyeLookInRight": 0.9},
    "aside right": {"eyeLookOutRight": 0.9, "eyeLookInLeft": 0.9},
    "surprise": {"browInnerUp": 1.0, "browOuterUp": 0.9, "eyeWide": 0.9},
    "anger": {"browDown": 1.0, "eyeSquint": 0.5},
    "sorrow": {"browInnerUp": 0.9, "eyeBlink": 0.15},
    "fear": {"browInnerUp": 1.0, "browOuterUp": 0.5, "eyeWide": 1.0},
    "squint": {"eyeSquint": 0.9, "cheekSquint": 0.4},
    "raise": {"browOuterUp": 0.8, "browInnerUp": 0.5},
}
"""What eyes and brows do."""
SKIN_SHARE = {"skin": 1.0, "left_eye": 0.3, "right_eye": 0.3, "lower_teeth": 0.1, "tongue": 0.15}
"""How much a vertex of each part counts; the others do not."""


def named_weights(face: Mapping[str, float], names: tuple[str, ...]) -> Array:
    """Weights [shapes] of a face given by names."""
    weights = np.zeros(len(names))
    for name, value in face.items():
        hit = [i for i, shape in enumerate(names) if shape in (name, name + "Left", name + "Right")]
        assert hit, f"no such shape: {name}"
        weights[hit] = value
    return weights


def natural_faces(names: tuple[str, ...], count: int, seed: int = 0) -> Array:
    """Weights [count, shapes] in 0..1: a mouth, half of another, an upper face; uneven, a little lopsided."""
    rng = np.random.default_rng(seed)
    mouths = np.stack([named_weights(face, names) for face in MOUTHS.values()])
    uppers = np.stack([named_weights(face, names) for face in UPPER_FACES.values()])
    first, second = (mouths[rng.integers(len(mouths), size=count)] for _ in range(2))
    upper, other = (uppers[rng.integers(len(uppers), size=count)] for _ in range(2))
    size = rng.uniform(0.2, 1.0, (4, count, 1))
    faces = first * size[0] + second * size[1] * 0.5 + upper * size[2] + other * size[3] * 0.4
    faces = np.clip(faces * rng.uniform(0.8, 1.2, faces.shape), 0, 1)
    close, jaw = names.index("mouthClose"), names.index("jawOpen")
    faces[:, close] = np.minimum(faces[:, close], faces[:, jaw])
    return faces


def make_expression(share: Array, names: tuple[str, ...], shapes: Array, count: int = 50) -> Array:
    """[count, shapes]: principal components of natural faces about the neutral one, per standard deviation.

    `share` [V] says how much each vertex counts: components are taken over weighted positions, so they order
    movements by what is seen; signs are fixed by the largest entry.
    """
    flat = (shapes * np.sqrt(share)[:, None]).reshape(len(shapes), -1)
    gram = flat @ flat.T
    root = np.linalg.cholesky(gram + 1e-9 * np.trace(gram) * np.eye(len(gram)))
    faces = natural_faces(names, 4000)
    _, deviation, right = np.linalg.svd(faces @ root, full_matrices=False)
    mixtures = (deviation[:count, None] / np.sqrt(len(faces))) * np.linalg.solve(root.T, right[:count].T).T
    largest = np.abs(mixtures).argmax(1)
    return mixtures * np.sign(mixtures[np.arange(count), largest])[:, None]
