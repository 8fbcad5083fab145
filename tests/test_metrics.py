"""Motion metrics: closed forms, the public code bases' numbers, and honest counts."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from goldens import SMALL, WHOLE, numbers
from torch import Tensor

from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.metrics import timing
from talkcli.engine.metrics.catalogue import METRICS
from talkcli.engine.metrics.evaluate import Case, Score, evaluate
from talkcli.engine.metrics.pair import Pair, Regions
from talkcli.engine.motion import Head, Motion, Vertices
from talkcli.engine.speech import Speech

REGIONS = Regions(
    lips=torch.arange(4),
    upper_face=torch.arange(6, 10),
    inner_lips=torch.tensor([0, 1]),
    outer_lips=torch.tensor([2, 3]),
)


def avatar(verts: int = 12) -> Avatar:
    points = torch.rand(verts, 3, generator=torch.Generator().manual_seed(0))
    return Avatar("ten", points, torch.tensor([[0, 1, 2]]), torch.arange(4))


def moved(frames: int, seed: int = 1, fps: Fraction = Fraction(30), verts: int = 12) -> Motion:
    generator = torch.Generator().manual_seed(seed)
    return Motion(fps, Vertices(0.01 * torch.randn(frames, verts, 3, generator=generator)))


def one(metric: str, predicted: Motion, reference: Motion, **more: Any) -> Score:
    return evaluate([metric], [Case("a", predicted, avatar(), reference, **more)], REGIONS)[0]


def lifted(motion: Motion, vertex: int, metres: float) -> Motion:
    assert isinstance(motion.face, Vertices)
    offsets = motion.face.offsets.clone()
    offsets[:, vertex, 1] += metres
    return Motion(motion.fps, Vertices(offsets))


def test_lve_of_a_three_millimetre_lip_is_nine_square_millimetres() -> None:
    truth = moved(7)
    score = one("lve", lifted(truth, 2, 0.003), truth)
    assert score.value * 1e6 == pytest.approx(9, rel=1e-4)
    assert (score.unit, score.count, score.events, score.clips) == ("m²", 7, "frames", 1)


def test_a_moved_forehead_is_no_lip_error() -> None:
    truth = moved(7)
    wrong = lifted(truth, 8, 0.003)
    assert one("lve", wrong, truth).value == 0
    assert one("mve", wrong, truth).value == pytest.approx(0.003 / 12, rel=1e-4)
    assert one("eve", wrong, truth).value == pytest.approx(0.003, rel=1e-4)


@pytest.mark.parametrize("id", [id for id, metric in METRICS.items() if metric.kind in ("frame", "clip")])
def test_the_truth_scores_perfect(id: str) -> None:
    truth = moved(40)
    perfect = {"jitter/ratio": 1.0, "lip_speed/ratio": 1.0}
    if id != "jitter":
        assert one(id, truth, truth).value == pytest.approx(perfect.get(id, 0.0), abs=1e-6)


def test_every_metric_states_its_definition_unit_and_source() -> None:
    for id, metric in METRICS.items():
        assert metric.id == id and len(metric.definition) > 20 and metric.source
    assert len({(m.definition, m.unit, m.regions) for m in METRICS.values()}) == len(METRICS)


def test_lve_is_the_one_of_torchmetrics() -> None:
    from torchmetrics.functional.multimodal import lip_vertex_error

    predicted, reference, who = moved(30, 1), moved(25, 2), avatar()
    assert isinstance(predicted.face, Vertices) and isinstance(reference.face, Vertices)
    theirs = lip_vertex_error(
        who.neutral + predicted.face.offsets, who.neutral + reference.face.offsets, who.lips.tolist()
    )
    assert one("lve", predicted, reference).value == pytest.approx(float(theirs), rel=1e-5)


def test_head_pose_is_left_out() -> None:
    truth = moved(9)
    turned = Motion(truth.fps, truth.face, Head(torch.ones(9, 3), torch.ones(9, 3)))
    assert one("mve", turned, truth).value == 0


def test_long_clips_weigh_more_per_frame_and_not_per_clip() -> None:
    long, short = moved(300), moved(100)
    cases = [
        Case("long", lifted(long, 0, 0.002), avatar(), long),
        Case("short", lifted(short, 0, 0.004), avatar(), short),
    ]
    lve, lvd = (evaluate([id], cases)[0] for id in ("lve", "lvd"))
    assert lve.per_frame == lve.value == pytest.approx((3 * 4e-6 + 16e-6) / 4, rel=1e-4)
    assert lve.per_clip == pytest.approx((4e-6 + 16e-6) / 2, rel=1e-4)
    assert lvd.value == lvd.per_clip == pytest.approx(0.003, rel=1e-4)
    assert lve.each == pytest.approx({"long": 4e-6, "short": 16e-6}, rel=1e-4)


def test_the_longer_side_is_cut_and_counted() -> None:
    long, short = moved(600, 1), moved(593, 1)
    score = one("lve", long, short)
    assert (score.count, score.dropped) == (593, 7)
    assert one("ldtw", long, short).dropped == 0


def test_duplicates_in_a_mask_weigh() -> None:
    truth = moved(5)
    case = Case("a", lifted(truth, 0, 0.003), avatar(), truth)
    twice = evaluate(["lve/deeptalk"], [case], Regions(lips=torch.tensor([0, 0, 1])))[0]
    assert twice.value == pytest.approx(0.002, rel=1e-4)


def test_different_rates_are_bad_input_with_a_way_out() -> None:
    with pytest.raises(BadInput, match=r"30 fps, the reference 29\.97") as caught:
        one("lve", moved(5), moved(5, fps=Fraction(30000, 1001)))
    assert "again" in caught.value.hint


def test_an_empty_mask_is_bad_input_with_a_way_out() -> None:
    truth = moved(5)
    bare = Avatar("bare", torch.zeros(12, 3), torch.tensor([[0, 1, 2]]), torch.empty(0, dtype=torch.long))
    with pytest.raises(BadInput, match="lips, which bare does not name") as caught:
        evaluate(["lve"], [Case("a", truth, bare, truth)])
    assert "--region lips=FILE" in caught.value.hint
    assert [score.metric for score in evaluate(["all"], [Case("a", truth, bare, truth)])] == [
        id for id, metric in METRICS.items() if metric.kind == "frame" and not metric.regions
    ]


def test_a_mask_beyond_the_mesh_is_bad_input() -> None:
    truth = moved(5)
    with pytest.raises(BadInput, match="vertex 99"):
        evaluate(["lve"], [Case("a", truth, avatar(), truth)], Regions(lips=torch.tensor([99])))


def test_an_unknown_metric_names_its_neighbour() -> None:
    with pytest.raises(BadUsage, match="lvee") as caught:
        one("lvee", moved(5), moved(5))
    assert "'lve'" in caught.value.hint


def test_a_metric_without_reference_is_bad_input() -> None:
    with pytest.raises(BadInput, match="has no reference"):
        evaluate(["lve"], [Case("a", moved(5), avatar())])


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_score_without_fault(frames: int) -> None:
    for score in evaluate(["all"], [Case("a", moved(frames, 1), avatar(), moved(frames, 2))], REGIONS):
        assert math.isfinite(score.value) or score.clips == 0, score.metric


def test_signed_fdd_cancels_where_absolute_fdd_does_not() -> None:
    big, small = moved(50, 3), moved(50, 3).map(lambda tensor: 0.5 * tensor)
    cases = [Case("a", big, avatar(), small), Case("b", small, avatar(), big)]
    signed, absolute = (evaluate([id], cases, REGIONS)[0] for id in ("fdd", "fdd/abs"))
    assert signed.value == pytest.approx(0, abs=1e-9) and absolute.value > 1e-5


@pytest.mark.parametrize("lag", [-3, 0, 2, 5])
def test_mtm_finds_the_lag_and_its_sign(lag: int) -> None:
    time = torch.arange(200) / 30
    curve = 0.01 + 0.004 * torch.sin(11 * time) * torch.cos(3.1 * time)

    def mouth(values: Tensor) -> Motion:
        offsets = torch.zeros(len(values), 12, 3)
        offsets[:, 0] = avatar().neutral[1] - avatar().neutral[0]
        offsets[:, 0, 1] += values
        return Motion(Fraction(30), Vertices(offsets))

    predicted, reference = mouth(curve[10 - lag : 180 - lag]), mouth(curve[10:180])
    assert one("mtm", predicted, reference).value == pytest.approx(abs(lag), abs=0.2)
    assert one("mtm/signed", predicted, reference).value == pytest.approx(lag * 1000 / 30, abs=7)


def test_warping_forgives_a_delay() -> None:
    truth = moved(60, 1)
    late = Motion(truth.fps, truth.map(lambda t: torch.cat([t[:1].expand(4, -1, -1), t[:-4]])).face)
    assert one("ldtw", late, truth).value < 0.1 * one("mve/imitator", late, truth).value


def test_the_cheapest_warp_is_found() -> None:
    cost = np.random.default_rng(0).random((6, 5))

    def best(i: int, j: int) -> float:
        if i == j == 0:
            return float(cost[0, 0])
        before = [best(a, b) for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]
        return float(cost[i, j]) + min(before)

    total, path = timing.warp(cost)
    assert total == pytest.approx(best(5, 4)) == pytest.approx(sum(cost[i, j] for i, j in path))
    assert path[0] == (0, 0) and path[-1] == (5, 4)


def test_slcc_is_one_when_louder_is_livelier() -> None:
    def case(k: int) -> Case:
        motion = moved(30, 5).map(lambda tensor: k * tensor)
        return Case(str(k), motion, avatar(), motion, Speech(torch.full((16000,), 0.1 * k)), speaker="x")

    scores = evaluate(["slcc", "slcc/gap"], [case(k) for k in (1, 2, 3)])
    assert scores[0].value == pytest.approx(1) and scores[1].value == 0 and scores[0].clips == 3


# --- the public code bases' numbers for one pair -------------------------------------------------


GOLDEN: dict[str, float] = json.loads((SMALL / "metrics.json").read_text())


def flame(lips: str = "lips", upper: str = "upper_fe", cut: int | None = None) -> Pair:
    """FLAME's mesh at lips and upper face: every frame is a mixture of ten shapes."""
    data = numbers(SMALL / "metrics.npz")
    moved = torch.einsum("fs, svc -> fvc", data["weights"], data["basis"].double())
    points = data["template"].double() + moved
    frames = int(data["gt_frames"])
    regions = Regions(data[lips].long(), data[upper].long(), data["mouth"])
    gt, pred = points.float().split([frames, len(points) - frames])
    return Pair(pred[:cut], gt, data["template"], regions, Fraction(30), 5023)


def whole_flame() -> Pair:
    data = numbers(WHOLE / "metrics" / "flame_pair.npz")
    regions = Regions(data["lips"], data["upper_fe"], torch.tensor([3531, 3504]))
    return Pair(data["pred"], data["gt"], data["template"], regions, Fraction(30), 5023)


def value(id: str, pair: Pair) -> float:
    metric = METRICS[id]
    found = float(metric.measure(pair).double().mean())
    return math.sqrt(found) if metric.root else found


@pytest.mark.parametrize(
    ("name", "id", "masks"),
    [
        ("scantalk/LVE", "lve", {}),
        ("scantalk/FDD", "fdd", {}),
        ("scantalk/ABS_FDD", "fdd/abs", {}),
        ("probtalk3d/LVE", "lve", {"lips": "lve428"}),
        ("probtalk3d/FDD", "fdd", {"upper": "fdd1501"}),
        ("diffspeaker/LVE", "lve", {}),
        ("diffspeaker/FDD", "fdd", {}),
        ("unitalker/LVE", "lve", {}),
        ("unitalker/LVD", "lvd", {}),
        ("artalk/LVE_mm", "lve/artalk", {}),
        ("artalk/lips_mse_mm2", "lip_mse/artalk", {}),
        ("artalk/MOD_issue17(mean L2 over lips, mm)", "mod/artalk", {}),
        ("imitator/lip_reconstruction_mm(masked, /5023)", "lip_rec/imitator", {}),
        ("imitator/lip_max_l2_mm", "lip_max/imitator", {}),
        ("deeptalk/LVE=vertex_error(lips)", "lve/deeptalk", {}),
        ("deeptalk/EVE=vertex_error(forehead+eye_region)", "eve/deeptalk", {}),
        ("torchmetrics/LVE", "lve", {}),
        ("memorytalker/val_LVE(MSE over lips coords)", "lve/memorytalker", {}),
        ("meshtalk/lip_error", "lve/meshtalk", {}),
        ("ldtw/mean_path_cost_mm", "ldtw", {}),
        ("ldtw/total_cost_mm", "ldtw/total", {}),
        ("ldtw/squared_m2_mean_path_cost", "ldtw/squared", {}),
        ("ldtw_equal_len/mean_path_cost_mm", "ldtw", {"cut": 41}),
        ("ldtw_equal_len/total_cost_mm", "ldtw/total", {"cut": 41}),
    ],
)
def test_equals_the_published_code(name: str, id: str, masks: dict[str, Any]) -> None:
    assert value(id, flame(**masks)) == pytest.approx(GOLDEN[name], rel=1e-5)


@pytest.mark.whole
@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("scantalk/MVE", "mve"),
        ("unitalker/rec_L2_loss", "fve"),
        ("artalk/mesh_mse_mm2", "mse/artalk"),
        ("artalk/MHD_mm", "mhd/artalk"),
        ("imitator/full_reconstruction_mm", "mve/imitator"),
    ],
)
def test_equals_the_published_code_on_the_whole_mesh(name: str, id: str) -> None:
    assert value(id, whole_flame()) == pytest.approx(GOLDEN[name], rel=1e-5)


def test_equals_the_published_code_up_to_masks_that_are_not_here() -> None:
    """ARTalk counts 57 of the 827 upper vertices twice; DEEPTalk's golden adds the nose: 1203 vertices."""
    assert value("fdd/artalk", flame()) == pytest.approx(GOLDEN["artalk/FDD_x100"], rel=3e-3)
    few, many = (value("fdd/deeptalk", flame(upper=mask)) for mask in ("upper_fe", "fdd1501"))
    assert few < GOLDEN["deeptalk/FDD"] < many


def test_equals_the_published_timing() -> None:
    data = numbers(SMALL / "metrics.npz")
    curves = {name.removeprefix("curve_"): value.numpy() for name, value in data.items()}

    def gap(name: str) -> np.ndarray:
        return np.linalg.norm(curves[name][:, 0] - curves[name][:, 1], axis=-1)

    for lag in (0, 1, 2, 3, 5):
        lags = timing.extremum_lags(gap(f"pred_lag{lag}"), gap("gt60")[::2])
        assert lags == GOLDEN[f"mtm/lag{lag}/values"]
    pair = flame()
    lips = pair.regions.named["lips"]
    assert timing.lip_intensity(pair.predicted[:, lips]) == pytest.approx(GOLDEN["slcc/lip_intensity(pred)"])
    delayed = Pair(
        pair.reference.roll(3, 0), pair.reference, pair.neutral, pair.regions, pair.fps, pair.mesh_verts
    )
    for id, name in (("ldtw", "mean_path_cost_mm"), ("mod/artalk", "frame_by_frame_mm")):
        assert value(id, delayed) == pytest.approx(GOLDEN[f"ldtw_gt_vs_gt_delayed3/{name}"], rel=1e-5)


def test_chunks_and_regions_change_no_score() -> None:
    """`evaluate` reads in chunks and keeps few vertices; the whole pair at once gives the same."""
    pair = flame()
    who = Avatar("flame", pair.neutral, torch.tensor([[0, 1, 2]]), pair.regions.named["lips"])
    ours, theirs = (
        Motion(Fraction(30), Vertices((points - pair.neutral).repeat(7, 1, 1)))
        for points in (pair.predicted[:41], pair.reference)
    )
    whole = Pair(
        pair.predicted[:41].repeat(7, 1, 1),
        pair.reference.repeat(7, 1, 1),
        pair.neutral,
        pair.regions,
        pair.fps,
        len(pair.neutral),
    )
    for score in evaluate(["all"], [Case("a", ours, who, theirs)], pair.regions):
        assert score.value == pytest.approx(value(score.metric, whole), rel=1e-3), score.metric
