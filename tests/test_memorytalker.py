"""MemoryTalker: what the published code does not promise but ours does."""

import json
import os
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest
import torch
from goldens import keys
from safetensors.torch import save_file

from talkcli.engine.audio.wav2vec import HubertConfig, normalised
from talkcli.engine.clips import Clip, ClipSet, Contents, save_clip, save_contents
from talkcli.engine.errors import BadInput, BadUsage, Untrusted
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.layers.positions import periodic
from talkcli.engine.methods.memorytalker import METHOD, capture
from talkcli.engine.methods.memorytalker.letters import HubertLetters
from talkcli.engine.methods.memorytalker.original import config_of, read_original, renamed
from talkcli.engine.methods.memorytalker.stages import (
    UtteranceExample,
    remember,
    taught_weights,
)
from talkcli.engine.methods.memorytalker.talker import MemoryTalker, MemoryTalkerConfig
from talkcli.engine.motion import Motion, Shapes, Vertices
from talkcli.engine.speech import Speech


def one(value: int) -> torch.Tensor:
    return torch.tensor([value])


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


near = partial(torch.testing.assert_close, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["s1_voca_infer", "s2_voca_infer", "s2_biwi_infer"])
@pytest.mark.parametrize("spelling", ["parametrizations", "weight_g"])
def test_every_published_tensor_finds_its_place(name, spelling):
    with torch.device("meta"):
        state = {key: torch.empty(json.loads(shape)) for key, shape in keys(f"keys_{name}_base")}
    if spelling == "weight_g":
        conv = "E_aud.hubert.encoder.pos_conv_embed.conv."
        for number, letter in enumerate("gv"):
            state[conv + f"weight_{letter}"] = state.pop(conv + f"parametrizations.weight.original{number}")
    config = config_of(state)
    biwi = "biwi" in name
    assert (config.verts, config.fps, config.double_rate) == (
        (23370, 25, True) if biwi else (5023, 30, False)
    )
    with torch.device("meta"):
        ours = MemoryTalker(config).state_dict()
    theirs = {renamed(key): value.shape for key, value in state.items() if key != "PPE.pe"}
    ours.pop("style.learnt")
    without_style = {
        key: value.shape for key, value in ours.items() if "s2" in name or not key.startswith("style.")
    }
    assert theirs == without_style


def test_a_checkpoint_that_runs_code_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.system, ("true",)

    path = tmp_path / "checkpoint_100.pth"
    torch.save({"memory_net.M_m": Trap()}, path)
    with pytest.raises(Untrusted):
        read_original(path)
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(BadInput):
        read_original(path)


HUBERT = HubertConfig(
    hidden=48, layers=2, heads=4, feed_forward=96, convolution=32, position_kernel=16, position_groups=4
)
TINY = MemoryTalkerConfig(
    verts=10,
    slots=32,
    features=16,
    feed_forward=32,
    ears=(HUBERT,),
)


HUBERT_JSON = {
    "model_type": "hubert",
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "conv_dim": [32] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}


def tiny(**changes) -> MemoryTalker:
    torch.manual_seed(0)
    talker = MemoryTalker(replace(TINY, **changes)).eval()
    talker.style.learnt.fill_(True)
    torch.nn.init.normal_(talker.output.weight, std=0.1)
    torch.nn.init.normal_(talker.output.bias, std=0.1)
    return talker


def face(**changes) -> Avatar:
    values = {"name": "ada", "neutral": torch.eye(10, 3) / 10, "lips": torch.tensor([1, 2])}
    return Avatar(**{**values, "faces": torch.tensor([[0, 1, 2]]), **changes})


def noise(seconds: float, key: int = 0) -> torch.Tensor:
    return torch.randn(int(16_000 * seconds), generator=torch.Generator().manual_seed(key))


@pytest.mark.parametrize("double_rate", [False, True])
def test_no_clip_of_a_batch_hears_another(double_rate):
    talker = tiny(double_rate=double_rate, fps=25 if double_rate else 30).double()
    sounds = [noise(seconds).double() for seconds in (1.0, 2.3, 0.4)]
    frames = torch.tensor([Speech(s).frames(talker.config.fps) for s in sounds])
    samples = torch.tensor([len(s) for s in sounds])
    with torch.no_grad():
        gains = talker.style.gain(talker.style.hear(pad(sounds), samples))
        together = talker(pad(sounds), samples, frames, gains)
        for i, sound in enumerate(sounds):
            gain = talker.style.gain(talker.style.hear(sound[None], samples[i : i + 1]))
            alone = talker(sound[None], samples[i : i + 1], frames[i : i + 1], gain)
            torch.testing.assert_close(together[i, : frames[i]], alone[0], atol=1e-10, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("frames", [20, 24, 25])
def test_a_frame_of_biwi_has_two_letters_from_sound_to_motion(frames):
    """By the book: an even number of letters, no more than two a frame; the frame's own letter and text lie
    on lines between them, and its cross-attention sees the two alone, the last held."""
    talker, sound = tiny(double_rate=True, fps=25, period=25), noise(1.0)[None]
    assert isinstance(talker.encoder, HubertLetters)
    ticks = talker.encoder.convolve(sound)
    kept = min(ticks.shape[1] // 2 * 2, 2 * frames)
    letters = talker.encoder.transform(ticks[:, :kept])[0]
    text = letters @ talker.text.weight.T + talker.text.bias
    places = torch.arange(frames) * (kept - 1) / (frames - 1)
    below = places.long().clamp(max=kept - 2)

    def between(track: torch.Tensor) -> torch.Tensor:
        return torch.lerp(track[below], track[below + 1], (places - below)[:, None])

    key = (16 * between(letters)).softmax(-1) @ talker.memory.slots
    x = talker.fusion(torch.cat([between(text), key], dim=1)) + periodic(frames, 16, 25)
    held = text[torch.arange(2 * frames).clamp(max=kept - 1)]
    unseen = torch.ones(frames, 2 * frames, dtype=torch.bool)
    for frame in range(frames):
        unseen[frame, 2 * frame : 2 * frame + 2] = False
    expected = talker.output(talker.decoder.layers(x[None], held[None], memory_mask=unseen))
    near(talker(sound, one(16_000), one(frames)), expected)


def pad(sounds):
    return torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)


def test_an_untrained_talker_rests():
    torch.manual_seed(0)
    motion = MemoryTalker(TINY).eval().animate(Speech(noise(1.0)), face())
    assert isinstance(motion.face, Shapes)
    assert len(motion) == 30 and not (motion.face.weights @ motion.face.basis.flatten(1)).any()


def test_a_short_clip_is_spoken_whole_and_a_long_one_seamlessly():
    talker, sound = tiny(), noise(3.0)
    motion = talker.animate(Speech(sound), face())
    voice = (sound - sound.mean()) / sound.std(correction=0)
    with torch.no_grad():
        gain = talker.style.gain(talker.style.hear(voice[None], one(len(voice))))
        whole = talker(voice[None], one(len(voice)), one(90), gain)[0]
    assert isinstance(motion.face, Shapes) and motion.fps == Fraction(30)
    torch.testing.assert_close(motion.face.weights @ motion.face.basis.flatten(1), whole, atol=1e-5, rtol=0)

    long = talker.animate(Speech(noise(50.0)), face())
    assert isinstance(long.face, Shapes) and len(long) == 1500
    spoken = long.face.weights @ long.face.basis.flatten(1)
    steps = spoken.diff(dim=0).abs().amax(1)
    assert steps[538:602].max() <= steps.max() and torch.isfinite(spoken).all()


def test_windows_begin_where_the_period_begins():
    from talkcli.engine.generation.windows import spans

    for fps in (25, 30):
        assert all(start % fps == 0 for start, _ in spans(5000, 20 * fps, 2 * fps))


def test_same_speech_same_motion_and_a_style_changes_it():
    talker, speech = tiny(), Speech(noise(1.0))
    first, second = (talker.animate(speech, face()).face for _ in range(2))
    assert isinstance(first, Shapes) and isinstance(second, Shapes)
    assert torch.equal(first.weights, second.weights)
    styled = capture(talker, Speech(noise(1.5, 9)), face())
    other = talker.animate(speech, styled).face
    assert isinstance(other, Shapes) and not torch.equal(first.weights, other.weights)
    assert torch.equal(styled.neutral, face().neutral)
    again = talker.animate(speech, capture(talker, speech, face())).face
    assert isinstance(again, Shapes) and torch.equal(first.weights, again.weights), (
        "its own voice is the default"
    )


def test_before_the_second_stage_there_is_no_style():
    talker, speech = tiny(), Speech(noise(1.0))
    talker.style.learnt.fill_(False)
    assert torch.equal(talker.manner(speech), torch.ones(32))
    with pytest.raises(BadInput, match="not to imitate"):
        capture(talker, speech, face())


def test_what_does_not_fit_is_refused():
    talker, speech = tiny(), Speech(noise(1.0))
    with pytest.raises(BadInput, match="10 vertices"):
        talker.animate(speech, face(neutral=torch.zeros(12, 3)))
    with pytest.raises(BadInput, match="32"):
        talker.animate(speech, face(styles={"memorytalker": torch.ones(7)}))


def test_the_style_of_an_hour_is_heard_in_constant_memory_and_alike():
    talker, voice = tiny(), noise(95.0)
    with torch.no_grad():
        parts = talker.style.hear(voice[None], one(len(voice)))
        talker.style.train()
        whole = talker.style.hear(voice[None], one(len(voice)))
        talker.style.eval()
        told = talker.style.gain(talker.style.hear(normalised(voice)[None], one(len(voice))))
    assert (parts - whole).norm() < 0.02 * whole.norm()
    assert torch.equal(talker.manner(Speech(voice)), told[0])


def test_paper_size_begins_with_a_pretrained_hubert(tmp_path):
    source = hubert_of(tiny())
    (tmp_path / "config.json").write_text(json.dumps(HUBERT_JSON))
    save_file(source.state_dict(), tmp_path / "model.safetensors")
    torch.manual_seed(9)
    talker = MemoryTalker(TINY)
    stage = METHOD.stages["memorise"](TINY, hubert=str(tmp_path))
    assert stage is not None
    stage.begin(talker, vertex_clips(tmp_path / "clips"), seed())
    ours = hubert_of(talker).state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in source.state_dict().items())
    with pytest.raises(BadUsage, match="other sizes"):
        stage.begin(
            MemoryTalker(replace(TINY, ears=(replace(HUBERT, layers=1),))),
            ClipSet(tmp_path / "clips"),
            seed(),
        )


def hubert_of(talker: MemoryTalker) -> torch.nn.Module:
    assert isinstance(talker.encoder, HubertLetters)
    return talker.encoder.hubert


def vertex_clips(folder: Path) -> ClipSet:
    clip = Clip(Speech(noise(1.0)), Motion(Fraction(30), Vertices(torch.zeros(30, 10, 3))), face())
    save_clip(clip, folder, "ada/one")
    save_contents(Contents({"train": ["ada/one"]}, "CC0-1.0", "this test"), folder)
    return ClipSet(folder)


def test_the_memory_learns_only_from_its_own_terms():
    talker = tiny().train()
    m = torch.randn(2, 30, 30, generator=seed()) * 0.01
    sound = torch.stack([noise(1.0, 1), noise(1.0, 2)])
    samples, frames = torch.tensor([16_000, 16_000]), torch.tensor([30, 30])
    losses = remember(
        talker,
        UtteranceExample(sound, samples, None, m, frames, None, torch.zeros(2, 1, dtype=torch.long)),
        seed(),
    )
    slots = talker.memory.slots
    (seen,) = torch.autograd.grad(losses["mse"] + losses["vel"], slots, retain_graph=True, allow_unused=True)
    assert seen is None
    (learns,) = torch.autograd.grad(losses["mem"] + losses["align"], slots, retain_graph=True)
    assert learns.abs().sum() > 0
    rest = [p for p in taught_weights(talker) if p is not slots]
    grads = torch.autograd.grad(losses["mem"] + losses["align"], rest, allow_unused=True)
    assert all(grad is None for grad in grads)
