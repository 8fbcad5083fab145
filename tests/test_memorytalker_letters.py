"""The letters of the paper: HuBERT taken apart, equal to transformers' own, at a rate of our choice."""

import pytest
import torch

from talkcli.engine.audio.logmel_encoder import LogMelEncoderConfig
from talkcli.engine.audio.wav2vec import HubertConfig, normalised
from talkcli.engine.methods.memorytalker.letters import EarLetters, HubertLetters, reader
from talkcli.engine.speech import Speech

transformers = pytest.importorskip("transformers")

SMALL = HubertConfig(
    hidden=48, layers=2, heads=4, feed_forward=96, convolution=32, position_kernel=16, position_groups=4
)


def encoder(double: bool = False) -> HubertLetters:
    torch.manual_seed(0)
    letters = reader((SMALL,), 32, 30, double)
    assert isinstance(letters, HubertLetters)
    return letters.eval()


def noise(samples: int) -> torch.Tensor:
    return torch.randn(1, samples, generator=torch.Generator().manual_seed(1))


def test_at_its_own_rate_it_is_transformers_hubert():
    ours, sound = encoder(), noise(32_000)
    with torch.no_grad():
        hidden = ours.hubert(sound).last_hidden_state
        letters, ticks = ours(sound, torch.tensor([32_000]), torch.tensor([hidden.shape[1]]))
    assert ticks.tolist() == [99]
    torch.testing.assert_close(letters, ours.head(hidden), atol=1e-6, rtol=0)


@pytest.mark.parametrize("samples, ticks", [(400, 1), (720, 2), (16_000, 49), (32_000, 99), (100, 1)])
def test_the_convolutions_give_fifty_ticks_a_second(samples, ticks):
    assert encoder().convolve(noise(samples)).shape[1] == ticks


@pytest.mark.parametrize(
    "frames, double, ticks", [(60, False, 60), (49, True, 98), (20, True, 40), (80, True, 98)]
)
def test_ticks_follow_the_frames(frames, double, ticks):
    letters, counts = encoder(double)(noise(32_000), torch.tensor([32_000]), torch.tensor([frames]))
    assert letters.shape == (1, ticks, 32) and counts.tolist() == [ticks]


def test_training_masks_and_evaluation_does_not():
    ours, sound = encoder(), noise(16_000)
    samples, frames = torch.tensor([16_000]), torch.tensor([30])
    assert torch.equal(ours(sound, samples, frames)[0], ours(sound, samples, frames)[0])
    ours.train()
    letters, _ = ours(sound, samples, frames)
    letters.sum().backward()
    assert ours.hubert.masked_spec_embed.grad.abs().sum() > 0
    assert all(p.grad is None for p in ours.hubert.feature_extractor.parameters())


def test_normalising_forgets_level_and_offset():
    sound = noise(1000)[0]
    torch.testing.assert_close(normalised(sound * 3 + 1), normalised(sound), atol=1e-5, rtol=0)
    assert torch.isfinite(normalised(torch.zeros(1000))).all()


def test_phones_are_letters_and_what_other_ears_hear_is_mapped_to_letters():
    phones = reader((LogMelEncoderConfig(width=8, depth=1),), 40, 30, False).eval()
    both = reader((SMALL, LogMelEncoderConfig(width=8, depth=1)), 12, 30, False).eval()
    assert isinstance(phones, EarLetters) and not list(phones.taught())
    assert isinstance(both, EarLetters) and both.ears.width == 48 + 40 and len(list(both.taught())) == 2
    sound, frames = noise(16_000)[0], 30
    with torch.no_grad():
        for ear in (phones, both):
            letters = ear.listened(Speech(sound), frames)
            windows = torch.cat([letters(start, start + 10)[0] for start in (0, 10, 20)], dim=1)
            whole, counts = ear(sound[None], torch.tensor([16_000]), torch.tensor([frames]))
            torch.testing.assert_close(windows, whole, atol=1e-6, rtol=0)
            assert counts.tolist() == [frames] and whole.shape[2] == (40 if ear is phones else 12)
