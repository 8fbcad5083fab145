"""What TexTalker's stages are given and where their chance comes from."""

from __future__ import annotations

import pytest
import torch

from talkcli.engine.methods.textalker.autoencoder import AutoencoderConfig
from talkcli.engine.methods.textalker.speech_windows import SpeechWindows
from talkcli.engine.methods.textalker.stages import new_critic
from talkcli.engine.struct import stack


@pytest.mark.parametrize("batch", [1, 2, 180])
def test_a_batch_of_waveforms_is_no_batch_of_features(batch):
    sound = SpeechWindows(torch.zeros(96_000), None, torch.zeros(180, 4), torch.ones(180), None)
    piled = stack([sound] * batch)
    assert piled.audio.shape == (batch, 96_000)
    with pytest.raises(TypeError, match="SpeechWindows"):
        SpeechWindows(None, piled.waveform, piled.latents, piled.weight, None)


def test_the_critic_is_born_from_the_runs_own_dice():
    born = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        born.append(new_critic(AutoencoderConfig(), torch.Generator().manual_seed(3)).state_dict())
    assert all(torch.equal(born[0][name], born[1][name]) for name in born[0])
