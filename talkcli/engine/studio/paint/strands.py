"""Hair as strokes: strands that grow from roots along a field of directions over the skin, laid into the
atlas as exact fractions of cover."""

import numpy as np
from numpy.typing import NDArray

from talkcli.engine.compiled import making_arrays
from talkcli.engine.studio.paint.canvas import Canvas, Field

STEP = 0.12
"""mm between two dabs of a strand"""


@making_arrays
def _grow(
    slot: NDArray, size: int, texels: NDArray, right: Field, down: Field, normal: Field, flow: Field,
    allowed: NDArray, roots: NDArray, lengths: Field, widths: Field, turns: Field, curls: Field,
    shades: Field, jitter: Field,
) -> tuple[Field, Field]:  # fmt: skip  # pragma: no cover
    cover, shade = np.zeros(len(texels), np.float32), np.zeros(len(texels), np.float32)
    for k in range(len(roots)):
        x = texels[roots[k]] % size + jitter[k, 0]
        y = texels[roots[k]] // size + jitter[k, 1]
        steps = max(2, int(lengths[k] / STEP))
        for step in range(steps):
            if not (1 <= x < size - 1 and 1 <= y < size - 1):
                break
            n = slot[int(y) * size + int(x)]
            if n < 0 or not allowed[n]:
                break
            t = step / steps
            angle = turns[k] + curls[k] * t
            c, s = np.cos(angle), np.sin(angle)
            fx, fy, fz = flow[n, 0], flow[n, 1], flow[n, 2]
            nx, ny, nz = normal[n, 0], normal[n, 1], normal[n, 2]
            dx = c * fx + s * (ny * fz - nz * fy)
            dy = c * fy + s * (nz * fx - nx * fz)
            dz = c * fz + s * (nx * fy - ny * fx)
            e = right[n, 0] ** 2 + right[n, 1] ** 2 + right[n, 2] ** 2
            f = right[n, 0] * down[n, 0] + right[n, 1] * down[n, 1] + right[n, 2] * down[n, 2]
            g = down[n, 0] ** 2 + down[n, 1] ** 2 + down[n, 2] ** 2
            area = e * g - f * f
            if area < 1e-8:
                break
            p = dx * right[n, 0] + dy * right[n, 1] + dz * right[n, 2]
            q = dx * down[n, 0] + dy * down[n, 1] + dz * down[n, 2]
            dab = widths[k] * STEP * (1 - 0.8 * t * t) / np.sqrt(area)
            i, j = int(np.floor(y - 0.5)), int(np.floor(x - 0.5))
            v, u = y - 0.5 - i, x - 0.5 - j
            for a in range(2):
                for b in range(2):
                    m = slot[(i + a) * size + j + b]
                    if m >= 0:
                        amount = dab * (v if a else 1 - v) * (u if b else 1 - u)
                        cover[m] += amount
                        shade[m] += amount * shades[k]
            x += (g * p - f * q) / area * STEP
            y += (e * q - f * p) / area * STEP
    return cover, shade


def grow(
    canvas: Canvas,
    roots: NDArray[np.int64],
    flow: NDArray[np.floating],
    length: NDArray[np.floating],
    width: float,
    rng: np.random.Generator,
    allowed: NDArray[np.bool_],
    spread: float = 0.25,
    curl: float = 0.3,
    contrast: float = 0.35,
) -> tuple[Field, Field]:
    """Strands from `roots` [k] (texel numbers) along `flow` [n, 3], each `length` [k] and `width` mm, fanned
    by `spread` radians and bent by `curl`. Gives the cover [n] in 0..1 and the mean brightness [n] of the
    strands there, 1 on average and `contrast` either way.
    """
    slot = np.full(canvas.size**2, -1, np.int64)
    slot[canvas.texels] = np.arange(len(canvas.texels))
    count = len(roots)
    flow = flow - canvas.normal * (flow * canvas.normal).sum(1, keepdims=True)
    flow = flow / (np.linalg.norm(flow, axis=1, keepdims=True) + 1e-9)

    def draw(deviation: float) -> Field:
        return (rng.normal(size=count) * deviation).astype(np.float32)

    shades = np.clip(1 + draw(contrast), 0.3, 2.0).astype(np.float32)
    widths = (width * rng.uniform(0.7, 1.2, count)).astype(np.float32)
    cover, shade = _grow(
        slot, canvas.size, canvas.texels, canvas.right, canvas.down, canvas.normal, flow.astype(np.float32),
        allowed, roots, np.asarray(length, np.float32), widths, draw(spread), draw(curl), shades,
        rng.random((count, 2)).astype(np.float32),
    )  # fmt: skip
    return 1 - np.exp(-cover), np.where(cover > 1e-6, shade / np.maximum(cover, 1e-6), 1).astype(np.float32)


def scatter(canvas: Canvas, density: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.int64]:
    """Roots drawn at random, `density` [n] of them a square millimetre: their texel numbers [k], in texel
    order."""
    expected = density * canvas.texel_size**2
    return np.repeat(np.arange(len(expected)), rng.poisson(np.maximum(expected, 0)))
