"""3DXTalker: the face vector, the way from noise to motion, and what windows and batches leave alone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from talkcli.engine.audio.affect import AffectConfig
from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.generation.windows import spans
from talkcli.engine.methods.dxtalker.anchors import anchored_noise, evenly, extrema, keys
from talkcli.engine.methods.dxtalker.config import DxTalkerConfig, FlowSampling
from talkcli.engine.methods.dxtalker.face_vector import (
    FaceLayout,
    FaceParts,
    motion_tracks,
    resting,
    vectors_of,
)
from talkcli.engine.methods.dxtalker.hearing import Streams
from talkcli.engine.methods.dxtalker.smoothing import filtered, smooth_vectors
from talkcli.engine.methods.dxtalker.talker import DxTalker
from talkcli.engine.motion import Coefficients, FrameCodes, Head, Motion, load_motion, save_motion
from talkcli.engine.speech import Speech
from talkcli.engine.struct import stack

SHAPES = ("eyeBlinkLeft", "jawOpen", "mouthPucker", "browInnerUp")
CONFIG = DxTalkerConfig(
    fps=30,
    identity=0,
    expression=4,
    detail=0,
    translation=3,
    rig_shapes=SHAPES,
    ears=(LogMelEncoderConfig(width=8, depth=1),),
    affect=AffectConfig(hidden=8, moods=("neutral", "happy")),
    features=16,
    heads=2,
    feed_forward=1,
    shared_blocks=2,
    pose_blocks=1,
    expression_blocks=1,
    identity_blocks=1,
    dropout=0.0,
    window=20,
    overlap=6,
)


def normal(key: int, *size: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(key))


def voice(seconds: float = 2.0, key: int = 0) -> Speech:
    """Hiss that comes and goes four times a second."""
    time = torch.arange(int(seconds * 16_000)) / 16_000
    return Speech(0.1 * normal(key, len(time)) * (1 + torch.sin(8 * torch.pi * time)))


def untaught(**changes: object) -> DxTalker:
    """One that says something, as its last layers are not zero."""
    torch.manual_seed(0)
    talker = DxTalker(replace(CONFIG, **changes)).eval()
    for name, weight in talker.network.named_parameters():
        if name.endswith("leave.weight") or name.startswith("tell"):
            torch.nn.init.normal_(weight, std=0.2)
    with torch.no_grad():
        talker.deviation.fill_(0.1)
        talker.mean.fill_(0.2)
    return talker


def test_the_published_vector_has_284_numbers_in_the_published_order():
    layout = DxTalkerConfig().layout
    assert layout.dims == 284
    places = [layout.part(name) for name in ("identity", "expression", "head", "jaw", "detail")]
    assert [(place.start, place.stop) for place in places] == [
        (0, 100), (100, 150), (150, 153), (153, 156), (156, 284)
    ]  # fmt: skip


def test_packing_and_unpacking_change_nothing_and_wrong_sizes_are_refused():
    layout = FaceLayout(3, 4, 3, 3, 5, 3)
    vector = normal(0, 7, layout.dims)
    parts = layout.unpack(vector)
    assert torch.equal(layout.pack(parts), vector)
    assert all(torch.equal(vector[:, layout.part(name)], part) for name, part in parts._asdict().items())
    with pytest.raises(ValueError, match="parts of"):
        layout.pack(FaceParts(*parts[:5], parts.translation[:, :2]))


def test_a_motion_is_its_vectors_and_the_vectors_are_the_motion(tmp_path):
    avatar, layout = talking_head(), FaceLayout(4, 4, 3, 3, 6, 3)
    avatar = replace(avatar, identity=normal(1, 4))
    expression = load_rig("facekit").spread(torch.rand(5, 4, generator=torch.Generator()), SHAPES)
    motion = Motion(
        Fraction(25),
        Coefficients(expression, normal(2, 5, 3)),
        Head(normal(3, 5, 3), normal(4, 5, 3)),
        codes=FrameCodes(normal(5, 5, 4), normal(6, 5, 6)),
    )
    assert avatar.identity is not None
    vectors = vectors_of(motion, avatar.identity, "facekit", SHAPES, layout)
    face, head, codes = motion_tracks(vectors, avatar, "facekit", SHAPES, layout)
    again = Motion(motion.fps, face, head, codes=codes)
    save_motion(again, tmp_path / "x.motion")
    read = load_motion(tmp_path / "x.motion")
    assert isinstance(read.face, Coefficients) and read.head is not None and read.codes is not None
    assert torch.equal(read.face.expression, expression) and torch.equal(read.face.jaw, normal(2, 5, 3))
    assert torch.equal(read.head.rotation, normal(3, 5, 3)) and torch.equal(
        read.codes.detail, normal(6, 5, 6)
    )
    torch.testing.assert_close(read.codes.identity, normal(5, 5, 4))
    torch.testing.assert_close(resting(avatar.identity, layout)[:4], avatar.identity)
    assert not resting(avatar.identity, layout)[4:].any()


def test_a_motion_that_lacks_what_the_model_moves_is_refused():
    motion = Motion(Fraction(25), Coefficients(torch.zeros(5, 54), torch.zeros(5, 3)))
    with pytest.raises(BadInput, match="head of a clip does not move"):
        vectors_of(motion, torch.zeros(0), "facekit", SHAPES, FaceLayout(0, 4, 3, 3, 0))
    with pytest.raises(BadInput, match="no 6 codes of detail"):
        vectors_of(motion, torch.zeros(0), "facekit", SHAPES, FaceLayout(0, 4, 0, 3, 6))


def test_anchors_are_where_a_slow_tone_is_loudest_and_quietest():
    frames, fps, period = 100, 25.0, 20
    loud = 1 + torch.cos(2 * torch.pi * torch.arange(frames) / period)
    assert extrema(loud, fps, 5).tolist() == [0, *range(10, 91, 10), 99]
    assert extrema(loud, fps, 12).diff().min() >= 12 - 1
    assert evenly(60, 25).tolist() == [0, 25, 50, 59] and evenly(1, 25).tolist() == [0]
    still = extrema(torch.zeros(300), fps, 5)
    assert still[0] == 0 and still[-1] == 299 and still.diff().max() <= 50


def test_noise_is_its_keys_at_the_anchors_and_a_straight_line_between():
    anchors = torch.tensor([0, 4, 10])
    noise, drawn = anchored_noise(anchors, 0, 11, 3, seed=7), keys(0, 3, 3, seed=7)
    torch.testing.assert_close(noise[anchors], drawn)
    torch.testing.assert_close(noise[5], drawn[1] + (drawn[2] - drawn[1]) / 6)
    torch.testing.assert_close(noise[:4].diff(dim=0), ((drawn[1] - drawn[0]) / 4).expand(3, -1))


def test_a_window_of_noise_is_the_whole_and_does_not_know_what_follows():
    anchors = evenly(1000, 5)
    whole = anchored_noise(anchors, 0, 1000, 2, seed=1)
    assert torch.equal(anchored_noise(anchors, 640, 811, 2, seed=1), whole[640:811])
    assert torch.equal(anchored_noise(anchors[:50], 0, 245, 2, seed=1), whole[:245])
    assert abs(float(whole[::5].std()) - 1) < 0.1 and not torch.equal(
        whole, anchored_noise(anchors, 0, 1000, 2, 2)
    )


def test_a_cubic_passes_the_filter_of_the_head_and_what_is_too_short_passes_all():
    time = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]
    layout = FaceLayout(0, 1, 3, 3, 0)
    track = (time**3 - time).float().expand(-1, layout.dims)
    smooth = track.clone()
    smooth_vectors(smooth, layout)
    torch.testing.assert_close(smooth[:, layout.part("head")], track[:, :3])
    assert (smooth[:, 0] - track[:, 0]).abs().max() > 1e-4, "five frames and order two bend a cubic"
    short = normal(0, 4, layout.dims)
    still = short.clone()
    smooth_vectors(still, layout)
    assert torch.equal(still, short)
    spike = np.zeros(21)
    spike[10] = 1.0
    assert filtered(spike, 5, 2)[10] == pytest.approx(17 / 35), "Savitzky and Golay's table"


def test_nothing_drawn_is_the_reference_bit_for_bit():
    talker = untaught()
    with torch.no_grad():
        talker.mean.zero_()
    reference = normal(0, CONFIG.layout.dims)
    vectors = talker.restored(torch.zeros(9, CONFIG.layout.dims), reference)
    assert torch.equal(vectors, reference.expand(9, -1))
    absolute = untaught(absolute=True)
    assert torch.equal(
        absolute.restored(torch.zeros(9, CONFIG.layout.dims), reference), absolute.mean.expand(9, -1)
    )


def test_another_beginning_is_told_to_the_network_and_added_unless_codes_are_absolute():
    moved = torch.full((CONFIG.layout.dims,), 0.5)
    still = torch.zeros(CONFIG.layout.dims)
    for absolute, offset in ((False, 0.5), (True, 0.0)):
        talker = DxTalker(replace(CONFIG, absolute=absolute)).eval()
        talker.taught.fill_(True)
        apart = talker.vectors(voice(), moved) - talker.vectors(voice(), still)
        torch.testing.assert_close(apart, torch.full_like(apart, offset))  # untaught, it is deaf and blind
        talker = untaught(absolute=absolute)
        apart = talker.vectors(voice(), moved) - talker.vectors(voice(), still)
        assert float((apart - offset).abs().max()) > 1e-3


def test_what_no_clip_moves_stays_as_in_the_reference():
    talker = untaught()
    with torch.no_grad():
        talker.deviation[1], talker.mean[1] = 0.0, 0.0
    face = talker.animate(voice(), talking_head()).face
    assert isinstance(face, Coefficients)
    tracks = face.expression[:, load_rig("facekit").columns(SHAPES)]
    assert not tracks[:, 1].any() and tracks[:, 0].std() > 0


def test_the_same_seed_is_the_same_motion_and_another_is_another():
    talker = untaught()
    first, again, other = (talker.animate(voice(), talking_head(), seed=seed).head for seed in (0, 0, 1))
    assert first is not None and again is not None and other is not None
    assert torch.equal(first.rotation, again.rotation) and not torch.equal(first.rotation, other.rotation)


def test_windows_overlap_share_their_noise_and_do_not_depend_on_how_many_go_together():
    talker, speech = untaught(), voice(3.0)
    assert len(spans(speech.frames(30), CONFIG.window, CONFIG.overlap)) == 6
    motions = []
    for at_once in (1, 4, 100):
        talker.sampling = FlowSampling(steps=2, at_once=at_once)
        motions.append(talker.animate(speech, talking_head()))
    for motion in motions[1:]:
        assert motion.head is not None and motions[0].head is not None
        torch.testing.assert_close(motion.head.rotation, motions[0].head.rotation, atol=1e-5, rtol=1e-5)


def test_speech_within_one_window_is_that_window_and_a_longer_recording_begins_alike():
    """But where the second window fades in, and for as far as smoothing and ears look ahead."""
    wide, narrow = untaught(window=200, overlap=0), untaught()
    speech = voice(6.0)
    short = Speech(speech.waveform[: 3 * 16_000])
    for talker in (wide, narrow):
        talker.sampling = FlowSampling(steps=2, smooth=False)
    long, brief = (narrow.animate(part, talking_head()).head for part in (speech, short))
    assert long is not None and brief is not None
    torch.testing.assert_close(long.rotation[:10], brief.rotation[:10], atol=2e-3, rtol=0)
    whole = wide.animate(short, talking_head()).head
    assert whole is not None and not torch.equal(whole.rotation, brief.rotation)


def test_padding_is_not_heard():
    talker = untaught()
    dims = CONFIG.layout.dims
    streams = [Streams(normal(i, 12, 40), None, normal(i + 2, 12, 5), normal(i + 4, 12, 8)) for i in range(2)]
    x, reference, t = normal(8, 2, 12, dims), normal(9, 2, dims), torch.tensor([0.25, 0.75])
    with torch.no_grad():
        condition = talker.network.condition(stack(streams), reference, torch.tensor([12, 7]))
        together = talker.network(x, t, condition)[1, :7]
        short = streams[1].map(lambda part: part[None, :7])
        alone = talker.network(x[1:, :7], t[1:], talker.network.condition(short, reference[1:]))
    torch.testing.assert_close(together, alone[0], atol=1e-5, rtol=1e-5)


def test_attention_knows_distances_and_not_places():
    """Rotary positions: a window further on in a recording is the same window."""
    talker, dims = untaught(), CONFIG.layout.dims
    streams = Streams(normal(0, 1, 9, 40), None, normal(1, 1, 9, 5), normal(2, 1, 9, 8))
    x, reference, t = normal(3, 1, 9, dims), normal(4, 1, dims), torch.tensor([0.5])

    def shifted(track: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(track[:, :5]), track], 1)

    with torch.no_grad():
        here = talker.network(x, t, talker.network.condition(streams, reference))
        there = talker.network.condition(streams.map(shifted), reference)
        mask = torch.arange(14)[None, None, None] >= 5
        there = replace(there, present=mask)
        later = talker.network(shifted(x), t, there)[:, 5:]
    torch.testing.assert_close(later, here, atol=1e-5, rtol=1e-5)


def test_guidance_needs_a_network_that_learnt_to_hear_nothing():
    talker = untaught()
    talker.sampling = FlowSampling(steps=1, guidance=2.0)
    with pytest.raises(BadUsage, match="guidance means nothing") as caught:
        talker.animate(voice(), talking_head())
    assert "config.drop" in caught.value.hint
    guided = untaught(drop=0.1)
    heads = []
    for guidance in (0.0, 1.0, 2.0):
        guided.sampling = FlowSampling(steps=1, guidance=guidance, smooth=False)
        head = guided.animate(voice(0.5), talking_head()).head
        assert head is not None
        heads.append(head.rotation)
    torch.testing.assert_close(heads[2] - heads[1], heads[1] - heads[0], atol=1e-5, rtol=1e-4)


def test_identity_is_one_for_all_frames_unless_it_may_drift():
    talker = untaught(identity=3, detail=2)
    spreads = []
    for drift in (False, True):
        talker.sampling = FlowSampling(steps=2, drift=drift, smooth=False)
        codes = talker.animate(voice(1.5), talking_head()).codes
        assert codes is not None and codes.detail.shape == (45, 2) and codes.detail.std() > 0
        spreads.append(codes.identity.std(0).max())
        mean = codes.identity.mean(0)
        spreads.append(mean)
    torch.testing.assert_close(spreads[1], spreads[3])
    assert spreads[0] < 1e-6 < spreads[2]


def test_ablations_do_not_hear_what_they_leave_out():
    streams = Streams(normal(0, 1, 9, 40), None, normal(1, 1, 9, 5), normal(2, 1, 9, 8))
    louder = replace(streams, loudness=streams.loudness + 1)
    dims = CONFIG.layout.dims
    for changes in ({}, {"amplitude": False}):
        talker = untaught(**changes)
        with torch.no_grad():
            quiet, loud = (
                talker.network(
                    torch.zeros(1, 9, dims),
                    torch.zeros(1),
                    talker.network.condition(part, torch.zeros(1, dims)),
                )
                for part in (streams, louder)
            )
        assert torch.equal(quiet, loud) == bool(changes)
    unfeeling = untaught(emotion=False)
    assert unfeeling.hearing.affect is None
    motion = unfeeling.animate(voice(), talking_head())
    assert len(motion) == 60 and motion.head is not None
