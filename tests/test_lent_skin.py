"""What a photograph does not show of a face is lent from its other side."""

import numpy as np
import pytest

from talkcli.engine.capture.atlas import skin_atlas
from talkcli.engine.capture.photographed_skin import SeenSkin, merged_albedo


@pytest.mark.parametrize("side", (1, -1))
def test_the_lit_side_of_a_face_lends_to_the_side_in_shadow_in_the_light_of_that_side(side):
    maps, chance = skin_atlas(), np.random.default_rng(0)
    own = np.full((len(maps.face), 3), 0.4, np.float32)
    aside = side * maps.places[:, 0]
    spots = np.exp(0.05 * chance.standard_normal(len(aside)))[:, None]
    light = (own * spots * np.where(aside > 0, 0.5, 1.0)[:, None]).astype(np.float32)
    hidden = (aside > 35) & maps.face
    trust = np.where(hidden, 0, 1).astype(np.float32)
    out, firm = merged_albedo(SeenSkin(light, trust), own, maps.face, maps, bald=False)
    lent = hidden & (firm > 0.99) & (maps.canvas.lip > 1.2)
    assert lent.sum() > 1000
    shadow = np.median(out[maps.face & ~hidden & (aside > 20)], 0)
    np.testing.assert_allclose(np.median(out[lent], 0), shadow, rtol=0.05)
    ours, theirs = np.log(out[lent, 0]), np.log(light[maps.mirror][lent, 0])
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95, "its spots are lent as they are"
