"""UV maps: equality with the published rasteriser, and what is drawn can be read again."""

import math

import numpy as np
import pytest
import torch

from talkcli.engine.errors import BadInput
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.uv_maps import drawn, read_maps, uv_map, uv_reader
from talkcli.engine.methods.textalker.maps import (
    PUBLISHED_HIGH,
    PUBLISHED_LOW,
    denormalised_offsets,
    normalised_offsets,
    ratio_of,
    wrinkle,
    wrinkle_of,
)

LOW, HIGH = torch.tensor(PUBLISHED_LOW), torch.tensor(PUBLISHED_HIGH)


def sheet(side: int = 9):
    """A bent sheet over most of the layout: vertices [n, 3], faces [f, 3] and UVs [n, 2], one a vertex."""
    u, v = torch.meshgrid(torch.linspace(0.06, 0.93, side), torch.linspace(0.04, 0.91, side), indexing="ij")
    uv = torch.stack([u + 0.03 * torch.sin(9 * v), v + 0.02 * torch.sin(7 * u)], -1).reshape(-1, 2)
    corner = (torch.arange(side - 1)[:, None] * side + torch.arange(side - 1)).reshape(-1)
    a, b, c, d = corner, corner + side, corner + side + 1, corner + 1
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    values = torch.stack([uv[:, 0] - 0.5, uv[:, 1] * 2, uv.sum(1)], 1) + 1
    return values, faces, uv


def by_the_book(values, faces, uv, uv_faces, size):
    """The published rasterisation, texel by texel in float32 (the specification, section 2.2)."""
    f = np.float32
    x = (uv[:, 0].double() * (size - 1)).float().numpy()
    y = (size - 1 - uv[:, 1].double() * (size - 1)).float().numpy()
    picture, taken = np.zeros((size, size, 3), f), np.zeros((size, size), bool)
    for triangle, places in zip(faces.numpy(), uv_faces.numpy(), strict=True):
        px, py = x[places], y[places]
        for row in range(max(math.ceil(py.min()), 0), min(math.floor(py.max()), size - 1) + 1):
            for column in range(max(math.ceil(px.min()), 0), min(math.floor(px.max()), size - 1) + 1):
                a = (px[2] - px[0], py[2] - py[0])
                b = (px[1] - px[0], py[1] - py[0])
                d = (f(column) - px[0], f(row) - py[0])
                aa, ab, bb = (p[0] * q[0] + p[1] * q[1] for p, q in ((a, a), (a, b), (b, b)))
                ad, bd = a[0] * d[0] + a[1] * d[1], b[0] * d[0] + b[1] * d[1]
                area = aa * bb - ab * ab
                scale = f(0) if area == 0 else f(1) / area
                s, t = (bb * ad - ab * bd) * scale, (aa * bd - ab * ad) * scale
                if s >= 0 and t >= 0 and s + t < 1 and not taken[row, column]:
                    taken[row, column] = True
                    corner = values.numpy()[triangle]
                    picture[row, column] = (f(1) - s - t) * corner[0] + t * corner[1] + s * corner[2]
    return torch.from_numpy(picture).permute(2, 0, 1)


@pytest.mark.parametrize("size", [16, 48])
def test_every_texel_is_the_published_rasterisers(size):
    values, faces, uv = sheet()
    faces = torch.cat([faces, faces[:7].flip(0), torch.tensor([[4, 4, 5], [30, 30, 30]])])
    assert torch.equal(
        drawn(values, uv_map(faces, uv, faces, size)), by_the_book(values, faces, uv, faces, size)
    )


def test_the_first_triangle_keeps_a_texel():
    uv = torch.tensor([[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]])
    values = torch.tensor([[1.0], [1.0], [1.0], [2.0], [2.0], [2.0]])
    layout = torch.tensor([[0, 1, 2], [0, 1, 2]])
    first = drawn(values, uv_map(torch.tensor([[0, 1, 2], [3, 4, 5]]), uv, layout, 32))
    second = drawn(values, uv_map(torch.tensor([[3, 4, 5], [0, 1, 2]]), uv, layout, 32))
    torch.testing.assert_close(first, (first > 0).float())
    torch.testing.assert_close(second, 2 * first)


def test_up_in_the_layout_is_up_in_the_map():
    uv = torch.tensor([[0.0, 1.0], [0.3, 1.0], [0.0, 0.7]])
    covered = drawn(torch.ones(3, 1), uv_map(torch.tensor([[0, 1, 2]]), uv, torch.tensor([[0, 1, 2]]), 21))[0]
    assert covered[0, 0] == 1
    assert covered[10:].sum() == covered[:, 10:].sum() == 0


def test_what_varies_evenly_is_read_as_it_was_drawn():
    values, faces, uv = sheet()
    maps = drawn(values, uv_map(faces, uv, faces, 128))
    back = read_maps(maps, uv_reader(faces, uv, faces, 128, verts=len(values)))
    inner = ((uv > 0.15) & (uv < 0.85)).all(1)
    assert (back - values)[inner].abs().max() < 2e-3
    assert (back - values).abs().max() < 2 / 127 * 3


def test_published_reading_drifts_towards_the_bottom_right():
    values, faces, uv = sheet()
    maps = drawn(values, uv_map(faces, uv, faces, 128))
    inner = ((uv > 0.15) & (uv < 0.85)).all(1)
    theirs = (read_maps(maps, uv_reader(faces, uv, faces, 128, "512", verts=len(values))) - values)[inner]
    place = uv[inner]
    assert theirs[:, 0].sub(place[:, 0] / 127).abs().max() < 2e-3
    assert theirs[:, 1].add(2 * (1 - place[:, 1]) / 127).abs().max() < 4e-3


@pytest.mark.parametrize("convention", ["511", "512"])
def test_uncovered_texels_are_never_read(convention):
    values, faces, uv = sheet()
    layout = uv_map(faces, uv, faces, 64)
    reader = uv_reader(faces, uv, faces, 64, convention, verts=len(values))
    poisoned = torch.full((1, 64, 64), 1e9)
    poisoned[drawn(torch.ones(len(values), 1), layout) > 0] = 1.0
    torch.testing.assert_close(read_maps(poisoned, reader), torch.ones(len(values), 1))


def test_a_vertex_on_a_seam_is_the_mean_of_its_samples():
    faces, uv_faces = torch.tensor([[0, 1, 2], [0, 2, 3]]), torch.tensor([[0, 1, 2], [3, 4, 5]])
    left = torch.tensor([[0.1, 0.1], [0.4, 0.1], [0.4, 0.9]])
    uv = torch.cat([left, left * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])])
    maps = torch.zeros(1, 64, 64)
    maps[:, :, :32], maps[:, :, 32:] = 1.0, 3.0
    back = read_maps(maps, uv_reader(faces, uv, uv_faces, 64, verts=5))
    torch.testing.assert_close(back[:, 0], torch.tensor([2.0, 1.0, 2.0, 3.0, 0.0]))


def test_many_maps_at_once_are_each_alone():
    values, faces, uv = sheet()
    layout, reader = uv_map(faces, uv, faces, 32), uv_reader(faces, uv, faces, 32, verts=len(values))
    takes = torch.randn(2, 3, *values.shape, generator=torch.Generator().manual_seed(0))
    maps = drawn(takes, layout)
    assert torch.equal(maps[1, 2], drawn(takes[1, 2], layout))
    torch.testing.assert_close(read_maps(maps, reader)[1, 2], read_maps(maps[1, 2], reader))


def test_drawing_and_reading_pass_gradients():
    values, faces, uv = sheet()
    values.requires_grad_()
    maps = drawn(values, uv_map(faces, uv, faces, 64))
    read_maps(maps, uv_reader(faces, uv, faces, 64, verts=len(values))).sum().backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad.sum(), torch.tensor(3.0 * len(values)), rtol=1e-3, atol=0)


def test_a_map_too_small_for_any_texel_is_refused():
    uv = torch.tensor([[0.1, 0.1], [0.2, 0.1], [0.1, 0.2]])
    faces = torch.tensor([[0, 1, 2]])
    with pytest.raises(BadInput):
        uv_reader(faces, uv, faces, 3, verts=3)


def test_an_open_jaw_survives_a_published_map():
    """Within a tenth of a millimetre on the mean, where texels are its own (lashes share theirs), and half of
    one at the lips."""
    model = load_face_model()
    topology, jaw = model.topology, model.shapes[model.shape_names.index("jawOpen")]
    maps = drawn(jaw, uv_map(topology.faces, topology.uv, topology.uv_faces, 512))
    reader = uv_reader(topology.faces, topology.uv, topology.uv_faces, 512, verts=len(jaw))
    error = (read_maps(maps, reader) - jaw).norm(dim=-1)
    own = torch.ones(len(jaw), dtype=torch.bool)
    own[topology.regions["lashes"].long()] = False
    assert error[own].mean() < 1e-4
    assert error[topology.regions["lips"].long()].max() < 5e-4


def test_offsets_keep_their_meaning_between_the_bounds():
    rest = normalised_offsets(torch.zeros(1, 3), LOW, HIGH)[0]
    torch.testing.assert_close(rest, torch.tensor([0.51852, 0.40464, 0.46183]), rtol=0, atol=1e-5)
    offsets = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)) * 0.05
    back = denormalised_offsets(normalised_offsets(offsets, LOW, HIGH).T[..., None], LOW, HIGH)[..., 0].T
    torch.testing.assert_close(back, offsets)


def test_an_unchanged_texture_has_the_published_wrinkle():
    image = torch.arange(1, 28, dtype=torch.uint8).reshape(3, 3, 3)
    torch.testing.assert_close(wrinkle(image, image), torch.full((3, 3, 3), 0.46212), rtol=0, atol=1e-5)


def test_a_wrinkle_gives_its_ratio_back():
    ratio = torch.linspace(0.02, 6, 100)
    torch.testing.assert_close(ratio_of(wrinkle_of(ratio)), ratio, rtol=1e-4, atol=1e-5)
    assert ratio_of(torch.ones(1)).isfinite().all()
