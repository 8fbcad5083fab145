"""The rig's weights straight from TexTalker's latents."""

from dataclasses import replace

import torch
from rig_clips import studio_clips
from test_textalker_starter import CONFIG, NAMES, TINY, taught, untaught

from talkcli.engine.assets import DEFAULT_RIG
from talkcli.engine.face.mouth_motion import importance, seen_roots
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.methods.textalker import METHOD
from talkcli.engine.methods.textalker.frame_maps import RigFrameMaps
from talkcli.engine.methods.textalker.latent_frames import on_axes
from talkcli.engine.methods.textalker.regressor import Regressor
from talkcli.engine.methods.textalker.speech_windows import latents_of_both


def test_a_regressor_begins_with_the_least_squares_and_bends_where_they_cannot():
    dice = torch.Generator().manual_seed(0)
    latents, mixing = torch.randn(400, 6, generator=dice) * 3 + 1, torch.randn(6, 2, generator=dice)
    straight = Regressor(6, 16, 2)
    straight.begin_with_least_squares(latents, latents @ mixing - 2)
    torch.testing.assert_close(straight(latents), latents @ mixing - 2, atol=0.01, rtol=1e-3)
    bent = Regressor(6, 16, 2)
    numbers = (latents @ mixing).abs()
    bent.begin_with_least_squares(latents, numbers)
    before = (bent(latents) - numbers).square().mean().detach()
    optimiser = torch.optim.Adam(bent.parameters(), lr=0.01)
    for _ in range(200):
        optimiser.zero_grad()
        (bent(latents) - numbers).square().mean().backward()
        optimiser.step()
    assert (bent(latents) - numbers).square().mean() < 0.1 * before


def test_weights_come_straight_from_latents_and_nearer_than_through_paint(tmp_path):
    clips, talker = studio_clips(tmp_path), untaught(replace(CONFIG, regressor=32))
    taught(talker, clips, "motion", 30, critic=-1)
    taught(talker, clips, "diffuse", 2)
    assert METHOD.stages["regress"](CONFIG) is None
    losses = taught(talker, clips, "regress", 150)
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    maps = RigFrameMaps(clips, talker, TINY.size)
    motions, skins = latents_of_both(talker, clips, maps, maps)
    motions = on_axes(motions, clips, talker.motion_axes)
    errors = {}
    for paints in (True, False):
        talker.sampling = replace(talker.sampling, painted=paints)
        with torch.no_grad():
            part = talker.shown(motions[0], skins[0].float(), None)
        assert part.skin is not None and part.skin.shape == maps.folds(0).shape
        seen = seen_roots(importance(load_rig(DEFAULT_RIG), NAMES))[0].float()
        errors[paints] = float(((part.face - maps.weights(0)) @ seen).square().mean())
    assert errors[False] < 0.5 * errors[True]
