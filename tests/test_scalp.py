"""The scalp's border and the flow of hair over it."""

import numpy as np
import pytest

from talkcli.engine.studio import scalp


def test_every_way_from_the_whorl_meets_the_hairline_once():
    turns = np.unwrap(scalp.bearing(scalp.border(2000)))
    assert (np.diff(turns) * np.sign(turns[-1] - turns[0]) > 0).all()
    edge = scalp.border(200)
    assert np.abs(scalp.ends(scalp.inwards(edge, np.full(200, 30.0))) - edge).max() < 0.01
    for depth in (-10.0, 25.0):
        inside = scalp.inside(scalp.inwards(edge, np.full(200, depth)))
        assert (inside * depth > 0).all()
        assert np.abs(inside).max() < abs(depth) + 0.1
        assert inside[100] == pytest.approx(depth, abs=0.5)
