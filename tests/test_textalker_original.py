"""TexTalker's published files: every tensor finds its place, and nothing in them runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz.small import MAPS, TEXTALKER
from goldens import SMALL, keys, numbers
from textalker_golden import GOLDEN, close
from torch import Tensor

from talkcli.engine.errors import BadInput, Untrusted
from talkcli.engine.generation.diffusion import Schedule
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.textalker.autoencoder import Autoencoder, AutoencoderConfig
from talkcli.engine.methods.textalker.denoiser import Denoiser, DenoiserConfig
from talkcli.engine.methods.textalker.original import autoencoder_config, read_original, read_pivot
from talkcli.engine.methods.textalker.talker import TexTalker, as_published

CONFIG = replace(TEXTALKER, denoiser=replace(TEXTALKER.denoiser, steps=5))


class Files(dict[str, Path]):
    """motion, texture and diffusion: what a paper's authors would publish, in little."""

    talker: TexTalker

    @property
    def options(self) -> list[str]:
        return [f"{name}={path}" for name, path in self.items()]


@pytest.fixture
def published(tmp_path: Path) -> Files:
    """As the authors save theirs: averaged weights beside the last, weight norm as torch 1.13 names it."""
    torch.manual_seed(0)
    files = Files()
    files.talker = TexTalker(CONFIG)
    old = {
        ".parametrizations.weight.original0": ".weight_g",
        ".parametrizations.weight.original1": ".weight_v",
    }

    def spelled(state: dict[str, Tensor]) -> dict[str, Tensor]:
        for ours, theirs in old.items():
            state = {key.replace(ours, theirs): value for key, value in state.items()}
        return {f"module.{key}": value for key, value in state.items()}

    for name in ("motion", "texture"):
        state = spelled(getattr(files.talker, name).state_dict())
        wrong = {key: torch.zeros_like(value) for key, value in state.items()}
        files[name] = tmp_path / f"{name}.pth"
        torch.save({"params": wrong, "params_ema": state}, files[name])
    files["diffusion"] = tmp_path / "diffusion.pth"
    torch.save({"params": spelled(files.talker.diffuser.state_dict())}, files["diffusion"])
    return files


def test_an_imported_talker_opens_with_the_same_weights(talk, published, tmp_path):
    ours = tmp_path / "ours.ckpt"
    talk("models", "import", "textalker", *published.options, "-o", ours)
    opened = open_talker(str(ours))
    assert opened.config == as_published(CONFIG)
    theirs, weights = published.talker.state_dict(), opened.state_dict()
    assert set(theirs) == set(weights)
    assert all(torch.equal(theirs[key], weights[key]) for key in theirs)


@pytest.mark.whole
def test_the_authors_files_make_a_talker_with_the_authors_numbers():
    path = GOLDEN / "vqae_small.pt"
    talker = read_original(path, path, GOLDEN / "textalker_small.pt")
    assert talker.config.motion == AutoencoderConfig(size=64, width=32, multipliers=(1, 2, 2), codes=64)
    with np.load(GOLDEN / "denoiser_small.npz") as case:
        names = ("feat", "audio", "prev_feat", "prev_audio", "step", "indicator", "out")
        *given, expected = (torch.from_numpy(case[name]) for name in names)
    with torch.no_grad():
        made = talker.diffuser.denoising_net(*given)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("steps", [20, 500])
def test_the_schedule_is_the_published_one(steps):
    theirs = numbers(SMALL / "textalker.npz")
    for name, ours in Schedule(steps).state_dict().items():
        close(ours, theirs[f"{name}_{steps}"], 1e-6)


def test_the_denoisers_mask_and_positions_are_the_published_ones():
    case = numbers(SMALL / "textalker.npz")
    fresh = Denoiser(DenoiserConfig(features=64, window=12, context=3, steps=20, layers=2, feed_forward=256))
    assert torch.equal(fresh.alignment_mask, case["alignment_mask"])
    close(fresh.TE.pe, case["te_pe"], 1e-5)


def test_every_published_tensor_of_the_maps_finds_its_place():
    with torch.device("meta"):
        state = Autoencoder(AutoencoderConfig()).state_dict()
    assert {key: str(tuple(value.shape)) for key, value in state.items()} == {
        key: shape for key, shape, _ in keys("keys_vqae")
    }


@pytest.mark.parametrize(
    "config", [MAPS, AutoencoderConfig(), AutoencoderConfig(size=64, width=32, blocks=1, attention=())]
)
def test_weights_tell_the_sizes_of_the_maps(config):
    with torch.device("meta"):
        state = Autoencoder(config).state_dict()
    assert autoencoder_config(state, config.dims) == config


def test_the_wrong_file_is_named(talk, published, tmp_path):
    published["motion"], published["diffusion"] = published["diffusion"], published["motion"]
    said = talk("models", "import", "textalker", *published.options, "-o", tmp_path / "x.ckpt", code=3)
    assert "motion.pth does not hold" in said.stderr and "diffusion=textalker.pth" in said.stderr


@pytest.mark.parametrize("missing", ["motion", "texture", "diffusion"])
def test_a_missing_file_is_asked_for(talk, published, tmp_path, missing):
    del published[missing]
    said = talk("models", "import", "textalker", *published.options, "-o", tmp_path / "x.ckpt", code=2)
    assert "motion=FILE texture=FILE diffusion=FILE" in " ".join(said.stderr.split())


def test_weights_that_lack_a_tensor_are_refused(published):
    state = torch.load(published["texture"], weights_only=True)
    del state["params_ema"]["module.generator.blocks.0.weight"]
    torch.save(state, published["texture"])
    with pytest.raises(BadInput, match=r"texture\.pth is not a checkpoint of .*generator\.blocks\.0\.weight"):
        read_original(*published.values())


@pytest.mark.parametrize("part", ["motion", "texture", "diffusion"])
def test_a_pickle_with_code_is_refused(published, tmp_path, part):
    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harmed",))

    torch.save({"params_ema": Harmful(), "params": Harmful()}, published[part])
    with pytest.raises(Untrusted, match=f"{part}.pth"):
        read_original(*published.values())
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("form", [torch.from_numpy, lambda array: array, lambda array: array.astype("f8")])
def test_a_pivot_is_read_as_array_or_tensor(tmp_path, form):
    pivot = np.arange(4096, dtype=np.float32).reshape(1, 16, 16, 16)
    torch.save(form(pivot), tmp_path / "latent_motion_ave.pth")
    assert torch.equal(read_pivot(tmp_path / "latent_motion_ave.pth"), torch.arange(4096.0))


def test_a_pivot_holds_numbers_alone(tmp_path):
    path = tmp_path / "latent_tex_ave.pth"
    torch.save(np.array([print], dtype=object), path)
    with pytest.raises(Untrusted):
        read_pivot(path)
    torch.save(np.arange(4), path)
    with pytest.raises(BadInput, match="does not hold a pivot"):
        read_pivot(path)
