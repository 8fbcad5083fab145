"""Speech from any recording: the same sound whatever its rate, channels and container."""

from __future__ import annotations

import gc
import math
import os
import resource
import struct
import sys
import threading
import time
import tracemalloc
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from talkcli.engine import sound, spilt
from talkcli.engine.errors import BadInput
from talkcli.engine.sound import open_sound
from talkcli.engine.speech import SAMPLE_RATE, Speech, save_speech, speech_as_recorded

SECONDS = 1.5


def tone(rate: int, channels: int = 1, seconds: float = SECONDS) -> np.ndarray:
    """A 300 Hz tone, [samples, channels]."""
    wave = 0.3 * np.sin(2 * math.pi * 300 * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, 1).astype(np.float32)


def encode(path: Path, codec: str, rate: int, channels: int = 1) -> Path:
    """The tone in a container that FFmpeg writes."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout  # type: ignore[attr-defined]
        stream.codec_context.options = {"strict": "experimental"}  # FFmpeg's own Vorbis
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(tone(rate, channels).T), format="fltp", layout=layout
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(stream.encode(frame))  # type: ignore[attr-defined]
        container.mux(stream.encode())  # type: ignore[attr-defined]
    return path


def loudness(speech: Speech) -> float:
    """Of the middle, where no codec fades in or out."""
    middle = speech.waveform[len(speech) // 4 : -len(speech) // 4]
    return math.sqrt(2) * float(middle.square().mean().sqrt())


def same_tone(speech: Speech, slack: float = 0.05) -> bool:
    expected = torch.fft.rfftfreq(len(speech), 1 / SAMPLE_RATE)
    pitch = float(expected[torch.fft.rfft(speech.waveform).abs().argmax()])
    return (
        abs(speech.seconds - SECONDS) < slack and abs(pitch - 300) < 2 and abs(loudness(speech) - 0.3) < 0.02
    )


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_rate_and_channels_do_not_change_the_speech(rate, channels, tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(rate, channels), rate)
    speech = speech_as_recorded(path)
    assert same_tone(speech, 1e-3) and not speech.notes


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM"]
)
def test_sample_format_does_not_change_the_speech(subtype, tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(48_000), 48_000, subtype=subtype)
    assert same_tone(speech_as_recorded(path), 0.05)


CONTAINERS = (
    "x.flac flac 1, x.ogg vorbis 2, x.opus libopus 2, x.mp3 libmp3lame 2, x.m4a aac 1, x.mp4 aac 2, "
    "x.mov pcm_s16le 2, x.webm libopus 1, x.mkv flac 6, x.avi libmp3lame 1, x.aiff pcm_s16be 2"
)


@pytest.mark.parametrize("case", CONTAINERS.split(", "))
def test_container_does_not_change_the_speech(case, tmp_path):
    name, codec, channels = case.split()
    assert same_tone(speech_as_recorded(encode(tmp_path / name, codec, 48_000, int(channels))))


def test_the_suffix_is_not_believed(tmp_path):
    path = encode(tmp_path / "x.mp3", "libmp3lame", 44_100).rename(tmp_path / "x.wav")
    assert same_tone(speech_as_recorded(path))


def test_saved_speech_is_the_same_speech(tmp_path):
    speech = Speech(torch.rand(4000, generator=torch.Generator().manual_seed(0)) - 0.5)
    save_speech(speech, tmp_path / "x.wav")
    assert (speech_as_recorded(tmp_path / "x.wav").waveform - speech.waveform).abs().max() <= 1 / 32768


@settings(deadline=None, max_examples=200)
@given(
    st.integers(1, 16_000 * 7200), st.sampled_from([25, Fraction(30000, 1001), 30, Fraction(24000, 1001), 60])
)
def test_frames_are_rounded_exactly(samples, fps):
    speech = Speech(torch.empty(1).expand(samples))
    exact = Fraction(samples, SAMPLE_RATE) * fps
    assert speech.frames(fps) >= 1
    assert abs(speech.frames(fps) - exact) <= Fraction(1, 2) or speech.frames(fps) == 1


def test_an_hour_at_television_rate_does_not_drift():
    assert Speech(torch.empty(1).expand(3600 * SAMPLE_RATE)).frames(Fraction(30000, 1001)) == 107892


def test_blocks_are_one_stream(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44_100 * 20).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", noise, 44_100, subtype="FLOAT")
    soundfile.write(tmp_path / "x.flac", noise, 44_100, subtype="PCM_24")  # comes in far smaller blocks
    ours, theirs = (speech_as_recorded(tmp_path / name).waveform for name in ("x.wav", "x.flac"))
    assert len(ours) == len(theirs) and (ours - theirs).abs().max() < 1e-4


def test_ten_minutes_cost_the_result_and_small_blocks(tmp_path):
    path = tmp_path / "x.wav"
    with soundfile.SoundFile(path, "w", 48_000, 2, "PCM_16") as file:
        for _ in range(600):
            file.write(tone(48_000, 2, 1.0))
    speech_as_recorded(path)  # what is imported on the way does not count
    tracemalloc.start()
    speech = speech_as_recorded(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert speech.seconds == pytest.approx(600, abs=1e-3)
    assert speech.waveform.nbytes > 38e6 > peak


def numbers_in_blocks(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(size, 1)).astype(np.float32) for size in [count // 7 + 1] * 6 + [1, 0]]


@pytest.mark.parametrize("count", [0, 100, spilt.IN_MEMORY // 3, spilt.IN_MEMORY])
def test_what_is_spilt_is_the_same_and_may_be_written_into(count):
    blocks = numbers_in_blocks(count)
    row = spilt.spilt(blocks)
    assert np.array_equal(row, np.concatenate(blocks)[:, 0])
    row += 1
    assert np.array_equal(row, np.concatenate(blocks)[:, 0] + 1)


def test_a_row_that_ends_in_an_error_leaves_no_file_open():
    def ends_early():
        yield from numbers_in_blocks(spilt.IN_MEMORY)
        raise OSError("the recording ends early")

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(OSError, match="ends early"):
            spilt.spilt(ends_early())
        gc.collect()
    assert not told


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives pages back")
def test_what_memory_holds_of_a_spilt_row_goes_and_comes_again():
    def pages() -> int:
        told = Path("/proc/self/status").read_text()
        return 1024 * int(next(line for line in told.splitlines() if line.startswith("RssFile")).split()[1])

    row = torch.from_numpy(spilt.spilt(numbers_in_blocks(spilt.IN_MEMORY)))
    row[5] = 7.0
    before, mean = pages(), row.mean()
    assert pages() > before + row.nbytes // 2
    spilt.let_go(row[100:200])
    assert pages() < before + row.nbytes // 4 and row[5] == 7.0 and row.mean() == mean


def test_where_no_file_can_be_or_grow_all_stays_in_memory(tmp_path, monkeypatch):
    blocks = numbers_in_blocks(spilt.IN_MEMORY)
    monkeypatch.setattr(spilt.tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert np.array_equal(spilt.spilt(blocks), np.concatenate(blocks)[:, 0])
    monkeypatch.setattr(spilt.tempfile, "tempdir", str(tmp_path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (spilt.IN_MEMORY + (5 << 20), limits[1]))
    try:
        row = spilt.spilt(blocks)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert np.array_equal(row, np.concatenate(blocks)[:, 0])
    assert not os.listdir(tmp_path)


def test_what_starts_late_is_not_moved(tmp_path):
    """The sound of a video that sets in after the first picture keeps its place."""
    path = tmp_path / "x.mkv"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=25)
        picture.width = picture.height = 32  # type: ignore[attr-defined]
        picture.pix_fmt = "yuv420p"  # type: ignore[attr-defined]
        sound = container.add_stream("pcm_s16le", rate=16_000)
        sound.layout = "mono"  # type: ignore[attr-defined]
        for _ in range(25):
            image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(picture.encode(image))  # type: ignore[attr-defined]
        container.mux(picture.encode())  # type: ignore[attr-defined]
        frame = av.AudioFrame.from_ndarray(np.full((1, 8000), 9000, np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 8000, Fraction(1, 16_000)
        container.mux(sound.encode(frame))  # type: ignore[attr-defined]
        container.mux(sound.encode())  # type: ignore[attr-defined]
    waveform = speech_as_recorded(path).waveform
    assert abs(int((waveform.abs() > 0.1).nonzero()[0]) - 8000) <= 16 and abs(len(waveform) - 16_000) <= 16


def test_a_pipe_is_read_like_a_file(tmp_path):
    soundfile.write(tmp_path / "x.wav", tone(16_000), 16_000)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes((tmp_path / "x.wav").read_bytes()))
    writer.start()
    assert torch.equal(speech_as_recorded(pipe).waveform, speech_as_recorded(tmp_path / "x.wav").waveform)
    writer.join()


def test_a_pipe_that_nobody_writes_into_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(sound, "WRITER_COMES", 0.2)
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(BadInput, match=r"Nobody writes into the pipe .*pipe\.wav"):
        speech_as_recorded(tmp_path / "pipe.wav")


def test_a_pipe_whose_writer_is_slow_to_begin_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(sound, "WRITER_COMES", 0.1)
    soundfile.write(tmp_path / "x.wav", tone(16_000), 16_000)
    os.mkfifo(tmp_path / "pipe")

    def write():
        with (tmp_path / "pipe").open("wb") as pipe:
            time.sleep(0.4)
            pipe.write((tmp_path / "x.wav").read_bytes())

    writer = threading.Thread(target=write)
    writer.start()
    heard = speech_as_recorded(tmp_path / "pipe").waveform
    writer.join()
    assert torch.equal(heard, speech_as_recorded(tmp_path / "x.wav").waveform)


def test_a_pipe_into_which_nothing_was_written_is_empty(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(b""))
    writer.start()
    with pytest.raises(BadInput, match="is empty"):
        speech_as_recorded(tmp_path / "pipe")
    writer.join()


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFF000, 0])
def test_the_header_of_a_stream_is_forgiven(claimed, tmp_path):
    """Programs that write WAV to a pipe cannot know its length."""
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(16_000), 16_000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", claimed)
    path.write_bytes(data)
    speech = speech_as_recorded(path)
    assert same_tone(speech, 1e-3) and not speech.notes


@pytest.mark.parametrize("name, codec", [("x.wav", "pcm_s16le"), ("x.mp3", "libmp3lame"), ("x.flac", "flac")])
def test_what_breaks_off_is_used_and_said(name, codec, tmp_path):
    path = encode(tmp_path / name, codec, 48_000) if codec != "pcm_s16le" else tmp_path / name
    if codec == "pcm_s16le":
        soundfile.write(path, tone(48_000), 48_000)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    speech = speech_as_recorded(path)
    assert 0.3 < speech.seconds < 1.2 and abs(loudness(speech) - 0.3) < 0.05
    assert any(name in note and "breaks off" in note for note in speech.notes)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused_with_their_time(bad, tmp_path):
    wave = tone(16_000)
    wave[8_000] = bad
    soundfile.write(tmp_path / "x.wav", wave, 16_000, subtype="FLOAT")
    with pytest.raises(BadInput, match=r"x\.wav.*0\.500 s"):
        speech_as_recorded(tmp_path / "x.wav")


@pytest.mark.parametrize("samples", [1, 100, 1599])
def test_too_short_to_speak_is_refused(samples, tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros(samples), 16_000)
    with pytest.raises(BadInput, match="too short"):
        speech_as_recorded(tmp_path / "x.wav")


@pytest.mark.parametrize("rate", [1, 999_999, 4_000_000_000])
def test_a_rate_that_lies_is_refused_before_anything_is_allocated(rate, tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(16_000), 16_000)
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", rate)
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(BadInput, match=r"x\.wav"):
        speech_as_recorded(path)
    assert tracemalloc.get_traced_memory()[1] < 8e6
    tracemalloc.stop()


def test_a_codec_that_nobody_knows_is_refused(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(16_000), 16_000)
    data = bytearray(path.read_bytes())
    data[20:22] = b"\x00\x2c"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"x\.wav"):
        speech_as_recorded(path)


def test_a_playlist_reaches_nothing_else(tmp_path):
    """FFmpeg would follow these; here they are no recordings."""
    soundfile.write(tmp_path / "secret.wav", tone(16_000), 16_000)
    secret = tmp_path / "secret.wav"
    lists = {
        "x.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\n{secret}\n#EXT-X-ENDLIST\n",
        "x.txt": f"ffconcat version 1.0\nfile '{secret}'\n",
        "x.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(BadInput, match=name):
            speech_as_recorded(tmp_path / name)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_no_mutation_of_a_recording_does_worse_than_bad_input(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutated")
    suffix, codec = data.draw(st.sampled_from([(".wav", ""), (".flac", "flac"), (".mp3", "libmp3lame")]))
    path = folder / f"x{suffix}"
    if codec:
        encode(path, codec, 16_000)
    else:
        soundfile.write(path, tone(16_000), 16_000)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, min(200, len(content) - 1)))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert torch.isfinite(speech_as_recorded(path).waveform).all()
    except BadInput as error:
        assert str(path) in error.message and error.hint


def test_open_sound_keeps_the_recording_as_it_is(tmp_path):
    soundfile.write(tmp_path / "x.wav", tone(44_100, 2), 44_100, subtype="FLOAT")
    with open_sound(tmp_path / "x.wav") as sound:
        assert (sound.rate, sound.channels) == (44_100, 2)
        assert np.array_equal(np.concatenate(list(sound.blocks)), tone(44_100, 2))
