"""Clips on disk: written whole, read lazily, cut into examples."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import soundfile
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from talkcli.engine.clips import (
    Clip,
    ClipSet,
    Contents,
    DrawnBy,
    TextureFrames,
    flat,
    has_clip,
    lay_out,
    load_contents,
    padded_together,
    save_clip,
    save_contents,
)
from talkcli.engine.errors import BadInput, BadUsage, Untrusted
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.motion import Coefficients, Motion, Shapes, Vertices, load_offsets, save_motion
from talkcli.engine.phones import phones_of
from talkcli.engine.speech import SAMPLE_RATE, Speech
from talkcli.engine.struct import TensorStruct, stack

FPS = Fraction(30)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def avatar(name: str) -> Avatar:
    return Avatar(name, torch.eye(10, 3) / 10, torch.tensor([[0, 1, 2]]), torch.tensor([1, 2]))


def clip(speaker: str, seconds: float = 2.0) -> Clip:
    """Frame i of the face is i, and the sound is i / 1000 during frame i."""
    frames = int(seconds * FPS)
    offsets = torch.arange(frames).float()[:, None, None].expand(-1, 10, 3).clone()
    at = torch.arange(int(seconds * SAMPLE_RATE)) * 30 // SAMPLE_RATE
    phones = phones_of([("AA", 0.5, 1.0)])
    return Clip(Speech(at.float() / 1000), Motion(FPS, Vertices(offsets)), avatar(speaker), phones)


@pytest.fixture
def folder(tmp_path):
    for speaker in ("ada", "ben"):
        for number, seconds in enumerate((2.0, 3.0)):
            save_clip(clip(speaker, seconds), tmp_path, f"{speaker}/{number}.take")
    splits = {"train": ["ada/0.take", "ada/1.take", "ben/0.take"], "test": ["ben/1.take"]}
    save_contents(Contents(splits, "CC0-1.0", "this test"), tmp_path)
    return tmp_path


def test_a_clip_is_read_as_it_was_written(folder):
    clips, wrote = ClipSet(folder, "train"), clip("ada")
    assert (len(clips), clips.speaker(2), clips.speakers) == (3, "ben", {"ada": (0, 1), "ben": (2,)})
    read = clips[0]
    assert torch.equal(flat(read.motion), flat(wrote.motion)) and read.motion.fps == FPS
    assert read.phones is not None and read.phones.segments == [("AA", 0.5, 1.0)]
    torch.testing.assert_close(read.speech.waveform, wrote.speech.waveform, atol=1e-4, rtol=0)
    assert read.avatar.name == "ada"
    assert len(ClipSet(folder)) == 4 and load_contents(folder).licence == "CC0-1.0"


@pytest.mark.parametrize(
    ("rate", "subtype"), [(SAMPLE_RATE, "PCM_16"), (SAMPLE_RATE, "FLOAT"), (48_000, "PCM_16")]
)
def test_a_part_of_a_sound_is_that_of_the_whole_whatever_form_it_has(folder, rate, subtype):
    clips = ClipSet(folder)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * rate)
    soundfile.write(clips.path(0, ".wav"), noise, rate, subtype=subtype)
    whole = clips.speech(0).waveform
    assert clips.samples(0) == len(whole)
    for start, stop in ((0, 5), (1234, 20_000), (30_000, 40_000), (32_000, 32_001), (7, 7)):
        assert torch.equal(clips.sound(0, start, stop), whole[start:stop])
    clips.path(0, ".wav").write_bytes(b"RIFF")
    with pytest.raises(BadInput, match=r"0\.take\.wav"):
        clips.sound(0, 0, 5)


def test_what_is_missing_is_named(folder, tmp_path):
    with pytest.raises(BadUsage, match="tset"):
        ClipSet(folder, "tset")
    (folder / "ben" / "0.take.motion").unlink()
    assert not has_clip(folder, "ben/0.take") and has_clip(folder, "ben/1.take")
    with pytest.raises(BadInput, match=r"ben/0\.take"):
        ClipSet(folder, "train")
    for damaged in ("{", '{"splits": {}, "licence": "", "source": "", "made": null}'):
        (folder / "clips.json").write_text(damaged)
        with pytest.raises(BadInput, match="damaged"):
            ClipSet(folder)
    with pytest.raises(BadInput, match=r"no folder .*nowhere"):
        ClipSet(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"has no clips\.json"):
        ClipSet(folder / "ben")


class Take(TensorStruct):
    face: Float[Tensor, "*batch frames dims"]
    frames: Int[Tensor, "*batch"]


def take(clips: ClipSet, index: int, _: torch.Generator) -> Take:
    face = flat(clips.motion(index))
    return Take(face, torch.tensor(len(face)))


def test_batches_pad_what_is_ragged_and_repeat_with_the_seed(folder):
    clips = ClipSet(folder)
    first, again = (clips.batches(take, 8)(generator()) for _ in range(2))
    assert torch.equal(first.face, again.face) and set(first.frames.tolist()) == {60, 90}
    for face, frames in zip(first.face, first.frames, strict=True):
        assert face[: int(frames), 0].tolist() == list(range(int(frames))) and not face[int(frames) :].any()


def test_a_batch_is_an_even_draw_of_clips_or_of_frames(folder):
    """Two clips of 60 frames and two of 90: by frames a long one comes 3 times where a short one comes 2."""
    clips, size = ClipSet(folder), 20_000

    def which(clips: ClipSet, index: int, _: torch.Generator) -> Take:
        return Take(torch.zeros(1, 1), torch.tensor(index))

    assert clips.frames == (60, 90, 60, 90)
    shares_of: dict[DrawnBy, list[float]] = {"clips": [0.25] * 4, "frames": [0.2, 0.3, 0.2, 0.3]}
    for by, shares in shares_of.items():
        counts = clips.batches(which, size, by)(generator()).frames.bincount()
        deviation = [(share * (1 - share) * size) ** 0.5 for share in shares]
        far = [abs(n - s * size) / d for n, s, d in zip(counts.tolist(), shares, deviation, strict=True)]
        assert max(far) < 4, by


def test_by_people_a_batch_draws_a_speaker_by_the_root_of_what_is_there_of_them(folder):
    """Of one speaker 60 and 90 frames, of the other 60."""

    def which(clips: ClipSet, index: int, _: torch.Generator) -> Take:
        return Take(torch.zeros(1, 1), torch.tensor(index))

    drawn = ClipSet(folder, "train").batches(which, 20_000, "people")(generator()).frames.bincount()
    wanted = torch.tensor([0.4 * 150**0.5, 0.6 * 150**0.5, 60**0.5])
    torch.testing.assert_close(drawn / 20_000, wanted / wanted.sum(), atol=0.015, rtol=0)


def test_padding_leaves_equal_structs_alone():
    one = Take(torch.ones(2, 3), torch.tensor(2))
    assert torch.equal(stack(padded_together([one, one])).face, torch.ones(2, 2, 3))


def test_textures_are_kept_bit_for_bit_and_read_one_by_one(tmp_path):
    dice = np.random.default_rng(0)
    shots = [dice.integers(0, 256, (4, 6, 3), np.uint8) for _ in range(4)]
    paths = [tmp_path / f"shot{i}.png" for i in range(4)]
    for path, shot in zip(paths, shots, strict=True):
        Image.fromarray(shot).save(path)
    textures = TextureFrames(paths[0], tuple(paths[1:]))
    for _ in range(2):  # written again over itself
        save_clip(replace(clip("ada"), textures=textures), tmp_path / "clips", "ada/0")
    save_clip(clip("ada"), tmp_path / "clips", "ada/1")
    save_contents(Contents({"train": ["ada/0", "ada/1"]}, "", ""), tmp_path / "clips")
    clips = ClipSet(tmp_path / "clips")
    read = clips.textures(0)
    assert read is not None and read.count == 3 and clips.textures(1) is None and clips[1].textures is None
    assert all(np.array_equal(read.frame(i).numpy(), shots[1 + i]) for i in range(3))
    assert np.array_equal(read.neutral.numpy(), shots[0])
    read.paths[1].write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"000002\.png"):
        read.frame(1)


def test_a_face_track_is_flat_side_by_side():
    face = Coefficients(torch.zeros(5, 3), torch.ones(5, 3))
    assert flat(Motion(FPS, face))[0].tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("frames", [4, 5])
def test_what_has_no_frames_is_no_track_whatever_its_size(frames):
    """Four basis shapes beside four frames: once 25 columns, once 4."""
    weights = torch.rand(frames, 4)
    motion = Motion(FPS, Shapes(weights, torch.rand(4, 7, 3)))
    assert len(motion) == frames and torch.equal(flat(motion), weights)


def test_offsets_are_read_row_by_row_and_only_from_vertices(tmp_path):
    offsets = torch.randn(9, 4, 3, generator=torch.Generator().manual_seed(0))
    save_motion(Motion(Fraction(30), Vertices(offsets)), tmp_path / "x.motion")
    assert torch.equal(load_offsets(tmp_path / "x.motion", 2, 5), offsets[2:5])
    assert torch.equal(load_offsets(tmp_path / "x.motion"), offsets)
    save_motion(Motion(Fraction(30), Shapes(torch.zeros(3, 2), torch.zeros(2, 4, 3))), tmp_path / "y.motion")
    with pytest.raises(BadInput, match="no vertices"):
        load_offsets(tmp_path / "y.motion")
    (tmp_path / "z.motion").write_bytes(b"\xff" * 64)
    with pytest.raises(Untrusted):
        load_offsets(tmp_path / "z.motion")


def test_a_file_in_the_place_of_the_folder_is_usage(tmp_path):
    (tmp_path / "taken").touch()
    for place in (tmp_path / "taken", tmp_path / "taken" / "clips"):
        with pytest.raises(BadUsage, match="taken"):
            lay_out(Contents({"train": ["ada/0"]}, "", ""), place)
