"""What a head wears goes where the head goes, and into its file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from talkcli.engine.errors import Untrusted
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.worn import WORN_STEP, Worn, rigid_motion, worn_vertices

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
