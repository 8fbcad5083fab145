"""A ball with a mouth's worth of materials: enough of a head to paint."""

from __future__ import annotations

import math

import numpy as np
import torch

from talkcli.engine.face.avatar import Avatar
from talkcli.engine.face.look import Look, Wrinkles
from talkcli.engine.face.topology import MATERIALS, Topology


def ball(
    rows: int = 24, columns: int = 32, radius: float = 0.1
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Vertices [V, 3], faces [F, 3] and uv [V, 2] of a closed sphere, counter-clockwise from outside."""
    vertices, uv = [(0.0, radius, 0.0)], [(0.5, 1.0)]
    for row in range(1, rows):
        polar = math.pi * row / rows
        for column in range(columns):
            turn = 2 * math.pi * column / columns
            vertices.append(
                (
                    radius * math.sin(polar) * math.sin(turn),
                    radius * math.cos(polar),
                    radius * math.sin(polar) * math.cos(turn),
                )
            )
            uv.append((abs(column / columns - 0.5) * 2, 1 - row / rows))
    vertices.append((0.0, -radius, 0.0))
    uv.append((0.5, 0.0))
    faces = []
    for column in range(columns):
        after = (column + 1) % columns
        faces.append((0, 1 + column, 1 + after))
        for row in range(rows - 2):
            a, b = 1 + row * columns + column, 1 + row * columns + after
            faces += [(a, a + columns, b), (b, a + columns, b + columns)]
        last = 1 + (rows - 2) * columns
        faces.append((last + column, len(vertices) - 1, last + after))
    return torch.tensor(vertices), torch.tensor(faces), torch.tensor(uv)


def painted_ball(
    material: str = "skin", albedo: tuple[int, int, int] = (200, 160, 140)
) -> tuple[Avatar, Topology, Wrinkles]:
    """An avatar with a look, its topology, and two wrinkle maps that two shapes drive."""
    vertices, faces, uv = ball()
    kind = MATERIALS.index(material)
    topology = Topology(
        "ball", faces, uv, faces, torch.full((len(faces),), kind), {"lips": torch.tensor([5, 6])}, {},
        torch.zeros(0, 2, dtype=torch.int64),
    )  # fmt: skip
    look = Look(
        torch.tensor(albedo, dtype=torch.uint8).expand(64, 64, 3).contiguous(),
        torch.tensor([128, 110], dtype=torch.uint8).expand(32, 32, 2).contiguous(),
        torch.zeros(32, 32, dtype=torch.int8),
    )
    height = torch.zeros(2, 32, 32, dtype=torch.int8)
    height[0, 8:16, 4:20] = torch.from_numpy(np.tile(np.array([0, 90], np.int8), (8, 8)))
    blood = torch.zeros(2, 32, 32, dtype=torch.int8)
    blood[1, 16:30] = 127
    wrinkles = Wrinkles(("fold", "flush"), height, blood, torch.eye(2))
    return Avatar("ball", vertices, faces, torch.tensor([5, 6]), look=look), topology, wrinkles
