"""PSNR and SSIM of textures of a moving face."""

from fractions import Fraction

import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from talkcli.engine.assets import assets_folder
from talkcli.engine.errors import BadInput
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.metrics.evaluate import Case, evaluate
from talkcli.engine.metrics.texture import BEST, SIDE_TEXELS, SkinPair, psnr, ssim, worn_chunks, worn_textures
from talkcli.engine.motion import Coefficients, Motion, Textures, Vertices

EVERYWHERE = torch.ones(SIDE_TEXELS, SIDE_TEXELS, dtype=torch.bool)


def picture(key: int) -> torch.Tensor:
    dice = torch.Generator().manual_seed(key)
    coarse = torch.rand(1, 3, 16, 16, generator=dice) * 255
    return torch.nn.functional.interpolate(coarse, size=(SIDE_TEXELS, SIDE_TEXELS), mode="bilinear").round()


def smiling() -> Motion:
    weights = torch.zeros(3, len(load_face_model().shapes))
    weights[:, load_face_model().shape_names.index("mouthSmileLeft")] = torch.tensor([0.0, 0.5, 1.0])
    return Motion(Fraction(30), Coefficients(weights, torch.zeros(3, 3)))


def test_psnr_of_a_difference_of_one_level_everywhere_is_48_decibels():
    worn = SkinPair(picture(0), picture(0) + 1, EVERYWHERE)
    assert float(psnr(worn)) == pytest.approx(48.1308, abs=1e-3)
    assert float(psnr(SkinPair(picture(0), picture(0), EVERYWHERE))) == BEST


def test_psnr_sees_the_face_alone():
    face = EVERYWHERE.clone()
    face[:, 100:] = False
    changed = picture(0)
    changed[..., 100:] += 9
    assert float(psnr(SkinPair(changed, picture(0), face))) == BEST


def test_ssim_equals_torchmetrics():
    ours = ssim(SkinPair(picture(0), picture(1), EVERYWHERE))
    theirs = structural_similarity_index_measure(
        picture(0), picture(1), data_range=255.0, kernel_size=11, sigma=1.5, gaussian_kernel=True
    )
    assert isinstance(theirs, torch.Tensor) and float(ours) == pytest.approx(float(theirs), abs=1e-4)


def test_the_rigs_own_skin_is_perfect_and_a_static_one_worse_the_more_the_face_moves():
    ada, motion = load_avatar(assets_folder() / "ada.avatar"), smiling()
    own = Motion(motion.fps, motion.face, texture=worn_textures(motion, ada, SIDE_TEXELS))
    (perfect,) = [psnr(worn) for worn in worn_chunks(own, motion, ada)]
    (static,) = [psnr(worn) for worn in worn_chunks(motion, motion, ada)]
    assert (perfect == BEST).all() and static[0] == BEST
    assert BEST > static[1] > static[2] > 20


def test_a_case_is_scored_and_a_bare_reference_refused():
    ada, motion = load_avatar(assets_folder() / "ada.avatar"), smiling()
    scores = {score.metric: score for score in evaluate(["psnr", "ssim"], [Case("x", motion, ada, motion)])}
    assert scores["psnr"].count == 3 and scores["psnr"].unit == "dB" and scores["psnr"].better == "higher"
    assert 0.9 < scores["ssim"].value < 1
    bare = Avatar("bare", torch.zeros(4, 3), torch.tensor([[0, 1, 2]]), torch.tensor([1]))
    still = Motion(Fraction(30), Vertices(torch.zeros(3, 4, 3)))
    with pytest.raises(BadInput, match="textures"):
        evaluate(["psnr"], [Case("x", still, bare, still)])


def test_a_texture_of_another_length_cannot_be():
    still, texture = Vertices(torch.zeros(3, 4, 3)), Textures(torch.zeros(2, 1), torch.zeros(1, 3, 4, 4))
    with pytest.raises(ValueError, match="texture"):
        Motion(Fraction(30), still, texture=texture)
