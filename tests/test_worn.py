"""What a head wears goes where the head goes, and into its file."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch

from talkcli.engine.errors import Untrusted
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.worn import WORN_STEP, Worn, rigid_motion, worn_vertices
from talkcli.engine.rendering.camera import look_at
from talkcli.engine.rendering.dressing import carried, drawn_every
from talkcli.engine.rendering.picture import Painter, PosedMoment
from talkcli.engine.rendering.rasterize import HIDDEN
from talkcli.engine.rendering.strands import TO_END, WHOLE, ribbons_of
from talkcli.engine.rendering.surface import surface_of

VERTS, STRANDS, NODES = 40, 12, 5


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 0.2 - 0.1


def hair(**changes: object) -> Worn:
    """Strands that stand on single vertices and follow the first ten."""
    worn = Worn(
        name="tuft",
        kind="strands",
        points=random(STRANDS * NODES, 3, seed=1),
        carriers=torch.arange(STRANDS)[:, None] + 20,
        shares=torch.ones(STRANDS, 1),
        anchors=torch.arange(10),
        colour=torch.full((STRANDS, 3), 90, dtype=torch.uint8),
        faces=torch.zeros(0, 3, dtype=torch.long),
        nodes=NODES,
        widths=torch.full((STRANDS,), 1e-3),
    )
    return replace(worn, **changes)  # type: ignore[arg-type]


def cloth() -> Worn:
    return Worn(
        name="bib",
        kind="cloth",
        points=random(6, 3, seed=2),
        carriers=torch.tensor([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6]]),
        shares=torch.full((6, 2), 0.5),
        anchors=torch.zeros(0, dtype=torch.long),
        colour=torch.zeros(6, 3, dtype=torch.uint8),
        faces=torch.tensor([[0, 1, 2], [3, 4, 5]]),
        uv=torch.rand(2, 3, 2),
    )


def avatar(*worn: Worn) -> Avatar:
    return Avatar("ada", random(VERTS, 3), torch.tensor([[0, 1, 2]]), torch.tensor([1]), worn=worn)


def turned(points: torch.Tensor) -> torch.Tensor:
    """Turned about a point and shifted: two frames."""
    turns = matrix(torch.tensor([[0.3, -0.5, 0.1], [0.0, 1.1, 0.4]]))
    return points @ turns.mT + torch.tensor([[0.01, 0.2, -0.1], [0.0, 0.0, 0.3]])[:, None]


def test_what_is_worn_turns_with_a_head_that_turns_as_a_whole():
    head = random(VERTS, 3)
    torch.testing.assert_close(
        worn_vertices(hair(), head, turned(head)), turned(hair().points), atol=1e-6, rtol=0
    )


def test_a_strand_goes_where_its_root_goes():
    head = random(VERTS, 3)
    moved = turned(head)
    moved[:, 25] += torch.tensor([0.0, 0.002, 0.001])
    drift = worn_vertices(hair(), head, moved) - turned(hair().points)
    expected = torch.zeros(2, STRANDS, NODES, 3)
    expected[:, 5] = torch.tensor([0.0, 0.002, 0.001])
    torch.testing.assert_close(drift.unflatten(1, (STRANDS, NODES)), expected, atol=1e-6, rtol=0)


def test_cloth_is_carried_point_by_point():
    head = random(VERTS, 3)
    moved = head + random(1, VERTS, 3, seed=5)
    step = (moved - head)[:, cloth().carriers].mean(2)
    torch.testing.assert_close(worn_vertices(cloth(), head, moved), cloth().points + step)


def test_the_best_rigid_motion_is_a_turn_and_never_a_mirror():
    flat = random(20, 3) * torch.tensor([1.0, 1.0, 0.0])
    turn, shift = rigid_motion(flat, turned(flat))
    torch.testing.assert_close(torch.linalg.det(turn), torch.ones(2))
    torch.testing.assert_close(flat @ turn.mT + shift[:, None], turned(flat), atol=1e-6, rtol=0)


def test_an_avatar_keeps_what_it_wears(tmp_path):
    file = tmp_path / "ada.avatar"
    save_avatar(avatar(hair(), cloth()), file)
    loaded = load_avatar(file)
    assert [worn.name for worn in loaded.worn] == ["tuft", "bib"]
    for before, after in zip((hair(), cloth()), loaded.worn, strict=True):
        assert (after.points - before.points).abs().max() <= WORN_STEP / 2 + 1e-8
        torch.testing.assert_close(after.shares, before.shares)
        assert torch.equal(after.carriers, before.carriers) and torch.equal(after.colour, before.colour)
    assert loaded.worn[0].uv is None and loaded.worn[0].nodes == NODES
    assert loaded.to("cpu").worn[1].kind == "cloth"


def test_a_bald_head_wears_nothing_and_is_kept(tmp_path):
    bald = hair(
        points=torch.zeros(0, 3), carriers=torch.zeros(0, 1, dtype=torch.long), shares=torch.zeros(0, 1),
        colour=torch.zeros(0, 3, dtype=torch.uint8), widths=torch.zeros(0),
    )  # fmt: skip
    save_avatar(avatar(bald, cloth()), tmp_path / "ada.avatar")
    assert [len(worn.points) for worn in load_avatar(tmp_path / "ada.avatar").worn] == [0, 6]


@pytest.mark.parametrize(
    "change, word",
    [
        ({"carriers": torch.tensor([[VERTS]] * STRANDS)}, "carriers"),
        ({"anchors": torch.tensor([-1])}, "anchors"),
        ({"kind": "wig"}, "kind"),
        ({"faces": torch.tensor([[0, 1, STRANDS * NODES]])}, "faces"),
        ({"nodes": 4}, "strands"),
        ({"colour": torch.zeros(7, 3, dtype=torch.uint8)}, "colour"),
    ],
)
def test_nothing_worn_points_outside_its_head_or_itself(change, word):
    with pytest.raises(ValueError, match=word):
        avatar(hair(**change))


def test_a_file_with_a_worn_thing_that_is_none_is_refused(tmp_path):
    file = tmp_path / "ada.avatar"
    save_avatar(avatar(cloth()), file)
    content = file.read_bytes()
    file.write_bytes(content.replace(b'\\"cloth\\"', b'\\"clots\\"'))
    with pytest.raises(Untrusted, match="kind"):
        load_avatar(file)


def test_the_renderer_carries_what_is_worn_as_the_face_does():
    head = random(VERTS, 3)
    person = avatar(hair(), cloth())
    dressing = surface_of(person, None).dressing
    moved = turned(head)
    moved[:, 23] += 0.004
    rows = np.empty((len(dressing.carriers), 3), np.float32)
    places, normals, ways = np.empty((3, VERTS + len(dressing.rest), 3), np.float32)
    for frame in moved:
        carried(dressing, frame.numpy(), rows, places, normals, ways)
        bib = worn_vertices(cloth(), head, frame[None])[0]
        np.testing.assert_allclose(places[VERTS : VERTS + 6], bib.numpy(), atol=1e-6)
        ribbons = places[VERTS + 6 :].reshape(-1, 2, 3).mean(1)
        np.testing.assert_allclose(ribbons, worn_vertices(hair(), head, frame[None])[0].numpy(), atol=1e-6)


def test_cloth_and_hair_are_drawn_in_their_own_colours_where_the_head_carries_them():
    """A square that faces the camera, red, a green tuft before it; both go aside with the head."""
    corners = torch.tensor([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [0.1, 0.1, 0.0], [-0.1, 0.1, 0.0]])
    square = torch.tensor([[0, 1, 2], [0, 2, 3]])
    red, green = (
        torch.tensor([[200, 10, 10]], dtype=torch.uint8),
        torch.tensor([[10, 200, 10]], dtype=torch.uint8),
    )
    bib = replace(
        cloth(), points=corners * 0.5 + torch.tensor([0, 0, 0.01]), faces=square, uv=None, colour=red,
        carriers=torch.arange(4)[:, None], shares=torch.ones(4, 1),
    )  # fmt: skip
    tuft = hair(
        points=torch.tensor([[0.0, 0.02, 0.02], [0.0, 0.0, 0.02], [0.0, -0.02, 0.02]]), nodes=3, colour=green,
        carriers=torch.tensor([[0]]), shares=torch.ones(1, 1), widths=torch.tensor([0.02]),
        anchors=torch.arange(4),
    )  # fmt: skip
    person = Avatar("square", corners, square, torch.tensor([0]), worn=(tuft, bib))
    painter = Painter(surface_of(person, None), 128, 128, "black")
    view = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
    still = painter.draw(PosedMoment(corners.numpy(), view, 400.0))
    aside = painter.draw(PosedMoment((corners + torch.tensor([0.05, 0.0, 0.0])).numpy(), view, 400.0))
    for picture, x in ((still, 64), (aside, 84)):
        r, g, b = picture[64, x].astype(int)
        assert g > 1.5 * max(r, b)
        r, g, b = picture[64, x + 14].astype(int)
        assert r > 3 * max(g, b)
    assert np.ptp(still[64, 100].astype(int)) < 60


def mop(strands: int = 3000) -> Worn:
    """Straight hair that hangs before a wall, much of it behind other hair."""
    x, z = random(strands, seed=3), 0.02 + 0.6 * random(strands, seed=4).abs()
    root = torch.stack([x, torch.full_like(x, 0.08), z], 1)
    drop = torch.linspace(0, -0.16, 5)[:, None] * torch.tensor([0.0, 1.0, 0.0])
    return hair(
        points=(root[:, None] + drop).flatten(0, 1), carriers=torch.zeros(strands, 1, dtype=torch.long),
        shares=torch.ones(strands, 1), colour=torch.full((1, 3), 120, dtype=torch.uint8),
        widths=torch.full((strands,), 2e-3),
    )  # fmt: skip


def wall(*worn: Worn) -> Avatar:
    corners = torch.tensor([[-0.1, -0.1, 0.0], [0.1, -0.1, 0.0], [0.1, 0.1, 0.0], [-0.1, 0.1, 0.0]])
    return Avatar(
        "wall", corners.repeat(3, 1), torch.tensor([[0, 1, 2], [0, 2, 3]]), torch.tensor([0]), worn=worn
    )


def test_hair_behind_hair_is_left_out_and_nobody_sees_it(monkeypatch):
    """With nothing hidden, the picture is the same but for some few pixels."""
    person = wall(mop())
    view = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
    painter = Painter(surface_of(person, None), 128, 128, "black")
    picture = painter.draw(PosedMoment(person.neutral.numpy(), view, 500.0))
    hidden = (painter.seen.sides == HIDDEN).mean()
    monkeypatch.setattr(painter.thicket, "seen_from", lambda *_: painter.surface.sides)
    whole = painter.draw(PosedMoment(person.neutral.numpy(), view, 500.0))
    assert hidden > 0.2
    assert (np.abs(picture.astype(int) - whole).max(2) > 8).mean() < 0.005


def test_the_coarser_the_picture_the_fewer_and_wider_the_ribbons():
    thick, thin = mop(), mop(300)
    assert drawn_every(thick, 0.0) == 1 < drawn_every(thick, 0.5) < drawn_every(thick, 1.0)
    assert drawn_every(thin, 1.0) < drawn_every(thick, 1.0)
    fine, coarse = (surface_of(wall(thick), None, coarseness) for coarseness in (0.0, 1.0))
    assert len(coarse.faces) < len(fine.faces) / 2

    def wide(surface):
        ribbons = surface.dressing.rest.reshape(-1, 2, 3)
        return np.linalg.norm(ribbons[:, 0] - ribbons[:, 1], axis=1).max()

    assert wide(coarse) > 1.5 * wide(fine)


def test_fine_hair_of_short_pieces_has_half_the_ribbons_in_a_small_picture():
    strands = mop(50)
    fine = dataclasses.replace(strands, points=0.05 * strands.points, widths=torch.full((50,), 4e-4))
    many, few = (ribbons_of(fine, wall().neutral.numpy(), 1, small) for small in (False, True))
    assert len(many.faces) == 2 * len(few.faces)
    assert few.hair[..., TO_END].min() > WHOLE > many.hair[..., TO_END].min()


def test_ribbons_are_whole_at_the_root_and_thin_out_at_the_tip():
    ribbons = ribbons_of(mop(50), wall().neutral.numpy(), 1)
    left = ribbons.hair[..., TO_END].reshape(50, -1)
    assert (left[:, 0] > WHOLE).all() and (left[:, -1] <= 0.5).all() and (left.min(1) == 0).all()


def test_ribbons_of_a_hairline_begin_strand_by_strand():
    strands, few = mop(50), torch.arange(50) < 10
    some = dataclasses.replace(strands, widths=torch.where(few, 4e-4, 2e-3))
    left = ribbons_of(some, wall().neutral.numpy(), 1).hair[..., TO_END].reshape(50, -1)
    assert (left[:10, 0] < 0.3).all() and (left[10:, 0] > WHOLE).all()
    assert (left[:10].max(1) > WHOLE).all(), "further on all strands are there"


def test_fine_hair_of_a_hairline_is_drawn_where_every_hair_is_and_nowhere_else():
    strands = mop(50)
    assert strands.widths is not None
    some = dataclasses.replace(strands, widths=torch.where(torch.arange(50) % 2 == 1, 4e-4, strands.widths))
    whole, coarse = (ribbons_of(some, wall().neutral.numpy(), every).point // some.nodes for every in (1, 2))
    assert set(whole) == set(range(50)) and set(coarse) == set(range(0, 50, 2)[::2])


def test_a_fine_picture_is_the_mean_of_finer_ones():
    person = wall(mop(200))
    view = look_at(torch.tensor([0.0, 0.0, 1.0]), torch.zeros(3)).double().numpy()
    large = Painter(surface_of(person, None), 128, 128, "black").draw(
        PosedMoment(person.neutral.numpy(), view, 500.0)
    )
    fine = Painter(surface_of(person, None), 64, 64, "black", finer=2).draw(
        PosedMoment(person.neutral.numpy(), view, 250.0)
    )
    mean = large.reshape(64, 2, 64, 2, 3).astype(float).mean((1, 3))
    assert np.abs(fine - mean).max() <= 1
