"""The starters' ear: Whisper's own numbers in bytes, any length on a fixed grid, a head that alone learns."""

from __future__ import annotations

import importlib.util
import math
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from rig_clips import studio_clips

from talkcli.engine.assets import STARTER_EARS, asset
from talkcli.engine.audio.coarticulation import rounded
from talkcli.engine.audio.company import babble, in_company, music, nobody_near, on_telephone
from talkcli.engine.audio.ear import CERTAIN, TICKS, silenced_pauses
from talkcli.engine.audio.ears import phone_ear
from talkcli.engine.audio.pauses import rests
from talkcli.engine.audio.starter_ear import StarterEar, StarterEarConfig, in_bytes
from talkcli.engine.audio.whisper import WhisperBlocks, WhisperConfig, whisper_places, whisper_spectra
from talkcli.engine.checkpoint import load_checkpoint, save_checkpoint
from talkcli.engine.clips import ClipSet
from talkcli.engine.config import from_values
from talkcli.engine.errors import Untrusted
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.files import load_tensors, save_tensors
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.plan import plan_for, save_trained
from talkcli.engine.motion import Coefficients
from talkcli.engine.phones import PHONE_INDEX, PHONES, SILENCE, load_phones, phones_of, save_phones
from talkcli.engine.speech import SAMPLE_RATE, TICK, Speech, load_speech
from talkcli.engine.training.fit import fit
from talkcli.engine.training.hearing import NOWHERE, SOUND_TICKS, hearing_lessons, sound_example

TINY = WhisperConfig(32, 1, 4, 48, ticks=60)
SMALL = StarterEarConfig(TINY, inner=8)


def noise(seconds: float, key: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(int(16_000 * seconds), generator=torch.Generator().manual_seed(key))


def with_phones(folder: Path) -> ClipSet:
    """Clips whose louder halves are said to be vowels."""
    clips = studio_clips(folder)
    for index in range(len(clips)):
        loud = clips.speech(index).waveform.square().view(25, -1).mean(1)
        phones = ["AA" if level > loud.median() else "M" for level in loud]
        rows = [(phone, k * 0.06, (k + 1) * 0.06) for k, phone in enumerate(phones)]
        save_phones(phones_of(rows), clips.path(index, ".phones.json"))
    return clips


def shipped() -> StarterEar:
    checkpoint = load_checkpoint(asset(STARTER_EARS))
    ear = StarterEar(from_values(StarterEarConfig, checkpoint.config))
    ear.load_state_dict(checkpoint.weights)
    return ear.eval()


def recipe() -> ModuleType:
    path = Path(__file__).parents[1] / "recipes" / "ears.py"
    spec = importlib.util.spec_from_file_location("recipe_of_ears", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_spectra_are_the_published_definition_written_out() -> None:
    """Radford et al.: 25 ms windows every 10 ms, 80 Slaney bands, log10, 80 dB deep, (x + 4) / 4."""
    sound = noise(0.5).double().numpy()
    padded = np.pad(sound, 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(400), np.arange(201)) / 400)
    power = np.abs([(padded[at : at + 400] * window) @ turns for at in range(0, 50 * 160, 160)]) ** 2

    def mel(hertz: float) -> float:
        return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)

    def hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)

    corners = [hertz(mel(8000) * number / 81) for number in range(82)]
    bands = np.zeros((201, 80))
    for band, (low, centre, high) in enumerate(zip(corners, corners[1:], corners[2:], strict=False)):
        for at in range(201):
            rise, fall = (at * 40 - low) / (centre - low), (high - at * 40) / (high - centre)
            bands[at, band] = max(0.0, min(rise, fall)) * 2 / (high - low)
    logs = np.log10(np.maximum(power @ bands, 1e-10))
    definition = (np.maximum(logs, logs.max() - 8) + 4) / 4
    heard = whisper_spectra(torch.from_numpy(sound).float()[None], 80)[0].T
    assert heard.shape == definition.shape == (50, 80)
    np.testing.assert_allclose(heard.numpy(), definition, atol=1e-4)


def test_places_are_sines_and_cosines_of_a_geometric_row_of_rates() -> None:
    places = whisper_places(50, 8).double()
    for place, k in ((0, 0), (7, 0), (49, 3)):
        turn = place * 10_000 ** (-k / 3)
        assert places[place, k] == pytest.approx(math.sin(turn), abs=1e-5)
        assert places[place, 4 + k] == pytest.approx(math.cos(turn), abs=1e-5)


def test_a_matrix_in_bytes_is_within_half_a_step_of_its_row_and_stays_what_it_is() -> None:
    torch.manual_seed(0)
    blocks = WhisperBlocks(TINY)
    before = {name: weight.clone() for name, weight in blocks.state_dict().items()}
    in_bytes(blocks)
    for name, weight in before.items():
        now = blocks.get_submodule(name.rpartition(".")[0])
        if weight.ndim > 1:
            step = weight.abs().flatten(1).amax(1) / 127
            error = (now.weight - weight).abs().flatten(1).amax(1)  # type: ignore[operator]
            assert (error <= step / 2 * 1.001).all(), name
    kinds = {tensor.dtype for tensor in blocks.state_dict().values() if tensor.numel() > 1000}
    assert kinds == {torch.int8} and not any(p.requires_grad for p in blocks.parameters())
    again = WhisperBlocks(TINY)
    again.load_state_dict({name: blocks.get_parameter(name).detach() if weight.ndim < 2
                           else blocks.get_submodule(name.rpartition(".")[0]).weight  # type: ignore[misc]
                           for name, weight in before.items()})  # fmt: skip
    theirs = in_bytes(again).state_dict()
    assert all(
        torch.equal(tensor, theirs[name])
        for name, tensor in blocks.state_dict().items()
        if tensor.dtype == torch.int8
    )


def test_other_bytes_are_heard_at_once() -> None:
    torch.manual_seed(0)
    one, two, sound = StarterEar(SMALL).eval(), StarterEar(SMALL).eval(), noise(1.0)
    with torch.no_grad():
        first, second = one.heard_at_ticks(sound), two.heard_at_ticks(sound)
        one.load_state_dict(two.state_dict())
        assert not torch.equal(first, second) and torch.equal(one.heard_at_ticks(sound), second)


def test_in_the_middle_of_a_long_recording_it_hears_what_a_piece_alone_hears() -> None:
    """Pieces of 4 s with 1 s on either side: ticks 200 to 400 are those of seconds 3 to 9."""
    torch.manual_seed(0)
    ear, sound = StarterEar().eval(), noise(13.0)
    with torch.no_grad():
        heard = ear.heard_at_ticks(sound)
        piece = ear.phones(sound[None, 3 * 16_000 : 9 * 16_000])[0]
    assert len(heard) == 13 * TICKS + 1
    torch.testing.assert_close(heard[200:400], piece[50:250], atol=0, rtol=0)


def test_a_pause_that_is_sure_for_a_while_lasts_while_silence_is_heard_at_all() -> None:
    heard = [0.1, 0.4, *[0.8] * 6, 0.4, 0.1, *[0.8] * 5, 0.2, *[0.8] * 3, 0.5, *[0.8] * 3]
    logits = torch.full((len(heard), len(PHONES)), -20.0)
    logits[:, PHONE_INDEX["AA"]] = 0
    logits[:, SILENCE] = torch.logit(torch.tensor(heard))
    paused = silenced_pauses(logits)
    silent = torch.zeros(len(PHONES))
    silent[SILENCE] = CERTAIN
    expected = [1 <= tick <= 8 or tick >= 16 for tick in range(len(heard))]
    assert [bool(torch.equal(row, silent)) for row in paused] == expected
    untouched = ~torch.tensor(expected)
    assert torch.equal(paused[untouched], logits[untouched])


def test_a_face_comes_to_rest_inside_a_pause_and_window_by_window_as_in_one() -> None:
    silence = torch.tensor([1.0] * 6 + [0.3] * 3 + [1.0] * 3 + [0.5] + [1.0] * 12 + [0.9])
    frames, fps = len(silence), 30
    rest = rests(lambda start, stop: silence[start:stop], frames, fps)
    speaking = (silence < 0.95).nonzero()[:, 0].tolist()
    nearest = [min(abs(frame - other) for other in speaking) / fps for frame in range(frames)]
    expected = [min(seconds / 0.1, 1.0) for seconds in nearest]
    assert rest(0, frames).tolist() == pytest.approx(expected, abs=1e-6)
    assert rest(0, 1).item() == 1 and rest(10, 11).item() < 1
    parts = [rest(start, min(start + 4, frames)) for start in range(0, frames, 4)]
    assert torch.equal(torch.cat(parts), rest(0, frames))


def test_rounded_phones_count_more_and_beside_them_too_but_where_lips_meet() -> None:
    """The third frame's W is heard with 0.4; in the seventh lips meet, and its W stays as it is."""
    w, b = PHONE_INDEX["W"], PHONE_INDEX["B"]
    logits = torch.full((9, len(PHONES)), -20.0)
    logits[:, PHONE_INDEX["T"]] = 3.0
    logits[[2, 7], w] = 3.0 + math.log(0.4 / 0.6)
    logits[6, b] = 6.0
    more = rounded(lambda start, stop: logits[start:stop], len(logits), 30)
    expected = logits.clone()
    expected[[2, 7], w] += 0.5
    expected[[1, 3, 8], w] = 3.0 + math.log(0.4 / math.e)  # beside it, T is heard for certain
    torch.testing.assert_close(more(0, 9), expected, atol=1e-4, rtol=0)
    for frames in (1, 2, 5):
        parts = [more(start, min(start + frames, 9)) for start in range(0, 9, frames)]
        assert torch.equal(torch.cat(parts), more(0, 9))


@pytest.mark.parametrize("name", ["textalker", "memorytalker"])
def test_where_nothing_is_to_be_heard_the_starters_faces_are_at_rest(name: str) -> None:
    motion = open_talker(name).animate(Speech(torch.zeros(3 * SAMPLE_RATE)), talking_head())
    assert isinstance(motion.face, Coefficients) and not motion.face.expression.any()


def test_only_the_head_learns_and_it_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    clips, ear = (
        with_phones(tmp_path),
        StarterEar(StarterEarConfig(WhisperConfig(32, 1, 4, 48, ticks=250), inner=16)),
    )
    before = {name: tensor.clone() for name, tensor in ear.encoder.state_dict().items()}
    stage = hearing_lessons(steps=16)
    batches = clips.batches(stage.begin(ear, clips, torch.Generator()), 4, stage.drawn_by)
    losses = [step.total for step in fit(ear, stage, batches, seed=0)]
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])
    assert all(torch.equal(tensor, ear.encoder.state_dict()[name]) for name, tensor in before.items())


def test_an_example_says_what_the_near_voice_says_and_silence_where_nobody_is_near(tmp_path: Path) -> None:
    clips = with_phones(tmp_path)
    length = len(clips.speech(0)) / TICK
    examples = [sound_example(clips, 0, torch.Generator().manual_seed(key)) for key in range(60)]
    assert all(e.sound.shape == (SOUND_TICKS * TICK,) and e.phones.shape == (SOUND_TICKS,) for e in examples)
    assert all(torch.isfinite(e.sound).all() for e in examples)
    mute = [e for e in examples if (e.phones == SILENCE).all()]
    assert 0 < len(mute) < 20 and all(e.sound.abs().max() > 1e-4 for e in mute)
    ends = [int((e.phones != NOWHERE).sum()) for e in examples if not (e.phones == SILENCE).all()]
    assert any(end == math.ceil(length) for end in ends), "as it was"
    assert min(ends) >= length / 1.4 - 1 and len(set(ends)) > 5, "at other paces"
    again = sound_example(clips, 0, torch.Generator().manual_seed(7))
    assert torch.equal(again.sound, examples[7].sound) and torch.equal(again.phones, examples[7].phones)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_company_is_0_to_25_dB_below_the_near_voice_which_stays(count: int) -> None:
    rng, near = np.random.default_rng(0), noise(2.0).numpy()
    others = [noise(1.5, key).numpy() for key in range(2, 2 + count)]
    levels = []
    for _ in range(20):
        behind = in_company(near, others, rng) - near
        levels.append(20 * np.log10(np.std(near) / np.std(behind)))
    least = 8 if count == 1 else 0
    assert max(levels) <= 25.1 and min(levels) > -0.1 and np.ptp(levels) > 5
    assert count != 1 or sum(level < least for level in levels) < 12, "but for music"


def test_what_is_behind_sounds_at_once_from_first_to_last() -> None:
    rng = np.random.default_rng(0)
    others = [noise(1.0, key).numpy() for key in range(4)]
    for wave in (music(48_000, rng), babble(others, 48_000, rng), nobody_near(others, 48_000, rng)):
        seconds = np.square(wave.reshape(3, -1)).mean(1)
        assert wave.dtype == np.float32 and seconds.min() > 0.05 * seconds.max() > 0


def test_a_telephone_leaves_300_to_3400_hertz_in_their_time() -> None:
    rng, wave = np.random.default_rng(0), noise(2.0).numpy()
    heard = on_telephone(wave, rng)
    power = np.square(np.abs(np.fft.rfft(heard)))
    hertz = np.fft.rfftfreq(len(heard), 1 / 16_000)
    inside = power[(hertz > 400) & (hertz < 2900)].mean()
    assert len(heard) == len(wave) and power[(hertz < 80) | (hertz > 4200)].mean() < 0.01 * inside
    low = np.fft.irfft(np.where((hertz > 400) & (hertz < 2900), np.fft.rfft(wave), 0))
    lag = np.correlate(heard[1000:-1000], low, "valid").argmax() - 1000
    assert abs(lag) <= 16, "a millisecond"


def test_the_recipe_reads_arrays_and_nothing_runs() -> None:
    """CTranslate2's form, written out here: what goes in comes out, under our names."""
    rng, width, fields = np.random.default_rng(0), 32, recipe()
    named = {"conv1": (width, 80, 3), "conv2": (width, width, 3)}
    norms = ["layer_0/self_attention/layer_norm", "layer_0/ffn/layer_norm"]
    named |= {
        "layer_0/self_attention/linear_0": (3 * width, width),
        "layer_0/self_attention/linear_1": (width, width),
    }
    named |= {"layer_0/ffn/linear_0": (48, width), "layer_0/ffn/linear_1": (width, 48)}
    shapes = {f"encoder/{name}/weight": shape for name, shape in named.items()}
    shapes |= {f"encoder/{name}/bias": shape[:1] for name, shape in named.items()}
    shapes |= {f"encoder/{name}/{leaf}": (width,) for name in norms for leaf in ("gamma", "beta")}
    arrays = {name: rng.normal(size=shape).astype(np.float16) for name, shape in shapes.items()}

    def text(words: str) -> bytes:
        return struct.pack("<H", len(words) + 1) + words.encode() + b"\0"

    file = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(arrays))
    for name, array in arrays.items():
        file += text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        file += struct.pack("<BI", 4, array.nbytes) + array.tobytes()
    variables = fields.arrays(file)
    assert all(np.array_equal(variables[name], array) for name, array in arrays.items())
    blocks = WhisperBlocks(TINY)
    blocks.load_state_dict(fields.encoder_weights(variables, 1))
    theirs = torch.from_numpy(arrays["encoder/layer_0/self_attention/linear_0/weight"]).float()
    ours = [blocks.get_parameter(f"layers.0.self_attn.{name}_proj.weight") for name in ("q", "k", "v")]
    assert torch.equal(torch.cat(list[torch.Tensor](ours)), theirs)


def test_the_ear_that_ships_is_small_free_and_hears() -> None:
    path = asset(STARTER_EARS)
    assert path.stat().st_size <= 6.1e6
    assert "MIT" in load_checkpoint(path).licence and "Whisper" in load_checkpoint(path).licence
    phones, ear = load_phones(asset("hello.phones.json")), shipped()
    with torch.no_grad():
        named = ear.heard_at_ticks(load_speech(asset("hello.wav")).waveform).argmax(1)
        hum = ear.heard_at_ticks(torch.from_numpy(music(96_000, np.random.default_rng(3)))).argmax(1)
    assert (named == phones.frames(TICKS, len(named))).float().mean() > 0.7
    assert (hum == SILENCE).float().mean() > 0.9


def test_a_starter_begins_with_the_ear_that_ships_and_says_whose_it_is(tmp_path: Path) -> None:
    plan = plan_for(studio_clips(tmp_path).folder)
    assert "listen" not in plan.stages
    ours = phone_ear(plan.talker)
    assert ours is not None
    theirs = load_checkpoint(asset(STARTER_EARS)).weights
    assert all(
        torch.equal(tensor.float(), theirs[name].float()) for name, tensor in ours[1].state_dict().items()
    )
    save_trained(plan, {}, tmp_path / "x.ckpt")
    assert "OpenAI" in load_checkpoint(tmp_path / "x.ckpt").licence
    weights, state = load_checkpoint(tmp_path / "x.ckpt").weights, plan.talker.state_dict()
    assert state.keys() == weights.keys()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in state.items())
    assert "listen" in plan_for(plan.clips.folder, changes={"ears": "logmel"}).stages


def test_a_checkpoint_does_not_keep_what_the_bundled_ear_holds(tmp_path: Path) -> None:
    ear = shipped()
    for name, whole in (("lean", False), ("whole", True)):
        save_checkpoint("ears", ear.config, ear.state_dict(), {}, tmp_path / f"{name}.ckpt", whole=whole)
    lean, whole = (load_checkpoint(tmp_path / f"{name}.ckpt").weights for name in ("lean", "whole"))
    assert lean.keys() == whole.keys() and all(torch.equal(lean[name], whole[name]) for name in whole)
    sizes = [(tmp_path / f"{name}.ckpt").stat().st_size for name in ("lean", "whole")]
    assert sizes[1] - sizes[0] > 4.5e6


def test_an_ear_that_is_not_the_bundled_one_is_kept_whole_or_refused(tmp_path: Path) -> None:
    ear, path = shipped(), tmp_path / "x.ckpt"
    state = {name: tensor.clone() for name, tensor in ear.state_dict().items()}
    name = next(
        name for name, tensor in state.items() if tensor.dtype == torch.int8 and tensor.numel() > 4096
    )
    state[name][0] = -state[name][0]
    save_checkpoint("ears", ear.config, state, {}, path)
    assert torch.equal(load_checkpoint(path).weights[name], state[name])
    tensors, header = load_tensors(path)
    other = next(iter(header["ear"]))
    header["ear"][other][1] = "0" * 64
    del header["packed"]
    save_tensors(tensors, header, path)
    with pytest.raises(Untrusted, match="an ear that this version of talk does not have"):
        load_checkpoint(path)
