"""What each option of a stage comes to, in closed form, on clips of the built-in rig."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from rig_clips import studio_clips
from test_memorytalker_starter import rig_config
from test_textalker_starter import untaught
from torch import Tensor, nn

from talkcli.engine.audio.augment import elsewhere
from talkcli.engine.audio.ears import phone_ear
from talkcli.engine.audio.logmel_encoder import LogMelEncoder, LogMelEncoderConfig
from talkcli.engine.checkpoint import save_checkpoint
from talkcli.engine.clips import ClipSet
from talkcli.engine.device import bfloat16_products
from talkcli.engine.methods.memorytalker import METHOD as MEMORYTALKER
from talkcli.engine.methods.memorytalker.motions import targets
from talkcli.engine.methods.memorytalker.talker import MemoryTalker
from talkcli.engine.methods.textalker import METHOD as TEXTALKER
from talkcli.engine.methods.textalker.diffuser import BLIND, Diffuser, diffusion_losses, draw
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.struct import stack
from talkcli.engine.training.listening import UNKNOWN, PhoneExample, heard_beforehand, listening

SAMPLES, FRAMES = 24_000, 45
"""Of each of the four clips."""


def dice(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> ClipSet:
    return studio_clips(tmp_path_factory.mktemp("clips"))


def remembering() -> MemoryTalker:
    torch.manual_seed(0)
    return MemoryTalker(rig_config())


def diffusing(talker: TexTalker, clips: ClipSet, **options):
    stage = TEXTALKER.stages["diffuse"](talker.config, **options)
    assert stage is not None
    return stage, stage.begin(talker, clips, dice())


def cutting(talker: MemoryTalker, clips: ClipSet, name: str, **options):
    stage = MEMORYTALKER.stages[name](talker.config, **options)
    assert stage is not None
    return stage.begin(talker, clips, dice())


class Microphone(nn.Module):
    """An ear that keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))
        self.sounds: list[Tensor] = []

    def heard(self, waveform: Tensor, frames: int, fps: Fraction) -> Tensor:
        self.sounds.append(waveform)
        return torch.zeros(frames, 1)


@pytest.mark.parametrize("views", [0, 3])
def test_views_are_a_clip_in_so_many_other_rooms_and_none_is_the_clip_itself(clips, views):
    ear = Microphone()
    tracks = heard_beforehand(ear, clips, [FRAMES] * 4, 30, views)  # type: ignore[arg-type]
    assert [len(track) for track in tracks] == [max(1, views)] * 4
    for index in range(4):
        wave = clips.speech(index).waveform
        rooms = [elsewhere(wave.numpy(), np.random.default_rng([index, view])) for view in range(views)]
        expected = [torch.from_numpy(room) for room in rooms] or [wave]
        sounds = ear.sounds[index * len(expected) : (index + 1) * len(expected)]
        assert all(torch.equal(a, b) for a, b in zip(sounds, expected, strict=True))


@pytest.mark.parametrize("views", [0, 3])
def test_each_window_and_utterance_hears_one_of_the_views(clips, views):
    _, window = diffusing(untaught(), clips, views=views)
    utterance = cutting(remembering(), clips, "memorise", views=views)
    for cut in (window, utterance):
        heard = {tuple(cut(clips, 0, dice(number)).features.flatten().tolist()) for number in range(40)}
        assert len(heard) == max(1, views)


def test_every_leaves_one_of_so_many_clips_of_each_speaker(clips):
    assert clips.thinned(2).names == ("ada/0", "ben/0")
    latents = {}
    for every in (1, 2):
        _, cut = diffusing(untaught(), clips, every=every)
        latents[every] = [cut(clips, index, dice()).latents for index in range(4)]
    ada, ben, again, anew = latents[2]
    assert torch.equal(ada, again) and torch.equal(ben, anew) and not torch.equal(ada, ben)
    assert not any(torch.equal(latents[1][0], other) for other in latents[1][1:])


def test_mouth_and_blind_are_the_weight_of_what_is_seen_and_the_share_of_noise(clips):
    talker, terms = untaught(), {}
    for mouth in (0.0, 1.0, 3.0):
        stage, cut = diffusing(talker, clips, mouth=mouth)
        batch = stack([cut(clips, 0, dice()), cut(clips, 2, dice())])
        terms[mouth] = stage.updates[0].losses(talker, batch, dice(5))
    assert set(terms[0.0]) == {"mse"} and set(terms[1.0]) == {"mse", "readout", "velocity"}
    for name in ("readout", "velocity"):
        assert terms[1.0][name] > 0
        torch.testing.assert_close(terms[3.0][name], 3 * terms[1.0][name])
    blind, cut = diffusing(talker, clips, blind=1.0)
    batch = stack([cut(clips, 0, dice()), cut(clips, 2, dice())])
    ours = blind.updates[0].losses(talker, batch, dice(5))["mse"]
    with bfloat16_products(torch.device("cpu")):
        expected = diffusion_losses(
            talker.diffuser, batch.audio, batch.latents, dice(5), weight=batch.weight, blind=1.0
        )
    assert torch.equal(ours, expected["mse"]) and not torch.equal(ours, terms[0.0]["mse"])


@pytest.mark.parametrize("steps", [20, 500])
def test_all_blind_windows_begin_past_four_fifths_of_the_steps_evenly(steps):
    config = replace(untaught().config.denoiser, steps=steps, motion=1, texture=1, window=2)
    t = draw(config, 4000, dice(), 0.0, blind=1.0).t
    assert BLIND * steps <= int(t.min()) and int(t.max()) == steps
    assert t.double().mean().item() == pytest.approx((1 + BLIND) / 2 * steps, rel=0.03)


@pytest.mark.parametrize("excerpt", [0, 1, 30, 1000])
def test_an_excerpt_is_so_many_frames_of_motion_and_of_what_is_heard(clips, excerpt):
    talker = remembering()
    whole = cutting(talker, clips, "memorise")(clips, 1, dice())
    cut, track = cutting(talker, clips, "memorise", excerpt=excerpt), targets(talker, clips)[1]
    assert torch.equal(whole.motion, track) and whole.features is not None
    length, starts = min(excerpt or FRAMES, FRAMES), set()
    for number in range(20):
        part = cut(clips, 1, dice(number))
        assert int(part.frames) == length == len(part.motion)
        start = next(i for i in range(FRAMES - length + 1) if torch.equal(track[i : i + length], part.motion))
        assert torch.equal(part.features, whole.features[start : start + length])
        starts.add(start)
    assert len(starts) == 1 if length == FRAMES else len(starts) > 3


@pytest.mark.parametrize("seconds", [0.0, 0.4, 60.0])
def test_voices_last_so_many_seconds_and_are_those_of_the_clips(clips, seconds):
    cut = cutting(remembering(), clips, "stylise", seconds=seconds)
    length = min(int(seconds * 16_000) or SAMPLES, SAMPLES)
    lesson = cut(clips, 0, dice())
    assert [int(voice.samples) for voice in (lesson.voice, lesson.same, lesson.other)] == [length] * 3

    def among(voice: Tensor, indices: tuple[int, ...]) -> bool:
        """Whether it is a stretch of one of these clips, of zero mean and unit variance."""
        steps = voice.diff()[:200]
        clipwise = [clips.speech(i).waveform.diff().unfold(0, 200, 1) for i in indices]
        alike = [torch.cosine_similarity(steps[None], stretches) for stretches in clipwise]
        assert voice.mean().abs() < 1e-4 and voice.std() == pytest.approx(1, abs=1e-3)
        return max(float(cosines.max()) for cosines in alike) > 0.9999

    assert among(lesson.voice.waveform, (0,)) and among(lesson.same.waveform, (1,))
    assert among(lesson.other.waveform, (2, 3)) and not among(lesson.other.waveform, (0, 1))


def test_a_start_noise_of_half_the_temperature_ends_half_as_far(monkeypatch):
    """Where the denoiser's guess is a share of what it sees, all that is made is linear in the noise."""
    diffuser: Diffuser = untaught().diffuser
    monkeypatch.setattr(diffuser.denoising_net, "prepare", lambda *given, **named: lambda x, t: 0.3 * x)
    silence = torch.zeros(30, diffuser.audio_feature_map.in_features)

    def made(temperature: float) -> Tensor:
        parts = diffuser.latents(
            lambda start, stop: silence[start:stop], 30, dice(), steps=4, temperature=temperature
        )
        return torch.cat(list(parts), dim=1)

    assert made(1.0).abs().max() > 0 and not made(0.0).any()
    torch.testing.assert_close(made(0.5), 0.5 * made(1.0))


@pytest.mark.parametrize("name", ["motion", "texture"])
def test_the_critic_joins_when_asked_and_never_below_0(name):
    config = untaught().config
    for critic, starts in ((25, [0, 25]), (-1, [0])):
        stage = TEXTALKER.stages[name](config, critic=critic)
        assert stage is not None and [update.start for update in stage.updates] == starts


@pytest.mark.parametrize("name", ["motion", "texture"])
def test_a_settled_stage_moves_the_generator_and_leaves_latents_and_codes(clips, name):
    talker = untaught()
    stage = TEXTALKER.stages[name](talker.config, critic=-1, settled=True)
    assert stage is not None
    cut = stage.begin(talker, clips, dice())
    autoencoder = {"motion": talker.motion, "texture": talker.texture}[name]
    batch = stack([cut(clips, index, dice(index)) for index in range(2)])
    losses = stage.updates[0].losses(talker, batch, dice())
    assert set(losses) == {"pixel", "edges"}
    sum(losses.values(), torch.zeros(())).backward()
    trained = {id(weight) for weight in stage.updates[0].weights(talker)}
    assert trained == {id(weight) for weight in autoencoder.generator.parameters()}
    assert all((weight.grad is not None) == (id(weight) in trained) for weight in autoencoder.parameters())


def test_nothing_is_listened_to_where_ears_of_another_are_taken_over():
    assert TEXTALKER.stages["listen"](untaught().config) is not None
    assert TEXTALKER.stages["listen"](untaught().config, ears_of="memorytalker") is None


def test_the_ears_of_another_checkpoint_are_taken_over_bit_for_bit_and_not_taught(clips, tmp_path):
    other = remembering()
    save_checkpoint("memorytalker", other.config, other.state_dict(), {}, tmp_path / "other.ckpt")
    theirs = phone_ear(other)
    assert theirs is not None
    talker = TexTalker(replace(untaught().config, ears=(theirs[1].config,))).eval()
    stage, _ = diffusing(talker, clips, ears_of=str(tmp_path / "other.ckpt"))
    ours = phone_ear(talker)
    assert ours is not None
    for name, weight in theirs[1].state_dict().items():
        assert torch.equal(ours[1].state_dict()[name], weight), name
    taught = {id(weight) for weight in stage.updates[0].weights(talker)}
    assert taught.isdisjoint(id(weight) for weight in ours[1].parameters())


def test_listening_is_cross_entropy_of_smooth_labels_where_a_phone_is_known():
    """A twentieth of each label lies evenly on all phones; a tick of padding counts for nothing."""
    torch.manual_seed(0)
    encoder = LogMelEncoder(LogMelEncoderConfig(width=8, depth=1)).eval()
    features = torch.randn(2, 40, 120, generator=dice(1))
    with torch.no_grad(), bfloat16_products(torch.device("cpu")):
        logits = encoder.phones(features).double()
    phones = torch.randint(logits.shape[-1], logits.shape[:2], generator=dice())
    phones[1, 5:] = UNKNOWN
    logs, terms = logits - logits.logsumexp(-1, keepdim=True), []
    for row, labels in zip(logs, phones, strict=True):
        for tick, label in zip(row, labels, strict=True):
            if label != UNKNOWN:
                terms.append(-(0.95 * tick[label] + 0.05 * tick.mean()))
    stage = listening()
    losses = stage.updates[0].losses(encoder, PhoneExample(features, phones), dice())
    assert set(losses) == {"phones"}
    assert losses["phones"].item() == pytest.approx(torch.stack(terms).mean().item(), rel=1e-4)
    assert stage.steps == 10_000 and listening(steps=7).steps == 7
