"""Video: pictures and sound that stay together, whatever the rate, the size and the name."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from films import header, pictures, timed_pictures
from hypothesis import example, given, settings
from hypothesis import strategies as st

from talkcli.engine.errors import BadInput, BadUsage, OutOfResources
from talkcli.engine.sound import open_sound
from talkcli.engine.speech import SAMPLE_RATE, Speech, load_speech
from talkcli.engine.video import write_video

GREY = np.full((16, 16, 3), 60, np.uint8)
SILENCE = Speech(torch.zeros(SAMPLE_RATE))


def flashes(frames: int, lit: set[int]) -> Iterator[np.ndarray]:
    for index in range(frames):
        yield np.full((16, 16, 3), 235 if index in lit else 20, np.uint8)


def clicks(frames: int, fps: Fraction, lit: set[int]) -> Speech:
    waveform = torch.zeros(int(frames / fps * SAMPLE_RATE))
    for index in lit:
        at = int(index / fps * SAMPLE_RATE)
        waveform[at : at + 200] = 0.8 * torch.sin(torch.arange(200) * 0.6)
    return Speech(waveform[: int(frames / fps * SAMPLE_RATE)])


def heard_at(path: Path) -> list[float]:
    """When the clicks are heard, seconds."""
    with open_sound(path) as sound:
        track = np.concatenate([block[:, 0] for block in sound.blocks])
    loud = np.flatnonzero(np.abs(track) > 0.3) / sound.rate
    return [float(now) for before, now in zip([-1.0, *loud], loud, strict=False) if now - before > 0.1]


@pytest.mark.parametrize(
    ("fps", "seconds"),
    [
        (Fraction(25), 60),
        (Fraction(30), 60),
        (Fraction(30000, 1001), 120),
        pytest.param(Fraction(30000, 1001), 600, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_picture_and_sound_are_in_step_to_the_last_frame(fps, seconds, tmp_path):
    frames = round(seconds * fps)
    lit = {0, 7, frames // 2, frames - 2}
    path = tmp_path / "x.mp4"
    assert write_video(flashes(frames, lit), fps, path, speech=clicks(frames, fps, lit)) == frames
    shown = [(time, float(image.mean()) > 128) for time, image in timed_pictures(path)]
    assert len(shown) == frames
    assert all(time == index / fps for index, (time, _) in enumerate(shown))
    seen = [float(time) for time, bright in shown if bright]
    heard = heard_at(path)
    assert len(seen) == len(heard) == len(lit)
    assert max(abs(a - b) for a, b in zip(seen, heard, strict=True)) < 0.01 < 1 / fps


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".webm"])
def test_every_format_is_in_step(suffix, tmp_path):
    fps, path = Fraction(30000, 1001), tmp_path / f"x{suffix}"
    lit = {3, 50}
    write_video(flashes(60, lit), fps, path, speech=clicks(60, fps, lit))
    seen = [float(time) for time, image in timed_pictures(path) if image.mean() > 128]
    assert len(seen) == 2
    assert max(abs(a - b) for a, b in zip(seen, heard_at(path), strict=True)) < 0.01


def test_the_sound_ends_with_the_pictures(tmp_path):
    fps = Fraction(25)
    write_video([GREY] * 10, fps, tmp_path / "long.mp4", speech=Speech(torch.zeros(5 * SAMPLE_RATE)))
    write_video([GREY] * 50, fps, tmp_path / "short.mp4", speech=SILENCE)
    assert load_speech(tmp_path / "long.mp4").seconds == pytest.approx(0.4, abs=0.025)
    assert load_speech(tmp_path / "short.mp4").seconds == pytest.approx(1.0, abs=0.025)
    assert len(pictures(tmp_path / "short.mp4")) == 50


def test_a_recording_keeps_its_own_bandwidth(tmp_path):
    """15 kHz is heard in the film of a 44.1 kHz stereo recording."""
    wave = 0.5 * np.sin(2 * np.pi * 15_000 * np.arange(44_100) / 44_100)
    soundfile.write(tmp_path / "x.wav", np.stack([wave, 0 * wave], 1), 44_100)
    write_video([GREY] * 25, Fraction(25), tmp_path / "x.mp4", speech=tmp_path / "x.wav")
    with open_sound(tmp_path / "x.mp4") as sound:
        assert (sound.rate, sound.channels) == (48_000, 2)
        left, right = np.concatenate(list(sound.blocks)).T
    assert np.abs(left[4800:-4800]).max() > 0.3 > 0.1 > np.abs(right[4800:-4800]).max()


@pytest.mark.parametrize("height, width", [(31, 33), (64, 33), (17, 64), (64, 64)])
def test_odd_sizes_are_padded_to_even_and_keep_their_pixels(height, width, tmp_path):
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2], image[:, : width // 2, 1] = 200, 120
    write_video([image] * 3, Fraction(25), tmp_path / "x.mp4")
    shown = pictures(tmp_path / "x.mp4")[1]
    assert shown.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(shown[:height, :width].astype(int) - image).mean() < 6


def test_colours_survive(tmp_path):
    colours = np.array([(200, 150, 120), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)])
    image = np.repeat(np.repeat(colours[None], 64, 0), 64, 1).astype(np.uint8)
    write_video([image] * 3, Fraction(25), tmp_path / "x.mp4")
    shown = pictures(tmp_path / "x.mp4")[1][32, 32::64].astype(int)
    assert np.abs(shown - colours).max() <= 4


def test_metadata_and_header_say_what_it_is(tmp_path):
    told = {"title": "Synthetic: ada", "comment": '{"synthetic": true}'}
    write_video([GREY] * 30, Fraction(30000, 1001), tmp_path / "x.mp4", speech=SILENCE, metadata=told)
    info = header(tmp_path / "x.mp4")
    assert (info.width, info.height, info.fps, info.has_sound) == (16, 16, Fraction(30000, 1001), True)
    assert told.items() <= info.metadata.items()


def test_the_index_stands_in_front(tmp_path):
    """A browser can play it before the last byte has come."""
    write_video([GREY] * 5, Fraction(25), tmp_path / "x.mp4")
    data = (tmp_path / "x.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_memory_does_not_grow_with_length(tmp_path):
    def peak(frames: int) -> int:
        tracemalloc.start()
        image = np.zeros((64, 64, 3), np.uint8)
        write_video((image.copy() for _ in range(frames)), Fraction(25), tmp_path / "x.mp4", speech=SILENCE)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(1500) < peak(150) + 200_000


def test_nothing_is_left_of_a_video_that_fails(tmp_path):
    def breaks() -> Iterator[np.ndarray]:
        yield from [GREY] * 30
        raise KeyboardInterrupt

    (tmp_path / "x.mp4").write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        write_video(breaks(), Fraction(25), tmp_path / "x.mp4", speech=SILENCE)
    assert os.listdir(tmp_path) == ["x.mp4"] and (tmp_path / "x.mp4").read_bytes() == b"before"


def test_a_sound_that_breaks_leaves_nothing(tmp_path):
    wave = np.zeros(32_000, np.float32)
    wave[20_000] = np.nan
    soundfile.write(tmp_path / "x.wav", wave, 16_000, subtype="FLOAT")
    with pytest.raises(BadInput):
        write_video([GREY] * 50, Fraction(25), tmp_path / "x.mp4", speech=tmp_path / "x.wav")
    assert os.listdir(tmp_path) == ["x.wav"]


def test_a_folder_that_does_not_exist_is_said(tmp_path):
    with pytest.raises(OutOfResources, match="nowhere"):
        write_video([GREY], Fraction(25), tmp_path / "nowhere" / "x.mp4")


def test_an_unknown_suffix_names_the_known_ones(tmp_path):
    with pytest.raises(BadUsage) as told:
        write_video([GREY], Fraction(25), tmp_path / "x.xyz")
    assert ".mp4" in told.value.hint


@settings(deadline=None, max_examples=40)
@example(name="a b'c\"d;e\nf")
@example(name="-i")
@example(name="file:x")
@example(name="%03d")
@example(name="x" * 250)
@example(name="\N{GRINNING FACE}" * 60)
@given(
    name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
)
def test_any_name_that_the_disk_takes_works(name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    path = folder / f"{name}.mp4"
    write_video([GREY] * 2, Fraction(25), path)
    assert os.listdir(folder) == [f"{name}.mp4"] and len(pictures(path)) == 2
