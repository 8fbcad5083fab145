"""Sound: what any audio or video file sounds like, at its own rate, block by block."""

from __future__ import annotations

import os
import select
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soxr
from jaxtyping import Float32

from talkcli.engine.errors import BadInput, check_interruption

Block = Float32[np.ndarray, "samples channels"]

RATES = range(4_000, 768_001)
"""Hertz. A header that claims another rate lies, or is no speech."""

LOUDEST_SAMPLE = 1e10
"""Full scale is 1, and 2^31 where whole numbers were written as fractions: beyond, squares overflow."""
_LONGEST_SECONDS = 12 * 3600
"""The longest recording that is read: a small file of compressed silence may unfold to days."""

LARGEST_PIPE = 16 << 30
"""Bytes taken from a pipe before it is refused."""

WRITER_COMES = 10.0
"""Seconds within which somebody must begin to write into a pipe that has a name."""
_GLANCE = 50
"""Milliseconds between two looks for one."""

_BLOCK_BYTES = 1 << 20

_SHORTEST_GAP, _LONGEST_GAP = 0.04, 600.0
"""Seconds between what a file's clock says and what was decoded: less is rounding, more is a broken clock."""

_SNDFILE = (b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b"caff", b".snd")
"""First bytes of uncompressed sound, which libsndfile reads; FFmpeg reads all else."""

CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,asf_o,au,avi,caf,eac3,flac,flv,gxf,ivf,loas,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,"
    "mpeg,mpegts,mpegtsraw,mxf,nut,ogg,rm,tta,voc,w64,wav,wv,xwma"
)
"""Demuxers that read one file and no other: no playlist, no concatenation, no device, no network."""

OPTIONS = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
"""How FFmpeg opens a stranger's file."""

STDIN = Path("-")
"""What stands for the recording that is piped in."""

RECORD_AGAIN = "Record it again, or check how it was copied."

CONVERT = "If it plays elsewhere, convert it: ffmpeg -i INPUT OUTPUT.wav"


@dataclass(frozen=True)
class Sound:
    name: str
    """What to call it in a message."""
    rate: int
    """Hertz."""
    channels: int
    blocks: Iterator[Block]
    """In [-1, 1]; to be taken once."""
    notes: list[str]
    """What was wrong and could be mended; complete when `blocks` is used up."""

    def mono(self) -> Sound:
        """The mean of all channels."""
        mono = (block.mean(1, dtype=np.float32, keepdims=True) for block in self.blocks)
        return replace(self, channels=1, blocks=mono)

    def only(self, channel: int) -> Sound:
        """One channel, counted from 0."""
        one = (np.ascontiguousarray(block[:, channel : channel + 1]) for block in self.blocks)
        return replace(self, channels=1, blocks=one)

    def resampled(self, rate: int) -> Sound:
        """The same at another rate, as a stream: equal whatever the size of the blocks."""
        return self if rate == self.rate else replace(self, rate=rate, blocks=self._resampled(rate))

    def _resampled(self, rate: int) -> Iterator[Block]:
        stream = soxr.ResampleStream(self.rate, rate, self.channels, dtype="float32")
        for block in self.blocks:
            yield stream.resample_chunk(block)
        yield stream.resample_chunk(np.zeros((0, self.channels), np.float32), last=True)


def called(path: Path) -> str:
    """What to call a recording in a message."""
    return "stdin" if path == STDIN else str(path)


@contextmanager
def open_sound(path: Path, name: str = "") -> Iterator[Sound]:
    """The sound of a file, a pipe, or stdin (`-`). BadInput, naming the file, if there is none.

    `name` is what to call it where `path` is a copy that `seekable` made.
    """
    name = name or called(path)
    try:
        with seekable(path) as there, there.open("rb") as file, _decoded(file, name) as sound:
            yield sound
    except PermissionError as error:
        raise BadInput(f"{name} cannot be read: {error.strerror}.", "Check its permissions.") from error


@contextmanager
def seekable(path: Path) -> Iterator[Path]:
    """The file itself; for a pipe, or stdin (`-`), a copy on disk while it is needed: decoders must seek."""
    stdin = path == STDIN
    if not stdin and path.is_file():
        yield path
        return
    if not stdin and path.is_dir():
        raise BadInput(f"{path} is a folder, not a recording.", "Give a file in it.")
    if not stdin and not path.exists():
        raise BadInput(f"{path} does not exist.", "Check the name.")
    if not stdin and not path.is_fifo():
        raise BadInput(f"{path} is a device, not a recording.", "Give a file.")
    if stdin and (sys.stdin is None or sys.stdin.isatty()):
        raise BadInput("Nothing comes in on stdin.", "Pipe a recording: talk animate - < hello.wav")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        blocks = iter(lambda: sys.stdin.buffer.read(_BLOCK_BYTES), b"") if stdin else _piped(path)
        with copy.open("wb") as file:
            for block in blocks:
                file.write(block)
                if file.tell() > LARGEST_PIPE:
                    raise BadInput(f"{called(path)} does not end.", "Give a file, or a shorter recording.")
        yield copy


def _piped(path: Path) -> Iterator[bytes]:
    """What somebody writes into a pipe. BadInput if nobody does: an ordinary opening would wait for ever."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", 0) as pipe:
        events, until = select.poll(), time.monotonic() + WRITER_COMES
        events.register(pipe, select.POLLIN)
        while not events.poll(_GLANCE):
            if block := pipe.read(_BLOCK_BYTES):
                yield block
            if block != b"":  # None of a writer that has not written yet
                break
            if time.monotonic() > until:
                raise BadInput(f"Nobody writes into the pipe {path}.", "Start what writes into it first.")
        os.set_blocking(pipe.fileno(), True)
        while block := pipe.read(_BLOCK_BYTES):
            yield block


class _Clamped:
    """A file in which nobody seeks before its beginning or beyond its end, as damaged recordings ask for:
    what is raised in decoders' callbacks is lost, and shown."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size = file, os.fstat(file.fileno()).st_size
        self.read, self.tell, self.name = file.read, file.tell, file.name
        self.readinto: Any = file.readinto  # type: ignore[attr-defined]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self._size}
        return self._file.seek(min(max(0, starts.get(whence, 0) + offset), self._size))


@contextmanager
def _decoded(file: BinaryIO, name: str) -> Iterator[Sound]:
    magic = file.read(4)
    file.seek(0)
    if not magic:
        raise BadInput(f"{name} is empty.", RECORD_AGAIN)
    opener = _open_sndfile if magic in _SNDFILE else _open_ffmpeg
    with opener(file, name) as sound:
        if sound.rate not in RATES:
            raise BadInput(f"{name} claims {sound.rate} samples a second.", CONVERT)
        yield replace(sound, blocks=_checked(sound))


def _checked(sound: Sound) -> Iterator[Block]:
    """The blocks, refused where a sample is no number of a sound or the sound never ends."""
    position = 0
    for block in sound.blocks:
        sane = (np.abs(block) < LOUDEST_SAMPLE).all(1)
        if not sane.all():
            first = int(np.flatnonzero(~sane)[0])
            fault = "beyond any loudness" if np.isfinite(block[first]).all() else "not a number"
            raise BadInput(
                f"{sound.name} is damaged: the sample at {(first + position) / sound.rate:.3f} s is {fault}.",
                "Export it again as 16-bit PCM.",
            )
        position += len(block)
        if position > _LONGEST_SECONDS * sound.rate:
            raise BadInput(f"{sound.name} is longer than {_LONGEST_SECONDS // 3600} hours.", "Split it.")
        yield block


@contextmanager
def _open_sndfile(file: BinaryIO, name: str) -> Iterator[Sound]:
    """WAV, AIFF and their kin; FFmpeg has a try at what libsndfile refuses."""
    import soundfile

    try:
        clamped: Any = _Clamped(file)
        decoder = soundfile.SoundFile(clamped)
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        decoder = None
    if decoder is None or not decoder.frames:  # a WAV written to a pipe may say that it holds nothing
        if decoder is not None:
            decoder.close()
        file.seek(0)
        with _open_ffmpeg(file, name) as sound:
            yield sound
        return
    with decoder:
        notes: list[str] = []
        yield Sound(name, decoder.samplerate, decoder.channels, _sndfile_blocks(decoder, name, notes), notes)


def _sndfile_blocks(decoder: Any, name: str, notes: list[str]) -> Iterator[Block]:
    import soundfile

    size = max(1, _BLOCK_BYTES // 4 // decoder.channels)
    position = 0
    while True:
        try:
            block = decoder.read(size, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            break
        if not len(block):
            break
        position += len(block)
        yield block
    if missing := _missing_seconds(decoder, position):
        notes.append(
            f"{name} breaks off after {position / decoder.samplerate:.1f} s, {missing:.1f} s too early."
        )


def _missing_seconds(decoder: Any, taken: int) -> float:
    """How much a header promises beyond what is there; 0 for a stream's header, which knows nothing."""
    promised = decoder.frames - taken
    for line in decoder.extra_info.splitlines():  # "data : 96000 (should be 47978)"
        words = line.split()
        if words[:2] == ["data", ":"] and "(should be" in line and words[2].isdigit():
            claimed, there = int(words[2]), int(words[-1].rstrip(")"))
            if claimed < 0x7FFF0000 and there:
                promised = (claimed - there) * taken // there
    return max(0, promised) / decoder.samplerate if promised > decoder.samplerate / 100 else 0.0


@contextmanager
def _open_ffmpeg(file: BinaryIO, name: str) -> Iterator[Sound]:
    """MP3, FLAC, Ogg, M4A, MP4, MOV, WebM, Matroska and the other CONTAINERS."""
    import av

    try:
        container = av.open(_Clamped(file), options=OPTIONS)
    except Exception as error:  # what is no recording makes its readers fail in any way
        check_interruption()
        if is_lack_of_memory(error):
            raise
        raise BadInput(f"{name} is not a recording that can be read.", CONVERT) from error
    with container:
        streams = (stream for stream in container.streams.audio if stream.codec_context is not None)
        stream = next(streams, None)
        if stream is None or not stream.rate or not stream.channels:
            raise BadInput(f"{name} has no sound.", "Give a recording with speech in it.")
        notes: list[str] = []
        blocks = _ffmpeg_blocks(container, stream, name, notes)
        yield Sound(name, stream.rate, stream.channels, blocks, notes)


def decoded_packets(container: Any, stream: Any) -> Iterator[list[Any] | None]:
    """The frames of each packet of a stream of PyAV's, None for one that is damaged; what comes after a break
    in the container is lost."""
    from av.error import FFmpegError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (FFmpegError, ValueError, OSError):
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except Exception as error:  # damaged packets make decoders fail in any way
            check_interruption()
            if is_lack_of_memory(error):
                raise
            frames = None
        yield frames


def _ffmpeg_blocks(container: Any, stream: Any, name: str, notes: list[str]) -> Iterator[Block]:
    """Decoded to float; silence stands where the file's clock says that nothing was heard."""
    import av
    from av.error import FFmpegError

    rate, channels, layout = stream.rate, stream.channels, stream.layout.name
    resamplers: dict[object, Any] = {}  # a stream may change its form on the way
    zero = (container.start_time or 0) / av.time_base
    promised = float(stream.duration * stream.time_base) if stream.duration else 0.0
    position = broken = silent = 0
    for frames in decoded_packets(container, stream):
        if frames is None:
            broken += 1
            continue
        for frame in frames:
            gap = 0 if frame.time is None else round((frame.time - zero) * rate) - position
            if rate * _SHORTEST_GAP < gap < rate * _LONGEST_GAP:
                silent += gap
                if silent > max(rate * _LONGEST_GAP, position):
                    raise BadInput(f"{name} is mostly gaps in its clock.", CONVERT)
                yield from _silence(gap, rate, channels)
                position += gap
            form = (frame.format.name, frame.layout.name, frame.sample_rate)
            try:
                if form not in resamplers:
                    resamplers[form] = av.AudioResampler("flt", layout, rate)
                pieces = resamplers[form].resample(frame)
            except (FFmpegError, ValueError):
                broken += 1
                continue
            for piece in pieces:
                position += piece.samples
                yield piece.to_ndarray().reshape(-1, channels)
    if broken and position:
        notes.append(f"{name} is damaged: packets that could not be read, now silent: {broken}.")
    if position and promised - position / rate > 0.2:
        notes.append(f"{name} breaks off after {position / rate:.1f} of {promised:.1f} s.")


def is_lack_of_memory(error: Exception) -> bool:
    """Whether it is not the file's fault: FFmpeg's own is that of a file that claims to be huge."""
    from av.error import FFmpegError

    return isinstance(error, MemoryError) and not isinstance(error, FFmpegError)


def _silence(samples: int, rate: int, channels: int) -> Iterator[Block]:
    for start in range(0, samples, rate):
        yield np.zeros((min(rate, samples - start), channels), np.float32)
