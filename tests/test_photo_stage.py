"""A talking photograph: the picture bends with the head and is otherwise left alone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from fuzz.small import untaught_head
from scipy.ndimage import maximum_filter

from talkcli.engine.assets import asset
from talkcli.engine.capture.laid_glasses import with_laid_glasses
from talkcli.engine.capture.normal_equations import rotation_of
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.photograph import Photograph
from talkcli.engine.face.rigs import load_rig, rigged
from talkcli.engine.face.worn import Worn
from talkcli.engine.motion import Coefficients, Head, Motion
from talkcli.engine.rendering.bending import lay_over, trace_back
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.drawn_glasses import DRAWN_BACK, TAKEN_BACK, glasses_front
from talkcli.engine.rendering.membrane import Membrane
from talkcli.engine.rendering.photo_stage import (
    FARTHEST_TURN,
    FREE_TURN,
    held_head,
    photo_frames,
    photo_stage,
)
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.shot import Shot, check_shot, drawn_as, notes_on, shot_frames, stage_of
from talkcli.engine.rendering.write import Act, write
from talkcli.engine.studio.scanned.hair.glasses import glasses_of

SIZE = 128, 160


def motion_of(*turns: float, **weights: float) -> Motion:
    """Frames with a head turned to its left by so many degrees."""
    rotation = torch.tensor([[0.0, np.radians(turn), 0.0] for turn in turns]).float()
    face = load_rig("facekit").weight_vector(**weights).expand(len(turns), -1)
    still = torch.zeros(len(turns), 3)
    return Motion(Fraction(25), Coefficients(face, still), Head(rotation, still))


def photographed(*worn: Worn, finer: int = 1, yaw: float = 0) -> Avatar:
    """Somebody whose photograph is a drawing of them, off its middle, mouth a little open; of so many times
    SIZE, and from so many degrees beside them."""
    kofi = load_avatar(asset("kofi.avatar"))
    kofi = replace(kofi, worn=(*kofi.worn, *worn))
    view = torch.eye(4)
    view[:3, :3] = torch.from_numpy(rotation_of(np.radians([0, yaw, 0.0])))
    view[:3, 3] = torch.tensor([0.01, 0.02, -0.8])
    lens = finer * torch.tensor([330.0, 330.0, 70.0, 76.0])
    camera = Camera(view[None], lens[None], finer * torch.tensor([SIZE]))
    open_mouth = motion_of(0, jawOpen=0.2)
    picture = next(frames(open_mouth, kofi, camera, background="#306090", workers=1))
    person = (np.abs(picture.astype(int) - [0x30, 0x60, 0x90]).max(-1) > 9).astype(np.uint8) * 255
    photo = Photograph(
        torch.from_numpy(picture), torch.from_numpy(person[2::4, 2::4].copy()), lens, view,
        load_rig("facekit").weight_vector(jawOpen=0.2),
    )  # fmt: skip
    return replace(kofi, photograph=photo)


@pytest.fixture(scope="module")
def sitter() -> Avatar:
    return photographed()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lens", torch.tensor([0.0, 330.0, 70.0, 76.0])),
        ("lens", torch.tensor([330.0, -330.0, 70.0, 76.0])),
        ("lens", torch.full((4,), 1e30)),
        ("view", torch.zeros(4, 4)),
        ("view", torch.full((4, 4), 1e20)),
        ("weights", torch.full((54,), 1e30)),
        ("picture", torch.zeros(0, 0, 3, dtype=torch.uint8)),
        ("person", torch.zeros(0, 9, dtype=torch.uint8)),
    ],
)
def test_a_photograph_that_no_camera_took_cannot_be(field, value, sitter):
    with pytest.raises(ValueError, match=rf"Photograph\.{field}"):
        replace(sitter.photograph, **{field: value})


@pytest.mark.parametrize(
    ("field", "told"),
    [("neutral", "9 vertices"), ("identity", "9 numbers of identity"), ("photograph", "9 weights")],
)
def test_an_avatar_that_does_not_fit_its_rig_is_refused(field, told, sitter):
    few = {
        "neutral": sitter.neutral[:9],
        "identity": torch.zeros(9),
        "photograph": replace(sitter.photograph, weights=torch.zeros(9)),
    }
    changed = {"faces": sitter.faces[:0], "lips": sitter.lips[:0]} if field == "neutral" else {}
    with pytest.raises(BadInput, match=f"has {told}"):
        rigged(replace(sitter, worn=(), **{field: few[field]}, **changed))


def test_a_photograph_stays_as_it_is_where_nothing_moves(sitter):
    stage, (same, turned) = (
        photo_stage(sitter, SIZE),
        photo_frames(motion_of(0, 10, jawOpen=0.2), sitter, SIZE, workers=1),
    )
    untouched = stage.picture[..., 3] == 0
    assert 0.5 < untouched.mean() < 0.98
    assert np.abs(same[untouched].astype(int) - stage.picture[untouched][:, :3]).max() <= 1
    border = np.s_[:, [0, -1]]
    off = np.abs(turned[border].astype(int) - stage.picture[border][..., :3])
    assert np.quantile(off, 0.99) <= 1 and off.max() <= 6, "a pixel of the shirt's edge apart"
    assert np.abs(turned.astype(int) - same).max() > 40


def test_the_picture_goes_where_the_head_goes(sitter):
    stage = photo_stage(sitter, SIZE)
    still = photo_frames(motion_of(0, jawOpen=0.2), sitter, SIZE, workers=1)
    moved = motion_of(0, jawOpen=0.2)
    assert moved.head is not None
    shift = torch.tensor([[0.01, 0.0, 0.0]])
    moved = replace(moved, head=replace(moved.head, translation=shift))
    there = next(photo_frames(moved, sitter, SIZE, workers=1)).astype(int)
    pixels = round(float(stage.camera.lenses[0, 0]) * 0.01 / 0.72)
    crown = int(stage.before[:, 1].min()) + 6
    hair = np.s_[crown : crown + 6, 50:90]
    before = next(still).astype(int)
    off = [np.abs(np.roll(before, by, 1)[hair] - there[hair]).mean() for by in range(2 * pixels)]
    assert abs(int(np.argmin(off)) - pixels) <= 1


def test_glasses_stay_on_in_a_photograph_that_talks(sitter):
    """They are not painted on the skin, so they are drawn."""
    glassed = replace(sitter, worn=(*sitter.worn, glasses_of("acetate", sitter.neutral)))
    mild = motion_of(0, jawOpen=0.2)
    bare, worn = (next(photo_frames(mild, who, SIZE, workers=1)).astype(int) for who in (sitter, glassed))
    darker = (bare - worn).mean(-1)
    rows, columns = np.nonzero(darker > 25)
    assert len(rows) > 60 and np.ptp(columns) > 2 * np.ptp(rows), "rims beside each other"
    assert (np.abs(bare - worn).max(-1) > 8).mean() < 0.06, "and nothing else"


@pytest.mark.parametrize("style", ["acetate", "wire"])
@pytest.mark.parametrize("turn", [-11.0, 0.0, 11.0])
def test_a_photographed_frame_is_seen_once_however_the_head_turns(style, turn):
    """Whether the photograph shows the glasses or they are only worn, the film is the same: none is left."""
    glasses = glasses_of(style, load_avatar(asset("kofi.avatar")).neutral)
    seen, without = photographed(glasses, finer=4), photographed(finer=4)
    moved, size = motion_of(turn, jawOpen=0.2), (4 * SIZE[0], 4 * SIZE[1])
    people = seen, replace(without, worn=seen.worn), without
    films = [next(photo_frames(moved, who, size, workers=1)).astype(int) for who in people]
    frame = np.abs(films[1] - films[2]).max(-1) > 30
    rims = np.s_[int(np.nonzero(frame)[0].mean()) :]  # below the temples, which stay the photograph's
    assert (np.abs(films[0] - films[1]).max(-1) > 30)[rims].sum() < 0.02 * frame[rims].sum()


@pytest.mark.parametrize("style", ["acetate", "wire"])
def test_a_frame_that_reaches_beyond_the_face_leaves_no_smear_behind_it(style):
    """Skin goes over skin, and what stands behind over what stands behind."""
    glasses = glasses_of(style, load_avatar(asset("kofi.avatar")).neutral)
    size = 4 * SIZE[0], 4 * SIZE[1]
    seen, bare = (photographed(*worn, finer=4, yaw=25) for worn in ((glasses,), ()))
    taken, without = (photo_stage(who, size).picture[..., :3] for who in (seen, bare))
    shown = photo_stage(replace(bare, photograph=seen.photograph), size).picture[..., :3]
    behind = np.abs(without - without[2, 2]).max(-1) < 4
    frame = (np.abs(shown - without).max(-1) > 60) & behind
    frame[: int(np.nonzero(frame)[0].mean())] = False  # temples stay the photograph's
    assert frame.sum() > 100, "it reaches beyond"
    assert np.abs(taken - without)[maximum_filter(frame, 9) & behind].mean() < 0.2


@pytest.mark.parametrize("style", ["acetate", "wire"])
def test_what_is_shown_of_drawn_glasses_has_no_gaps(style):
    """Whatever lies on their front is within two millimetres of a point of it."""
    kofi = load_avatar(asset("kofi.avatar"))
    glasses = glasses_of(style, kofi.neutral)
    front = glasses_front(replace(kofi, worn=(glasses,)), DRAWN_BACK)
    assert front is not None and glasses.faces is not None
    corners = glasses.points[glasses.faces.long()]
    share = torch.rand(8, len(corners), 3, generator=torch.Generator().manual_seed(0))
    on = ((share / share.sum(2, keepdim=True))[..., None] * corners).sum(2).reshape(-1, 3)
    on = on[on[:, 2] > glasses.points[:, 2].max() - DRAWN_BACK + 0.003]
    assert torch.cdist(on, front.worn.points).min(1).values.max() < 0.002


def test_glasses_are_laid_onto_the_frame_that_a_photograph_shows():
    """Drawn elsewhere and of another size, they come back; where none is seen they stay."""
    glasses = glasses_of("acetate", load_avatar(asset("kofi.avatar")).neutral)
    there = glasses.points * torch.tensor([0.95, 1.06, 1.0]) + torch.tensor([0.0015, 0.0, 0.0])
    front = there[:, 2] > there[:, 2].max() - TAKEN_BACK

    def off(person: Avatar) -> float:
        astray = replace(person, worn=(*person.worn[:-1], replace(glasses, points=there)))
        laid = with_laid_glasses(astray).worn[-1].points
        return 1000 * float((laid - glasses.points)[front].norm(dim=1).mean())

    seen, unseen = photographed(glasses, finer=4), photographed(finer=4)
    assert off(seen) < 0.7 < 2 < off(replace(unseen, worn=seen.worn))


@pytest.mark.parametrize("turn", [0.0, 5.0, FREE_TURN, 20.0, 90.0])
def test_a_head_is_held_within_its_photograph(turn):
    after = held_head(motion_of(turn)).head
    assert after is not None
    degrees = float(after.rotation.norm().rad2deg())
    assert degrees == pytest.approx(turn, abs=1e-3) if turn <= FREE_TURN else FREE_TURN < degrees < turn
    assert degrees <= FARTHEST_TURN + 1e-4


def test_what_is_asked_for_chooses_the_stage(sitter, tmp_path):
    plain, film = replace(sitter, photograph=None), [tmp_path / "me.mp4"]
    assert stage_of(Shot(), plain) == "studio" and stage_of(Shot(), sitter) == "photo"
    for other in (Shot("orbit"), Shot(background="white"), Shot(look="studio"), Shot(stage="studio")):
        assert stage_of(other, sitter) == "studio"
    for refused, avatar in (
        (Shot(stage="photo"), plain),
        (Shot(stage="photo", camera="profile"), sitter),
        (Shot(look="photographed"), plain),
        (Shot(stage="somewhere"), plain),
    ):
        with pytest.raises(BadUsage):
            check_shot(refused, avatar, film)
    far = motion_of(30)
    assert "30 degrees" in notes_on(Shot(), far, sitter, film)[0]
    assert not notes_on(Shot(stage="studio"), far, sitter, film) and not notes_on(Shot(), far, plain, film)


def test_somebody_of_gaussians_stands_in_their_photograph_where_that_is_asked_for(sitter, tmp_path):
    film, cloud = tmp_path / "me.mp4", tmp_path / "me.ply"
    me = replace(sitter, gaussian_head=untaught_head())
    assert stage_of(Shot(), me) == "studio" and drawn_as(Shot(), me) == "splats"
    assert "--stage photo" in notes_on(Shot(), motion_of(0), me, [film])[-1]
    asked = Shot(size=f"{SIZE[0]}x{SIZE[1]}", stage="photo")
    check_shot(asked, me, [film, cloud])
    assert stage_of(asked, me) == "photo" and drawn_as(asked, me, ".mp4") == "mesh"
    assert drawn_as(asked, me, ".ply") == "splats"
    shown, known = (next(shot_frames(asked, motion_of(0), who)) for who in (me, sitter))
    assert np.array_equal(shown, known)
    with pytest.raises(BadUsage, match="by its mesh"):
        check_shot(replace(asked, form="splats"), me, [film])


def test_a_photograph_travels_in_its_avatar_and_is_drawn(sitter, tmp_path):
    save_avatar(sitter, tmp_path / "me.avatar", 90)
    me = load_avatar(tmp_path / "me.avatar")
    assert me.photograph is not None
    assert (me.photograph.picture.int() - sitter.photograph.picture.int()).abs().float().mean() < 3
    write([Act(motion_of(0), me)], tmp_path / "me.gif", Shot(size="128x160"))
    assert (tmp_path / "me.gif").stat().st_size > 1000


def test_a_membrane_is_where_it_is_held_and_nowhere_torn():
    places = np.array([[40.0, 40], [48, 40], [40, 48], [48, 48]])
    pull = np.zeros((11, 11))
    pull[[0, -1]] = pull[:, [0, -1]] = 1e5
    grid = Membrane(places, np.ones((11, 11)), pull, 8.0).spread(np.tile([3.0, -2.0], (4, 1)))
    assert np.allclose(grid[5:7, 5:7], [3, -2], atol=0.02) and np.abs(grid[[0, -1]]).max() < 1e-3
    assert (np.diff(grid[5, :6, 0]) > 0).all() and (np.diff(grid[5, 6:, 0]) < 0).all()
    offsets = np.empty_like(grid)
    trace_back(grid, 8.0, offsets)
    assert np.allclose(offsets[5:7, 5:7], [-3, 2], atol=0.8) and np.abs(offsets[0]).max() < 1e-3


def test_what_is_laid_over_is_feathered_by_both_shares():
    picture, clear = np.zeros((8, 8, 4), np.float32), np.zeros((8, 8, 4), np.uint8)
    picture[..., 0], picture[4:, :, 3] = np.arange(8) * 20, 0.5
    clear[..., 1], clear[:, 4:, 3] = 200, 255
    room, here = np.empty(8 * 8 * 3 + 1, np.uint8), np.empty((3, 2), np.float32)
    shift = np.full((3, 3, 2), [2.0, 0.0])
    lay_over(picture.reshape(-1, 4), shift, 8.0, clear.reshape(-1, 4), here, 8, room)
    out = room[:-1].reshape(8, 8, 3)
    assert (out[0, :5, 0] == [40, 60, 80, 100, 120]).all() and (out[:4, :, 1] == 0).all()
    assert (out[5, :4, 1] == 0).all() and (out[5, 4:, 1] == 100).all()


def test_a_narrow_photograph_is_shown_to_its_edges_and_not_beyond(sitter):
    assert sitter.photograph is not None
    narrow = replace(sitter.photograph, picture=sitter.photograph.picture[:, 20:120].contiguous())
    assert photo_stage(replace(sitter, photograph=narrow), (480, 640)).picture.shape[:2] == (640, 480)
