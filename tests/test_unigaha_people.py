"""People with Gaussian heads, through the commands: of an avatar, of nobody, of two."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from talkcli.app import app
from talkcli.engine.assets import asset
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.face.worn import coloured_by
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.captured import model_for
from talkcli.engine.methods.unigaha.heads import code_of, head_of
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splat_fit import portraits_around
from talkcli.engine.studio.captures import faces_motion
from talkcli.engine.studio.paint.complexion import sample_skin
from talkcli.engine.studio.paint.pigment import to_srgb
from talkcli.engine.studio.scanned.avatars import sample_outfit
from talkcli.engine.studio.scanned.eyes_and_mouth import DIMMED
from talkcli.engine.studio.scanned.garments import garment_of
from talkcli.engine.studio.scanned.looks import dressed_look

RUNNER = CliRunner()


def talk(*words: object) -> dict[str, Any]:
    result = RUNNER.invoke(app, [*map(str, words), "--json"])
    return json.loads(result.stdout) | {"exit": result.exit_code}


def mixed(folder, who, share):
    """ada and kofi, so far from the one to the other."""
    words = ("--mix", "ada", asset("kofi.avatar"), share, "-o", folder / "x.avatar")
    return talk("personalize", who, "-m", "unigaha", *words)


@pytest.fixture(scope="module")
def prior():
    return open_talker("unigaha").prior


def test_a_method_that_draws_nobody_says_which_does(tmp_path):
    told = talk("personalize", "sampled", "-m", "memorytalker", "-o", tmp_path / "x.avatar")
    assert told["exit"] == 2 and "draws nobody" in told["error"] and "unigaha" in told["hint"]


def test_a_mixture_beyond_its_two_people_is_refused(tmp_path):
    told = mixed(tmp_path, "sampled", 1.5)
    assert told["exit"] == 2 and "--mix cannot be 1.5" in told["error"]


def test_a_mixture_wants_people_with_gaussian_heads(tmp_path):
    told = mixed(tmp_path, "sampled", 0.5)
    assert told["exit"] == 3 and "has no Gaussian head" in told["error"]


def test_mix_is_for_those_who_never_lived(tmp_path):
    told = mixed(tmp_path, asset("ada.avatar"), 0.5)
    assert told["exit"] == 2 and "never lived" in told["error"]


def test_a_gaussian_ada_keeps_her_form_and_her_skin(prior):
    ada = load_avatar(asset("ada.avatar"))
    assert ada.identity is not None
    identity, base = code_of(prior, ada)
    assert torch.equal(identity[: prior.config.shape], ada.identity[: prior.config.shape])
    skin = base.flatten(1)[:, prior.decoder.layout.texels]
    assert float(skin.std()) > 0.05 and float((skin < 0).float().mean()) < 0.02
    head = head_of(prior, identity, base)
    assert head.maps.base.dtype == torch.float16


def test_what_a_look_painted_keeps_its_colours_without_one():
    ada = load_avatar(asset("ada.avatar"))
    assert ada.look is not None
    cloth = next(each for each in ada.worn if each.kind == "cloth")
    own = coloured_by(ada.look, cloth)
    assert own.uv is None and len(own.colour) == len(own.points)
    bare = replace(ada, worn=(cloth,))
    camera = portraits_around(ada, 4, (96, 96))
    rest = faces_motion(torch.zeros(4, len(load_rig("facekit").shape_names)))
    drawn = [
        np.stack([*frames(rest, who, camera, background="transparent")])
        for who in (bare, replace(bare, worn=(own,)))
    ]
    off = np.abs(drawn[0].astype(int) - drawn[1])[..., :3]
    assert off.mean() < 1 and float(own.colour.float().std(0).mean()) > 1


@pytest.mark.parametrize("seed", [3, 4])
def test_clothes_of_nobody_are_dyed(seed):
    skin = sample_skin(np.random.default_rng(seed), 0.0)
    outfit = sample_outfit(np.random.default_rng(seed), skin)
    cloth = garment_of(outfit.dress.name, load_rig("facekit").template)
    look = dressed_look(skin, 0.5, outfit.dress, 256)
    worn = coloured_by(look, cloth)
    wanted = torch.from_numpy(to_srgb(np.array(outfit.dress.dyes[0]) * look.exposure**-DIMMED)).float()
    assert float((worn.colour.float().median(0).values - wanted).abs().max()) < 12


@pytest.mark.slow
def test_the_same_seed_is_the_same_person_who_speaks_as_unigaha(tmp_path):
    paths = [tmp_path / f"{name}.avatar" for name in ("one", "again", "other")]
    for path, seed in zip(paths, (7, 7, 8), strict=True):
        assert talk("personalize", "sampled", "-m", "unigaha", "--seed", seed, "-o", path)["exit"] == 0
    one, again, other = map(load_avatar, paths)
    assert one.gaussian_head and again.gaussian_head and one.splats and again.splats
    assert torch.equal(one.gaussian_head.maps.base, again.gaussian_head.maps.base)
    assert torch.equal(one.splats.colour, again.splats.colour)
    assert not torch.equal(one.neutral, other.neutral)
    assert all(len(each.colour) > 1 for each in one.worn)
    assert one.provenance["synthetic"] is True and model_for(one) == "unigaha"
    between = tmp_path / "mixed.avatar"
    mix = ("--mix", paths[0], paths[2], 0.25)
    told = talk("personalize", "sampled", "-m", "unigaha", *mix, "-o", between)
    assert told["exit"] == 0
    neutral = load_avatar(between).neutral
    torch.testing.assert_close(neutral, one.neutral.lerp(other.neutral, 0.25))


@pytest.mark.slow
def test_unigaha_gives_whoever_speaks_a_gaussian_head(tmp_path):
    film = tmp_path / "x.png"
    told = talk("animate", asset("hello.wav"), "-m", "unigaha", "--size", 96, "--fps", 1, "-o", film)
    assert told["exit"] == 0 and len(list(film.glob("*.png"))) == 9
