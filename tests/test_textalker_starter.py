"""TexTalker at starter size: on the built-in rig, with a log-mel encoder."""

from dataclasses import replace

import pytest
import torch
from PIL import Image
from rig_clips import studio_clips

from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.audio.starter_ear import StarterEarConfig
from talkcli.engine.clips import ClipSet
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.acting import folds_of, painted, skin_ratios
from talkcli.engine.face.avatar import Avatar, save_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import offsets
from talkcli.engine.face.look import FULL
from talkcli.engine.face.rig_maps import rig_maps
from talkcli.engine.methods import captured
from talkcli.engine.methods.textalker import COMPONENTS, METHOD, STILL
from talkcli.engine.methods.textalker.autoencoder import AutoencoderConfig
from talkcli.engine.methods.textalker.denoiser import DenoiserConfig
from talkcli.engine.methods.textalker.encodings import latents_of
from talkcli.engine.methods.textalker.factors import Factors
from talkcli.engine.methods.textalker.frame_maps import RigFrameMaps
from talkcli.engine.methods.textalker.speech_windows import along
from talkcli.engine.methods.textalker.talker import MOTION_STYLE, TEXTURE_STYLE, TexTalker, TexTalkerConfig
from talkcli.engine.metrics.texture import worn_textures
from talkcli.engine.motion import Coefficients, Folds, Shapes, Textures, ratios
from talkcli.engine.scans import TEXTALK4D_UNIT
from talkcli.engine.speech import Speech
from talkcli.engine.training.fit import fit
from talkcli.engine.training.listening import misheard

TINY = AutoencoderConfig(
    size=32, patch=2, width=8, multipliers=(1, 1, 2), blocks=1, latent=4, codes=16, groups=4, restart=0.1
)
NAMES = ("jawOpen", "mouthFunnel", "mouthPucker", "mouthClose", "browInnerUp")
CONFIG = TexTalkerConfig(
    motion=TINY,
    texture=TINY,
    denoiser=DenoiserConfig(
        features=16, window=30, context=5, steps=20, layers=1, heads=2, feed_forward=32,
        motion=TINY.dims // 2, texture=TINY.dims,
    ),
    ears=(LogMelEncoderConfig(width=16, depth=2),),
    reach=2,
    rig_shapes=NAMES,
)  # fmt: skip


def untaught(config: TexTalkerConfig = CONFIG) -> TexTalker:
    torch.manual_seed(0)
    talker = TexTalker(config).eval()
    talker.sampling = replace(talker.sampling, steps=3)
    for autoencoder in (talker.motion, talker.texture):
        torch.nn.init.normal_(autoencoder.quantize.embedding.weight)
    assert talker.motion_axes is not None and talker.texture_axes is None
    torch.nn.init.orthogonal_(talker.motion_axes)
    talker.low.fill_(-0.01)
    talker.high.fill_(0.01)
    return talker


def noise(seconds: float, key: int = 0) -> Speech:
    dice = torch.Generator().manual_seed(key)
    return Speech(0.1 * torch.randn(int(16_000 * seconds), generator=dice))


def taught(talker: TexTalker, clips: ClipSet, name: str, steps: int, **options) -> list[float]:
    stage = METHOD.stages[name](talker.config, **options)
    assert stage is not None
    updates = tuple(replace(update, lr=3e-3) for update in stage.updates)
    stage = replace(stage, steps=steps, batch=4, updates=updates)
    batches = clips.batches(stage.begin(talker, clips, torch.Generator().manual_seed(0)), stage.batch)
    return [step.total for step in fit(talker, stage, batches, seed=0)]


def test_every_stage_learns_and_leaves_nothing_behind_but_weights(tmp_path):
    clips, talker = studio_clips(tmp_path), untaught()
    names = set(talker.state_dict())
    for name, steps, left, options in (
        ("motion", 30, 0.5, {"critic": 25}),
        ("texture", 30, 0.2, {"critic": -1}),
        ("diffuse", 120, 0.85, {"mouth": 1.0, "mishear": 1.0}),
    ):
        losses = taught(talker, clips, name, steps, **options)
        assert sum(losses[steps - 10 : steps - 5]) < left * sum(losses[:5]), name
        assert set(talker.state_dict()) == names
    assert (talker.spread > 0).all() and talker.motion_pivot.any() and talker.texture_pivot.any()
    motion = talker.animate(clips.speech(0), clips.avatar(0))
    assert isinstance(motion.face, Coefficients) and motion.texture is not None
    moved = motion.face.expression.abs().amax(0) > 0
    moving = {name for name, moves in zip(load_face_model().shape_names, moved, strict=True) if moves}
    assert moving <= set(NAMES)


def test_a_settled_codebook_draws_better_and_keeps_its_codes(tmp_path):
    clips, talker = studio_clips(tmp_path), untaught()
    taught(talker, clips, "motion", 30, critic=-1)
    before = {name: value.clone() for name, value in talker.state_dict().items()}
    losses = taught(talker, clips, "motion", 30, critic=-1, settled=True)
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    changed = {name for name, value in talker.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("motion.generator.") for name in changed)


def test_stress_is_a_power_of_how_much_shut_lips_count(tmp_path):
    clips, talker = studio_clips(tmp_path), untaught()

    def weights(stress: float) -> torch.Tensor:
        stage = METHOD.stages["diffuse"](talker.config, stress=stress)
        assert stage is not None
        cut = stage.begin(talker, clips, torch.Generator())
        windows = [cut(clips, index, torch.Generator().manual_seed(index)) for index in range(4)]
        return torch.stack([window.weight for window in windows])

    once = weights(1.0)
    assert {1.0, 5.0} <= set(once.unique().tolist()) <= {1.0, 5.0, 30.0}
    assert (weights(0.0) == 1).all()
    torch.testing.assert_close(weights(0.5), once.sqrt())


def test_windows_are_misheard_by_up_to_as_much_as_asked(tmp_path):
    clips, talker = studio_clips(tmp_path), untaught()

    def features(mishear: float) -> torch.Tensor:
        stage = METHOD.stages["diffuse"](talker.config, mishear=mishear)
        assert stage is not None
        cut = stage.begin(talker, clips, torch.Generator())
        windows = [cut(clips, 0, torch.Generator().manual_seed(number)) for number in range(40)]
        return torch.stack([w.features[:40] for w in windows if w.features is not None])

    spread = (features(2.0) - features(0.0)).square().mean((1, 2)).sqrt()
    assert spread.max() < 2.5 and spread.mean() == pytest.approx(1.0, abs=0.3) and spread.std() > 0.3


def test_phones_are_misheard_by_as_much_as_asked_and_for_a_tenth_of_a_second():
    logits = torch.zeros(301, 40, dtype=torch.half)
    error = misheard(logits, 2.0, torch.Generator().manual_seed(0))
    assert error.shape == logits.shape and 1.9 < float(error.std()) < 2.1
    assert torch.equal(error[0], error[2]) and not torch.equal(error[2], error[3])
    assert not misheard(logits, 0.0, torch.Generator()).any()


def test_windows_as_they_come_equal_the_whole_motion_bit_for_bit(tmp_path):
    clips, talker = studio_clips(tmp_path), untaught()
    avatar, speech = clips.avatar(0), noise(4.3)
    whole = talker.animate(speech, avatar, seed=3)
    parts = list(talker.windows(speech, avatar, seed=3))
    assert [len(part.face) for part in parts] == [30, 30, 30, 30, 9]
    assert isinstance(whole.face, Coefficients) and whole.texture is not None
    columns = [load_face_model().shape_names.index(name) for name in NAMES]
    assert torch.equal(torch.cat([part.face for part in parts]), whole.face.expression[:, columns])
    skins = torch.cat([part.skin for part in parts if part.skin is not None])
    assert torch.equal(skins, whole.texture.weights)


def test_same_seed_same_motion_and_another_seed_another(tmp_path):
    talker, avatar = untaught(), studio_clips(tmp_path).avatar(0)
    first, again, other = (talker.animate(noise(1.2), avatar, seed=seed).face for seed in (1, 1, 2))
    assert isinstance(first, Coefficients) and isinstance(again, Coefficients)
    assert isinstance(other, Coefficients)
    assert torch.equal(first.expression, again.expression)
    assert not torch.equal(first.expression, other.expression)


def test_the_skin_is_left_out_when_only_geometry_is_asked_for(tmp_path):
    talker, avatar = untaught(), studio_clips(tmp_path).avatar(0)
    whole = talker.animate(noise(1.2), avatar)
    talker.sampling = replace(talker.sampling, texture=False)
    bare = talker.animate(noise(1.2), avatar)
    assert whole.texture is not None and bare.texture is None
    assert isinstance(whole.face, Coefficients) and isinstance(bare.face, Coefficients)
    assert torch.equal(whole.face.expression, bare.face.expression)


def test_motion_style_and_texture_style_are_independent(tmp_path):
    clips, talker = studio_clips(tmp_path / "clips"), untaught()
    avatar = clips.avatar(0)
    folder = tmp_path / "clips" / next(iter(clips.speakers))
    with pytest.raises(BadInput, match="2 people"):
        captured.captured(folder.parent, talker, avatar)
    person, _ = captured.captured(folder, talker, avatar)
    assert set(person.styles) == {MOTION_STYLE, TEXTURE_STYLE}
    save_avatar(person, tmp_path / "person.avatar")
    moving = captured.styled(talker, avatar, {None: tmp_path / "person.avatar"})
    wearing = captured.styled(talker, avatar, {"skin": folder})
    assert set(moving.styles) == {MOTION_STYLE} and set(wearing.styles) == {TEXTURE_STYLE}
    plain, moved, worn = (talker.animate(noise(1.0), each) for each in (avatar, moving, wearing))
    faces = [motion.face for motion in (plain, moved, worn)]
    tracks = [face.expression for face in faces if isinstance(face, Coefficients)]
    skins = [motion.texture.weights for motion in (plain, moved, worn) if motion.texture is not None]
    assert torch.equal(tracks[0], tracks[2]) and not torch.equal(tracks[0], tracks[1])
    assert torch.equal(skins[0], skins[1]) and not torch.equal(skins[0], skins[2])
    with pytest.raises(BadInput, match="does not exist"):
        captured.captured(tmp_path / "voice.wav", talker, avatar)
    (tmp_path / "voice.wav").touch()
    with pytest.raises(BadUsage, match="voice"):
        captured.captured(tmp_path / "voice.wav", talker, avatar)
    with pytest.raises(BadInput, match="no style"):
        save_avatar(avatar, tmp_path / "plain.avatar")
        captured.captured(tmp_path / "plain.avatar", talker, avatar)
    wrong = replace(avatar, styles={MOTION_STYLE: torch.zeros(3)})
    with pytest.raises(BadInput, match="3 numbers"):
        talker.animate(noise(1.0), wrong)
    with pytest.raises(BadInput, match="rig"):
        talker.animate(noise(1.0), replace(avatar, rig=None))


def test_latents_are_made_once_for_one_encoder(tmp_path):
    clips, talker = studio_clips(tmp_path), untaught()
    calls = []
    frames = RigFrameMaps(clips, talker, TINY.size)

    def maps(clip: int, start: int, stop: int) -> torch.Tensor:
        calls.append(clip)
        return frames.wrinkles(clip, start, stop)

    first = latents_of(talker.texture, maps, clips, frames.frames, "one")
    assert set(calls) == {0, 1, 2, 3}
    calls.clear()
    again = latents_of(talker.texture, maps, clips.thinned(2), frames.frames[:2], "one")
    assert not calls and torch.equal(again[1], first[2])
    latents_of(talker.texture, maps, clips, frames.frames, "another")
    assert calls


def test_weights_of_the_rig_are_found_again_in_its_maps():
    names = tuple(name for name in load_face_model().shape_names if not name.startswith(STILL))
    rig = rig_maps(load_face_model(), 128, names)
    weights = torch.rand(20, len(names), generator=torch.Generator().manual_seed(0)) * 0.6
    found = rig.weights(rig.maps(weights))
    error = rig.maps(found - weights).norm(dim=1)
    assert float(error[:, rig.importance > 1].amax()) < 1e-4
    assert float(error[:, rig.importance == 1].amax()) < 5e-4


def test_the_rigs_own_skin_is_neutral_at_rest_and_folds_are_darker():
    model = load_face_model()
    assert model.wrinkles is not None
    active = torch.zeros(2, len(model.wrinkles.names))
    active[1, model.wrinkles.names.index("foreheadMiddle")] = 1.0
    worn = ratios(Textures(active, skin_ratios(model.wrinkles, 128)))
    assert torch.equal(worn[0], torch.ones_like(worn[0]))
    assert 0.8 < float(worn[1].amin()) < 0.9 and 1 < float(worn[1].amax()) < 1.1


def test_worn_textures_follow_the_brows(tmp_path):
    clips = studio_clips(tmp_path)
    motion, avatar = clips.motion(0), clips.avatar(0)
    assert isinstance(motion.face, Coefficients)
    raised = motion.face.expression.clone()
    raised[:, load_face_model().shape_names.index("browInnerUp")] = 1.0
    brows = replace(motion, face=Coefficients(raised, motion.face.jaw))
    plain, folded = (ratios(worn_textures(each, avatar, 64)) for each in (motion, brows))
    upper = (plain - folded).abs()[:, :, :32].amax()
    lower = (plain - folded).abs()[:, :, 32:].amax()
    assert upper > 0.05 and lower < 1e-6


def test_folds_are_found_again_in_the_textures_they_make():
    dice = torch.Generator().manual_seed(0)
    model = load_face_model()
    assert model.wrinkles is not None
    folds = Folds(torch.rand(20, len(model.wrinkles.names), generator=dice) * FULL)
    logs = ratios(painted(folds, model.wrinkles, 128)).log()
    basis = skin_ratios(model.wrinkles, 128)
    torch.testing.assert_close(folds_of(logs, basis).weights, folds.weights, atol=2e-3, rtol=0)
    noisy = logs + 0.02 * torch.randn(logs.shape, generator=dice)
    left = (ratios(painted(folds_of(noisy, basis), model.wrinkles, 128)).log() - logs).square().mean().sqrt()
    assert float(left) < 0.002, "what no fold explains is noise"


def test_factors_keep_frames_to_within_the_tolerance_and_grow_only_when_they_must():
    dice = torch.Generator().manual_seed(0)
    parts = torch.randn(4, 500, generator=dice)
    frames = torch.randn(60, 4, generator=dice) @ parts
    factors = Factors(1e-3)
    for batch in frames.split(20):
        factors.add(batch)
    assert factors.basis is not None and len(factors.basis) == 4
    torch.testing.assert_close(factors.weights() @ factors.basis, frames, atol=5e-3, rtol=0)
    factors.add(torch.randn(1, 500, generator=dice))
    assert len(factors.basis) == 5
    torch.testing.assert_close((factors.weights() @ factors.basis)[:60], frames, atol=5e-3, rtol=0)


def test_latents_of_few_degrees_of_freedom_survive_their_principal_components():
    dice = torch.Generator().manual_seed(0)
    mixed = torch.randn(6, 96, generator=dice) * torch.logspace(0, -2, 6)[:, None]
    tracks = [torch.randn(n, 6, generator=dice) @ mixed for n in (40, 70)]
    axes = torch.zeros(96, 6)
    codes = along(tracks, axes)
    for code, track in zip(codes, tracks, strict=True):
        torch.testing.assert_close(code @ axes.T, track, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(axes.T @ axes, torch.eye(6))
    parts = torch.cat(codes)[::5]
    torch.testing.assert_close(parts.norm(dim=0), torch.linalg.svdvals(torch.cat(tracks)[::5])[:6])


def test_studio_clips_get_the_small_config_and_no_blinks(tmp_path):
    config = METHOD.sizes["starter"](studio_clips(tmp_path))
    assert config.ears == (StarterEarConfig(),)
    assert config.motion.dims == 512 and config.denoiser.motion == COMPONENTS
    assert not any(name.startswith(STILL) for name in config.rig_shapes) and "jawOpen" in config.rig_shapes


def test_a_mesh_with_a_layout_moves_its_vertices_and_an_hour_of_it_is_small():
    torch.manual_seed(0)
    talker = TexTalker(replace(CONFIG, rig_shapes=())).eval()
    talker.sampling = replace(talker.sampling, steps=2)
    side = torch.linspace(0.05, 0.95, 8)
    uv = torch.cartesian_prod(side, side)
    squares = [(8 * i + j, 8 * i + j + 8, 8 * i + j + 9, 8 * i + j + 1) for i in range(7) for j in range(7)]
    faces = torch.tensor([corners for a, b, c, d in squares for corners in ((a, b, c), (a, c, d))])
    neutral = torch.cat([uv - 0.5, torch.zeros(64, 1)], 1) * 0.2
    sheet = Avatar("sheet", neutral, faces, torch.tensor([0, 1]), uv=uv, uv_faces=faces)
    motion = talker.animate(noise(2.5), sheet)
    assert isinstance(motion.face, Shapes) and motion.face.basis.shape[1:] == (64, 3) and len(motion) == 75
    parts = torch.cat([part.face for part in talker.windows(noise(2.5), sheet)])
    torch.testing.assert_close(offsets(motion, sheet).flatten(1), parts, atol=2e-4, rtol=0)
    with pytest.raises(BadInput, match="layout"):
        talker.animate(noise(1.0), replace(sheet, uv=None, uv_faces=None))


def test_a_folder_of_the_authors_becomes_that_person(tmp_path):
    talker = TexTalker(replace(CONFIG, rig_shapes=())).eval()
    corners = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0.1 0.1\nvt 0.9 0.1\nvt 0.9 0.9\nvt 0.1 0.9\n"
    (tmp_path / "face.obj").write_text(corners + "f 1/1 2/2 3/3 4/4\n")
    Image.new("RGB", (8, 8), (200, 150, 130)).save(tmp_path / "face.png")
    for name in ("latent_motion_ave.pth", "latent_tex_ave.pth"):
        torch.save(torch.randn(1, TINY.latent, TINY.grid, TINY.grid), tmp_path / name)
    nobody = Avatar("nobody", torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), torch.tensor([0]))
    person, _ = captured.captured(tmp_path, talker, nobody)
    assert person.name == tmp_path.name and person.look is not None and len(person.faces) == 2
    assert float(person.neutral.amax()) == pytest.approx(TEXTALK4D_UNIT)
    pivot = torch.load(tmp_path / "latent_tex_ave.pth", weights_only=True).flatten()
    assert torch.equal(person.styles[TEXTURE_STYLE], pivot)
    assert isinstance(talker.animate(noise(0.5), person).face, Shapes)
