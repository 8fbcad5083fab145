"""Where the points of a film belong: how far lips and lids are open is seen, and not where they are."""

from __future__ import annotations

from dataclasses import replace

from talkcli.engine.capture.detector_errors import DetectorErrors, where_points_belong
from talkcli.engine.capture.landmark_sets import LEFT_LIDS, LIP_POINTS, RIGHT_LIDS
from talkcli.engine.capture.normal_equations import FaceFit
from talkcli.engine.capture.sight import Sight


def where_followed_belong(errors: DetectorErrors, sight: Sight, fit: FaceFit) -> Sight:
    """The same sight, each point moved to where the true head has it, as far as the fit tells; lips, and the
    lids of each eye, as wholes, so that they stay as far apart as they are seen."""
    moves = where_points_belong(errors, sight, fit).points - sight.points
    for whole in (LIP_POINTS, LEFT_LIDS, RIGHT_LIDS):
        moves[:, list(whole)] = moves[:, list(whole)].mean(1, keepdims=True)
    return replace(sight, points=sight.points + moves)
