"""How the published TexTalker hears: equality with its code."""

from __future__ import annotations

import math

import pytest
import torch
from goldens import SMALL, numbers
from textalker_golden import close, drawn, golden, published
from torch.nn import functional as F

from talkcli.engine.audio.wav2vec import HubertConfig
from talkcli.engine.methods.textalker.hearing import HubertHearing, padded, stretched

HUBERT = HubertConfig(hidden=48, layers=1, heads=4, feed_forward=96, convolution=8, position_kernel=16)


@torch.no_grad()
def test_a_hubert_drawn_from_a_seed_gives_published_numbers(monkeypatch):
    """From what its convolutions make of a clip to the diffusion's features; every eighth hidden number."""
    diffuser, case = drawn()
    hearing, frames = diffuser.audio_encoder, int(case["hub.frames"])
    assert isinstance(hearing, HubertHearing)
    ticks = case["hub.conv"].mT
    close(hearing.transform(stretched(ticks, 2 * frames))[..., ::8], case["hub.hidden"])
    monkeypatch.setattr(hearing, "convolve", lambda waveform: ticks)  # the recording itself is not ours
    close(diffuser.hear(torch.zeros(2, 6400), frames), case["hub.feat"])


@pytest.mark.whole
@pytest.mark.parametrize("clip", "abc")
def test_hearing_is_the_published_one(clip):
    case, diffuser = golden("audio_small"), published()
    hearing, frames = diffuser.audio_encoder, int(case[f"{clip}_frames"])
    assert isinstance(hearing, HubertHearing)
    waveform = case[f"{clip}_wav"]
    with torch.no_grad():
        ticks = hearing.convolve(waveform)
        close(ticks.mT, case[f"{clip}_conv"])
        close(hearing.transform(stretched(ticks, 2 * frames)), case[f"{clip}_hidden"])
        close(diffuser.hear(waveform, frames), case[f"{clip}_feat"])


def test_waveforms_are_padded_as_published():
    """The published code's choice of samples, read off the recording that it padded."""
    case = numbers(SMALL / "textalker.npz")
    lengths = [int(name.split("_")[1]) for name in case if name.endswith("_length")]
    assert len(lengths) == 7
    for length in lengths:
        ours, theirs = padded(torch.arange(float(length))[None]).long()[0], f"pad_{length}"
        assert len(ours) == int(case[f"{theirs}_length"]), length
        assert torch.equal(ours[:100], case[f"{theirs}_begin"].long()), length
        assert torch.equal(ours[-200:], case[f"{theirs}_end"].long()), length


@pytest.mark.whole
def test_waveforms_of_all_lengths_are_padded_as_published():
    case = golden("audio_small")
    lengths = [int(name.removeprefix("pad_")) for name in case if name.removeprefix("pad_").isdigit()]
    assert len(lengths) == 10
    for length in lengths:
        assert torch.equal(padded(case["c_wav"][:1, :length]), case[f"pad_{length}"]), length


def test_only_the_published_parts_of_hubert_are_taught():
    hearing = HubertHearing(HUBERT)
    taught = {id(parameter) for parameter in hearing.taught()}
    names = {name for name, parameter in hearing.named_parameters() if id(parameter) in taught}
    assert {name.split(".")[0] for name in names} == {"masked_spec_embed", "encoder"}
    assert len(names) == 6 and not any("layers" in name for name in names)


def test_silence_follows_speech_to_the_end_of_the_window():
    torch.manual_seed(0)
    hearing = HubertHearing(HUBERT).eval()
    speech = torch.randn(5000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        heard = hearing.listened(speech, math.floor(5000 * 30 / 16000), window=6)(0, 60)
        assert heard.shape == (12, 48)
        close(heard, hearing(F.pad(speech, (0, 1400))[None], 12)[0], 0.0)
