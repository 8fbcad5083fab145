"""The universal head: what is solved, what is learnt, and whom it makes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.gaussian_head import DecoderConfig, head_gaussians
from talkcli.engine.face.texel_layout import texel_layout, texels_on
from talkcli.engine.methods.unigaha.head_fit import FacePictures, HeadFit, HeadFitSettings, KnownFace
from talkcli.engine.methods.unigaha.heads import code_by_skin, head_of, sampled_code
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.methods.unigaha.prior_anchors import code_people, completed, leave_people, solve_anchors
from talkcli.engine.methods.unigaha.prior_config import PriorConfig
from talkcli.engine.methods.unigaha.prior_people import captured_people
from talkcli.engine.methods.unigaha.prior_stage import at_half_size, head_prior, importance_of
from talkcli.engine.rendering.splats import draw_views
from talkcli.engine.struct import stack
from talkcli.engine.studio.captures import CAPTURES, CapturePlan, load_capture, session_of
from talkcli.engine.studio.sessions import lacking_people, sit_all
from talkcli.engine.training.fit import fit

SMALL = PriorConfig(
    DecoderConfig(coarsest=2, widths=(16, 16, 12, 8, 8), expression=12, identity=32),
    shape=20, solved=12, encoder=(4, 8), hidden=16,
)  # fmt: skip
NO_CLIPS: Any = None
"""The prior learns of captures."""
PLAN = CapturePlan(people=2, faces=3, tests=1, shots=2, size=64, skin=128)


class Pupil(nn.Module):
    """What has a prior, as the stage asks."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.prior = Prior(SMALL)


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captures")
    assert list(sit_all(CAPTURES, PLAN, folder)) == ["p0000", "p0001"]
    return folder


@pytest.fixture(scope="module")
def people(sessions):
    return captured_people(sessions, texel_layout("facekit", SMALL.decoder.size))


@pytest.fixture(scope="module")
def solved(people):
    torch.manual_seed(0)
    network = Prior(SMALL)
    solve_anchors(network, people)
    return network


def taught(sessions, steps, seed=0, begun: Prior | None = None, **settings):
    pupil = Pupil()
    if begun is not None:
        pupil.prior.load_state_dict(begun.state_dict())
    stage = head_prior(SimpleNamespace(prior=SMALL), captures=str(sessions), **settings)
    assert stage is not None
    stage = replace(stage, steps=steps)
    example = stage.begin(pupil, NO_CLIPS, torch.Generator())
    losses = [
        step.losses
        for step in fit(pupil, stage, lambda dice: stack([example(NO_CLIPS, 0, dice)]), seed=seed, threads=0)
    ]
    assert stage.learnt is not None and stage.learnt() == {"people": 2}
    return pupil.prior, losses


def test_texels_lie_on_the_mesh_and_their_frames_are_square():
    model, layout = load_face_model(), texel_layout("facekit", 64)
    texels = texels_on(model.template[None], layout)
    corners = model.template[layout.corners]
    torch.testing.assert_close(texels.places[0], (corners * layout.mix[:, 0, :, None]).sum(1))
    frames = texels.frames[0]
    torch.testing.assert_close(frames.mT @ frames, torch.eye(3).expand_as(frames), atol=1e-4, rtol=0)
    assert torch.unique(layout.texels).numel() == len(layout.texels)


def test_eyes_and_teeth_have_more_texels_than_the_atlas_gives_them():
    model, layout = load_face_model(), texel_layout("facekit", 128)
    for region, least in (("left_eye", 600), ("teeth", 250)):
        assert int(torch.isin(layout.corners, model.topology.regions[region]).all(1).sum()) > least


def test_the_same_plan_and_number_give_the_same_session(sessions):
    one, other = load_capture(sessions / "p0000.capture"), load_capture(sessions / "p0001.capture")
    assert torch.equal(other.pictures, session_of(PLAN, 1).pictures)
    assert not torch.equal(one.identity, other.identity)


def test_captures_go_on_where_they_stopped_and_refuse_another_plan(sessions):
    assert list(sit_all(CAPTURES, PLAN, sessions)) == []
    assert lacking_people(CAPTURES, replace(PLAN, people=3), sessions) == ["p0002"]
    with pytest.raises(BadUsage, match="another plan"):
        lacking_people(CAPTURES, replace(PLAN, size=96), sessions)


def test_skins_of_those_it_learns_from_are_their_components(solved, people):
    for row, person in enumerate(people):
        code = solved.people.weight[row, SMALL.shape :].detach()
        skin = solved.skin_mean + torch.einsum("k,kcyx->cyx", code, solved.skins)
        drawn = skin.flatten(1)[:, solved.decoder.layout.texels].mT
        assert float((drawn - person.skin).abs()[person.known].max()) < 0.01


def test_texels_that_nothing_shows_are_not_black(solved, people):
    assert not bool(torch.stack([person.known for person in people]).any(0).all())
    mean = solved.skin_mean.flatten(1)[:, solved.decoder.layout.texels]
    assert float(mean.sum(0).min()) > 0.02


def test_a_texel_that_few_show_takes_the_mean_of_those_near_it(solved):
    layout = solved.decoder.layout
    places = texels_on(solved.mesh_mean[None], layout).places[0]
    known = places[:, 1] > places[:, 1].median()
    values = torch.rand(len(known), 2, generator=torch.Generator().manual_seed(0))
    whole = completed(solved, known)(values)
    assert torch.equal(whole[known], values[known])
    last = int(torch.nonzero(~known)[-1])
    near = (places[known] - places[last]).norm(dim=1).topk(200, largest=False).indices
    assert torch.allclose(whole[last], values[known][near].mean(0), atol=1e-6)


def test_the_guide_mesh_is_near_the_true_one_before_it_learns(solved, people):
    for row, person in enumerate(people):
        codes = person.weights @ solved.codes.to_codes
        with torch.no_grad():
            guided = solved.guide_mesh(codes, solved.people.weight[row])
        assert float((guided - person.vertices).square().sum(-1).mean().sqrt()) < 1.5e-3


def test_codes_read_from_places_are_those_of_the_weights(solved):
    model, layout = load_face_model(), solved.decoder.layout
    weights = torch.eye(len(model.shape_names))[[3, 17]] * 0.5
    moved = model.template + (weights @ model.shapes.flatten(1)).unflatten(1, (-1, 3))
    places = texels_on(moved, layout).places - texels_on(model.template[None], layout).places
    read = places.flatten(1) @ solved.solved_codes()
    torch.testing.assert_close(read, weights @ solved.codes.to_codes, atol=0.05, rtol=0)


def test_the_same_seed_takes_the_same_steps_and_forgets_whom_it_met(sessions):
    network, losses = taught(sessions, 3)
    again, others = taught(sessions, 3)
    assert losses == others and network.people is None
    assert all(map(torch.equal, network.parameters(), again.parameters()))


def test_a_prior_that_learns_on_keeps_what_was_solved_and_what_is_fixed(sessions):
    begun, _ = taught(sessions, 2)
    begun.skin_mean += 0.01
    before = begun.state_dict()
    more, _ = taught(sessions, 2, begun=begun, fixed="encoder., decoder.look.first")
    moved = {name for name, now in more.state_dict().items() if not torch.equal(now, before[name])}
    assert {"decoder.form.first.weight", "neutral_look.first.weight", "guide.0.weight"} <= moved
    assert moved.isdisjoint({"mesh_mean", "skin_mean", "skin_steps", "skin_step"})
    assert not [name for name in moved if name.startswith(("encoder.", "decoder.look.first"))]


def test_what_is_to_be_fixed_must_be_there(sessions):
    with pytest.raises(BadUsage, match=r"begins with encoder\.feet"):
        taught(sessions, 1, fixed="decoder, encoder.feet")


def test_somebody_it_learnt_from_has_the_code_that_was_solved(sessions, solved, people):
    again = Prior(SMALL)
    again.load_state_dict({name: part for name, part in solved.state_dict().items() if "people" not in name})
    code_people(again, people)
    assert again.people is not None
    torch.testing.assert_close(again.people.weight, solved.people.weight, atol=0.05, rtol=0)


@torch.no_grad()
def test_several_people_at_once_are_decoded_as_each_alone(solved, people):
    who = torch.randn(2, SMALL.decoder.identity, generator=torch.Generator().manual_seed(3))
    meshes = torch.stack([person.vertices[1] for person in people])
    codes = torch.stack([person.weights[1] for person in people]) @ solved.codes.to_codes
    together = solved.decoder(meshes, codes, who, solved.maps(who))
    guides = solved.guide_mesh(codes, who)
    for n, cloud in enumerate(together):
        one = slice(n, n + 1)
        (alone,) = solved.decoder(meshes[one], codes[one], who[n], solved.maps(who[n]))
        for name, tensor in vars(alone).items():
            assert torch.allclose(getattr(cloud, name), tensor, atol=1e-5), name
        assert torch.allclose(guides[one], solved.guide_mesh(codes[one], who[n]), atol=1e-6)


def test_pictures_at_half_their_size_are_means_of_what_covers_them(people):
    person = people[0]
    camera, picture = person.cameras.part([3]), person.picture(3)[None].clone()
    picture[:, ::2, ::2, 3] = 0  # a corner of each four pixels shows nothing, whatever its colour
    small, seen = at_half_size(camera, picture)
    assert (small.width, small.height) == (camera.width // 2, camera.height // 2)
    torch.testing.assert_close(small.lenses, camera.lenses / 2)
    four = picture[0].float().unflatten(0, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 2, 1, 3, 4).flatten(2, 3)
    cover = four[..., 3:]
    wanted = (four[..., :3] * cover).sum(2) / cover.sum(2).clamp(min=1e-3)
    covered = cover.sum(2)[..., 0] > 0
    torch.testing.assert_close(seen[0, ..., :3][covered].float(), wanted[covered], atol=0.51, rtol=0)
    torch.testing.assert_close(seen[0, ..., 3].float(), cover.mean(2)[..., 0], atol=0.51, rtol=0)


def test_pixels_about_the_mouth_and_the_eyes_count_more(people):
    camera = people[0].cameras.part([3, 5])
    spot = people[0].vertices[0].mean(0)
    weight = importance_of(spot.expand(2, 3, 3), camera)
    lens, view = camera.lenses[1].float(), camera.views[1].float()
    there = view[:3, :3] @ spot + view[:3, 3]
    row, column = (
        int(value)
        for value in (lens[3] + lens[1] * there[1] / there[2], lens[2] - lens[0] * there[0] / there[2])
    )
    assert torch.argmax(weight[1]) in [
        r * camera.width + c for r in (row - 1, row, row + 1) for c in (column - 1, column, column + 1)
    ]
    assert float(weight.min()) >= 1 and float(weight[1, 0, 0]) < 1.01


@pytest.mark.slow
def test_pictures_grow_truer(sessions):
    losses = taught(sessions, 60)[1]
    assert sum(step["l1"] for step in losses[-10:]) < 0.9 * sum(step["l1"] for step in losses[:10])


def test_without_captures_the_prior_says_how_to_make_them():
    stage = head_prior(SimpleNamespace(prior=SMALL))
    assert stage is not None
    with pytest.raises(BadUsage, match="learns from captures"):
        stage.begin(Pupil(), NO_CLIPS, torch.Generator())


def test_a_folder_without_captures_is_told(tmp_path):
    with pytest.raises(BadInput, match="no captures"):
        captured_people(tmp_path, texel_layout("facekit", 64))


def test_a_talker_without_a_prior_has_no_such_stage():
    assert head_prior(SimpleNamespace(prior=None)) is None


def test_a_skin_that_is_known_is_drawn_as_it_is(solved, people):
    person = people[1]
    identity, base = code_by_skin(solved, person.identity, person.skin, person.known)
    drawn = base.flatten(1)[:, solved.decoder.layout.texels].mT
    torch.testing.assert_close(drawn[person.known], person.skin[person.known])
    assert torch.equal(identity[: SMALL.shape], person.identity[: SMALL.shape])


def test_the_same_seed_samples_the_same_person(people):
    torch.manual_seed(0)
    network = Prior(SMALL)
    solve_anchors(network, people)
    leave_people(network)
    assert torch.equal(sampled_code(network, 7)[0], sampled_code(network, 7)[0])
    assert not torch.equal(sampled_code(network, 7)[0], sampled_code(network, 8)[0])


def fitted(solved, person, steps):
    """A fit to three pictures of a face at rest."""
    shots = person.shots_of(0)[2:5]
    camera = person.cameras.part(person.camera[shots].tolist())
    pictures = torch.stack([person.picture(shot) for shot in shots.tolist()])
    given = FacePictures(pictures, camera, person.weights[:1].expand(len(shots), -1))
    fit_ = HeadFit(solved, given, HeadFitSettings(code_steps=steps, own_steps=steps))
    return fit_, list(fit_.run())


def test_a_fit_leaves_everybody_else_and_what_no_picture_shows(solved, people):
    before = [parameter.clone() for parameter in solved.parameters()]
    fit_, losses = fitted(solved, people[1], 8)
    assert len(losses) == 16 and all(map(torch.equal, before, solved.parameters()))
    plain, texels = head_of(solved, fit_.identity), solved.decoder.layout.texels[~fit_.shown()]
    changed = (fit_.result().head.maps.base.float() - plain.maps.base.float()).flatten(1).abs()
    assert float(changed[:, texels].mean()) < 0.5 * float(changed.mean())


def test_a_fit_begins_with_somebody_known_and_where_nothing_is_cut_out_nothing_is_learnt(solved, people):
    person, form = people[1], 1e-3 * torch.randn(len(solved.rig.template), 3)
    code, skin = code_by_skin(solved, person.identity, person.skin, person.known)
    neutral = solved.guide_mesh(torch.zeros(1, SMALL.decoder.expression), code)[0] + form
    shots = person.shots_of(0)[2:4]
    camera = person.cameras.part(person.camera[shots].tolist())
    pictures = torch.stack([person.picture(shot) for shot in shots.tolist()])
    pictures[..., 3] = 0
    given = FacePictures(pictures, camera, person.weights[:1].expand(len(shots), -1), cut_out=True)
    settings = HeadFitSettings(code_steps=2, own_steps=2, anchor=0)
    fit_ = HeadFit(solved, given, settings, known=KnownFace(code, neutral, skin))
    torch.testing.assert_close(fit_.result().neutral, neutral, atol=5e-5, rtol=0)
    assert list(fit_.run()) == pytest.approx([0, 0, 0, 0], abs=1e-6)
    base = fit_.result().head.maps.base.float().flatten(1)[:, solved.decoder.layout.texels]
    torch.testing.assert_close(base, skin.flatten(1)[:, solved.decoder.layout.texels], atol=1e-3, rtol=0)
    given = FacePictures(pictures | 255, camera, given.weights, cut_out=True)
    fit_ = HeadFit(solved, given, settings, known=KnownFace(code, neutral, skin))
    assert min(fit_.run()) > 0
    torch.testing.assert_close(fit_.result().neutral, neutral, atol=2e-4, rtol=0)


@pytest.mark.slow
def test_a_fit_brings_pictures_nearer(solved, people):
    losses = fitted(solved, people[1], 60)[1]
    assert sum(losses[-15:]) < 0.95 * sum(losses[:15])


def test_a_head_is_drawn_by_its_mesh_and_weights(solved, people):
    person = people[0]
    head = head_of(solved, *code_by_skin(solved, person.identity, person.skin, person.known))
    cloud = head_gaussians(head, person.vertices[:2], person.weights[:2])[1]
    shots = person.shots_of(1)
    camera = person.cameras.part(person.camera[shots].tolist())
    seen = draw_views(cloud, camera)
    covered = torch.stack([person.picture(shot) for shot in shots.tolist()])[..., 3] > 127
    both = ((seen.coverage > 0.5) & covered).sum() / ((seen.coverage > 0.5) | covered).sum()
    assert float(both) > 0.85
