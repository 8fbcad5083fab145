"""Avatars whose bare head is Gaussians: their files, how they turn, what they are drawn as."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz.small import bare_avatar, untaught_head

from talkcli.engine.assets import asset
from talkcli.engine.errors import BadUsage, Untrusted
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.gaussian_head import HeadDecoder, HeadMaps, head_gaussians, turned_share
from talkcli.engine.face.geometry import gaussians, vertices
from talkcli.engine.face.harmonics import turned_harmonics
from talkcli.engine.face.known_rigs import load_rig
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.face.rotations import matrix
from talkcli.engine.face.texel_layout import texel_layout
from talkcli.engine.face.worn import Worn
from talkcli.engine.files import load_tensors, save_tensors
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.captured import unused_manner
from talkcli.engine.motion import Coefficients, Head, Motion, Textures
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.shot import AS_USUAL, MESH, SPLATS, Shot, drawn_as, notes_on, shot_frames
from talkcli.engine.rendering.splat_film import splat_frames


@pytest.fixture(scope="module")
def person() -> Avatar:
    return replace(talking_head(), gaussian_head=untaught_head())


def speaking(frames: int = 3, turn: tuple[float, ...] | None = None) -> Motion:
    shapes = len(load_rig("facekit").shapes)
    weights = torch.rand(frames, shapes, generator=torch.Generator().manual_seed(1)) * 0.4
    head = None if turn is None else Head(torch.tensor([turn] * frames), torch.zeros(frames, 3))
    return Motion(Fraction(25), Coefficients(weights, torch.zeros(frames, 3), "facekit"), head)


def test_whoever_speaks_by_their_body_is_told_nothing_of_manners_that_nobody_asked_for(person):
    mannered = replace(person, styles={"textalker/motion": torch.zeros(4)})
    assert unused_manner(open_talker("unigaha"), mannered) == ""
    assert "manner is for textalker" in unused_manner(open_talker("memorytalker"), mannered)


def test_a_head_comes_back_from_its_file(person, tmp_path):
    save_avatar(person, tmp_path / "a.avatar")
    again = load_avatar(tmp_path / "a.avatar")
    assert again.gaussian_head is not None
    assert person.gaussian_head is not None
    for name, tensor in person.gaussian_head.weights.items():
        assert torch.equal(again.gaussian_head.weights[name], tensor), name
    one, other = (gaussians(speaking(1), avatar)[0] for avatar in (person, again))
    for name, tensor in vars(one).items():
        assert torch.equal(getattr(other, name), tensor), name


@pytest.mark.parametrize(
    "change",
    [
        {"widths": [6, 6, 10_000_000]},
        {"coarsest": 64},
        {"coarsest": -1},
        {"rig": "flame"},
        {"bases": 5},
        {"shapes": ["jawOpen"]},
        {"widths": "none"},
    ],
    ids=str,
)
def test_a_damaged_head_is_refused(person, tmp_path, change):
    path = tmp_path / "a.avatar"
    save_avatar(person, path)
    tensors, header = load_tensors(path)
    header["fields"]["gaussian_head"]["fields"].update(change)
    save_tensors(tensors, header, path)
    with pytest.raises(Untrusted, match=r"a\.avatar"):
        load_avatar(path)


def test_a_head_belongs_to_its_rig(person):
    with pytest.raises(ValueError, match="rig"):
        replace(bare_avatar(), gaussian_head=person.gaussian_head)
    with pytest.raises(ValueError, match="maps"):
        maps = person.gaussian_head.maps
        replace(person.gaussian_head, maps=HeadMaps(maps.look[:1], maps.look, maps.base))


def test_a_turned_head_is_the_cloud_turned_and_its_shoulders_stay(person):
    still, turn = gaussians(speaking(1), person)[0], (0.0, math.radians(30), 0.0)
    turned = gaussians(speaking(1, turn), person)[0]
    rotation, share = matrix(torch.tensor(turn)), turned_share("facekit", 40)
    up, stays = share > 0.9999, share == 0
    assert up.sum() > 300 and stays.sum() > 0
    moved = vertices(speaking(1, turn), person)[0]
    there = vertices(speaking(1), person)[0]
    whole = load_rig("facekit").weights[:, 1:].sum(1) > 0.9999
    shift = (moved[whole] - there[whole] @ rotation.mT).mean(0)
    assert torch.allclose(turned.places[up], still.places[up] @ rotation.mT + shift, atol=2e-5)
    assert torch.allclose(turned.axes[up], rotation @ still.axes[up], atol=3e-4)
    assert torch.allclose(turned.colour[up], turned_harmonics(still.colour[up], rotation), atol=1e-5)
    for name, tensor in vars(still).items():
        assert torch.allclose(getattr(turned, name)[stays], tensor[stays], atol=1e-6), name


@pytest.mark.parametrize("bases", [1, 4, 9])
def test_a_head_is_drawn_as_its_decoder_was_taught(bases):
    """Decoded for pictures, texel by texel, it is what HeadDecoder says, turned by shares."""
    head, model = untaught_head(bases=bases), load_rig("facekit")
    weights = 0.5 * torch.rand(2, len(model.shapes), generator=torch.Generator().manual_seed(2))
    moved = model.template + (weights @ model.shapes.flatten(1)).unflatten(1, (-1, 3))
    turns = matrix(torch.tensor([[0.1, 0.5, 0.0], [0.0, 0.0, 0.0]]))
    single, decoder = head.map(torch.Tensor.float), HeadDecoder(head.config)
    decoder.load_state_dict(dict(single.weights))
    with torch.no_grad():
        taught = decoder(moved, weights @ single.to_codes, single.identity, single.maps)
    share = turned_share("facekit", 40)[:, None, None]
    for drawn, known, turn in zip(head_gaussians(head, moved, weights, turns), taught, turns, strict=True):
        for name in ("places", "axes", "opacity"):
            assert torch.allclose(getattr(drawn, name), getattr(known, name), atol=2e-6), name
        turned = known.colour.lerp(turned_harmonics(known.colour, turn), share)
        assert torch.allclose(drawn.colour, turned, atol=2e-6)
    for drawn, known in zip(head_gaussians(head, moved, weights), taught, strict=True):
        assert torch.allclose(drawn.colour, known.colour, atol=2e-6)


def test_what_it_wears_as_gaussians_is_drawn_beside_its_head(person):
    from test_gaussians import bound

    dressed = replace(person, splats=bound(person))
    bare, both = (gaussians(speaking(2), avatar) for avatar in (person, dressed))
    worn = gaussians(speaking(2), replace(dressed, gaussian_head=None))
    for one, own, whole in zip(bare, worn, both, strict=True):
        assert torch.equal(whole.places, torch.cat([one.places, own.places]))
        assert torch.equal(whole.colour[len(one) :, :1], own.colour)
        assert bool((whole.colour[len(one) :, 1:] == 0).all())


def test_skin_that_clothes_hide_is_not_drawn(person):
    head, hides = person.gaussian_head, torch.arange(40, 400, dtype=torch.int32)
    shirt = Worn(
        "shirt", "cloth", person.neutral[:3].clone(), torch.arange(3, dtype=torch.int32)[:, None],
        torch.ones(3, 1),
        torch.zeros(0, dtype=torch.int32), torch.zeros(1, 3, dtype=torch.uint8),
        torch.tensor([[0, 1, 2]], dtype=torch.int32), hides=hides,
    )  # fmt: skip
    hidden = {tuple(face) for face in person.faces[hides.long()].tolist()}
    layout = texel_layout(head.rig, head.config.size)
    shown = torch.tensor([tuple(corners) not in hidden for corners in layout.corners.tolist()])
    assert 0 < int((~shown).sum()) < len(shown)
    bare, dressed = (gaussians(speaking(2), who) for who in (person, replace(person, worn=(shirt,))))
    for one, other in zip(bare, dressed, strict=True):
        for name, tensor in vars(one).items():
            assert torch.equal(getattr(other, name), tensor[shown]), name


def test_a_film_has_the_same_bytes_for_any_number_of_threads(person):
    motion, camera = speaking(5, (0.1, 0.2, 0.0)), portrait(person, "orbit", (48, 48))
    one = list(splat_frames(motion, person, camera, workers=1))
    three = list(splat_frames(motion, person, camera, workers=3))
    assert len(one) == 5 and all(np.array_equal(*pair) for pair in zip(one, three, strict=True))
    assert not np.array_equal(one[0], one[4])


def test_it_is_drawn_of_gaussians_unless_its_mesh_is_asked_for(person):
    assert drawn_as(AS_USUAL, person) == drawn_as(AS_USUAL, person, ".ply") == SPLATS
    assert drawn_as(Shot(form=MESH), person) == drawn_as(AS_USUAL, person, ".obj") == MESH
    for renderer in ("pyrender", "pytorch3d"):
        with pytest.raises(BadUsage, match=f"{renderer} draws no Gaussians"):
            drawn_as(Shot(renderer=renderer), person)
    first = [next(shot_frames(Shot(size="48", form=form), speaking(1), person)) for form in (None, MESH)]
    bare = next(shot_frames(Shot(size="48"), speaking(1), replace(person, gaussian_head=None)))
    assert np.array_equal(first[1], bare) and not np.array_equal(first[0], bare)


def test_what_pictures_leave_out_is_told(person):
    ada = load_avatar(asset("ada.avatar"))
    dressed = replace(person, worn=ada.worn)
    film, cloud, motion = Path("a.mp4"), Path("a.ply"), speaking(1)
    for path in (film, cloud):
        (note,) = notes_on(AS_USUAL, motion, dressed, [path])
        assert all(thing.name in note for thing in ada.worn)
    assert notes_on(AS_USUAL, motion, person, [film]) == []
    assert "--no-wrinkles" in notes_on(Shot(wrinkles=False), motion, person, [film])[0]


def test_a_mesh_without_a_skin_is_told_to_be_clay(person):
    ada, motion = load_avatar(asset("ada.avatar")), speaking(1)
    (note,) = notes_on(Shot(form=MESH), motion, person, [Path("a.mp4")])
    assert "clay" in note and "--as mesh" in note
    (note,) = notes_on(AS_USUAL, motion, person, [Path("a.motion"), Path("a.obj")])
    assert "clay" in note and "--as mesh" not in note
    assert notes_on(Shot(form=MESH), motion, person, [Path("a.motion"), Path("a.npz")]) == []
    skinned = replace(ada, gaussian_head=person.gaussian_head)
    assert notes_on(Shot(form=MESH), motion, skinned, [Path("a.mp4"), Path("a.obj")]) == []


def test_a_texture_of_the_motion_stands_in_for_what_the_skin_does_by_itself(person):
    from talkcli.engine.face.acting import rig_folds, wrinkles_of

    wrinkles, motion = wrinkles_of(person), speaking(2)
    assert wrinkles is not None
    assert isinstance(motion.face, Coefficients)
    same = replace(motion, texture=rig_folds(motion.face.expression, wrinkles))
    for one, other in zip(gaussians(motion, person), gaussians(same, person), strict=True):
        assert torch.allclose(one.colour, other.colour, atol=1e-5)
    red = torch.zeros(1, 3, 8, 8)
    red[:, 1:] = -1.0
    painted = replace(motion, texture=Textures(torch.ones(2, 1), red))
    plain = gaussians(motion, person)[0].colour[:, 0]
    ruddy = gaussians(painted, person)[0].colour[:, 0]
    assert (ruddy[:, 1] < 0.6 * plain[:, 1]).float().mean() > 0.95
    unpainted = gaussians(painted, person, acting=False)[0].colour[:, 0]
    assert torch.equal(unpainted, plain)


def test_a_ply_holds_the_cloud_of_a_frame(person, tmp_path):
    from talkcli.engine.rendering.write import Act, write

    shot = Shot(size="32")
    write([Act(speaking(1), person)], tmp_path / "a.ply", shot)
    header = next((tmp_path / "a.ply").glob("*.ply")).read_bytes()[:900]
    count = len(gaussians(speaking(1), person)[0])
    assert f"element vertex {count}\n".encode() in header and b"f_rest_8" in header
