"""Video: pictures and sound in one file, written through PyAV in constant memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from talkcli.engine.destinations import replacing
from talkcli.engine.errors import BadUsage, MissingAsset, check_interruption, reading
from talkcli.engine.sound import OPTIONS, Block, Sound, is_lack_of_memory, open_sound
from talkcli.engine.speech import SAMPLE_RATE, Speech

Image = UInt8[np.ndarray, "height width 3"]

SOUND_RATE = 48_000
"""Hertz: what every player and both codecs know."""

_H264 = ("libx264", {"crf": "18", "preset": "veryfast"}, "aac")
_VP9 = ("libvpx-vp9", {"crf": "28", "b": "0", "deadline": "realtime", "cpu-used": "6"}, "libopus")

FORMATS = {".mp4": _H264, ".m4v": _H264, ".mov": _H264, ".mkv": _H264, ".webm": _VP9}
"""Suffix -> picture codec, its options, sound codec."""

_BT709, _LIMITED = 1, 1
"""FFmpeg's numbers for the colours of high-definition video and its range."""


def is_film(path: Path) -> bool:
    """Whether a file has moving pictures; the picture on the cover of a song is none."""
    import av
    from av.stream import Disposition

    try:
        with av.open(str(path.absolute()), options=OPTIONS) as container:
            films = (stream.disposition for stream in container.streams.video)
            return any(not disposition & Disposition.attached_pic for disposition in films)
    except Exception as error:  # what is no film makes its readers fail in any way
        check_interruption()
        if is_lack_of_memory(error):
            raise
        return False


def has_sound(path: Path) -> bool:
    """Whether a film has sound, too."""
    import av

    with (
        reading(path, "a film that can be read"),
        av.open(str(path.absolute()), options=OPTIONS) as container,
    ):
        return bool(container.streams.audio)


def write_video(
    frames: Iterable[Image],
    fps: Fraction,
    path: Path,
    *,
    speech: Speech | Path | None = None,
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write pictures with their sound as they come; returns how many pictures.

    Picture i stands at i / fps seconds exactly; the sound starts and ends with the pictures.
    A `speech` given as a file keeps that file's own bandwidth. An odd width or height is padded by one pixel.
    The suffix says the format (FORMATS). All or nothing: a failure leaves no file.
    """
    import av
    from av.video.reformatter import VideoReformatter

    codec, options, sound_codec = FORMATS.get(path.suffix.lower(), ("", {}, ""))
    if not codec:
        raise BadUsage(f"{path} is no video format known here.", f"Known: {' '.join(FORMATS)}.")
    if codec not in av.codecs_available:
        raise MissingAsset(f"This build of PyAV has no {codec}.", "pip install --upgrade av")
    flags = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".m4v", ".mov") else {}
    with (
        replacing(path.absolute()) as temporary,
        _heard(speech) as sound,
        av.open(str(temporary), "w", container_options=flags) as container,
    ):
        container.metadata.update(metadata or {})
        picture: Any = container.add_stream(codec, rate=fps, options=options)
        picture.codec_context.time_base = 1 / fps
        voice: Any = container.add_stream(sound_codec, rate=SOUND_RATE) if sound else None
        if sound:
            voice.layout = "stereo" if sound.channels == 2 else "mono"
            voice.bit_rate = 96_000 * sound.channels
        count, samples, converter = 0, 0, VideoReformatter()
        pieces = _pieces(sound.blocks, fps) if sound else itertools.repeat(None)
        for image, piece in zip(frames, pieces, strict=False):
            if not count:
                _set_size(picture, image)
            container.mux(picture.encode(_video_frame(image, count, fps, converter)))
            if piece is not None and len(piece):
                container.mux(voice.encode(_audio_frame(piece, samples)))
                samples += len(piece)
            count += 1
        if not count:
            raise ValueError("there are no frames to write")
        for stream in container.streams:
            container.mux(stream.encode())  # type: ignore[attr-defined]
    return count


@contextmanager
def _heard(speech: Speech | Path | None) -> Iterator[Sound | None]:
    """The sound at SOUND_RATE, mono or stereo."""
    if speech is None:
        yield None
    elif isinstance(speech, Speech):
        blocks = (part.numpy()[:, None] for part in speech.waveform.split(SAMPLE_RATE))
        yield Sound("speech", SAMPLE_RATE, 1, blocks, []).resampled(SOUND_RATE)
    else:
        with open_sound(speech) as sound:
            yield (sound if sound.channels <= 2 else sound.mono()).resampled(SOUND_RATE)


def _pieces(blocks: Iterator[Block], fps: Fraction) -> Iterator[Block]:
    """Sound cut at the ends of the pictures, without end: empty where the sound is over."""
    rest, position = np.zeros((0, 1), np.float32), 0
    for index in itertools.count(1):
        samples = index * SOUND_RATE * fps.denominator // fps.numerator - position
        while len(rest) < samples and (block := next(blocks, None)) is not None:
            rest = np.concatenate([rest, block]) if len(rest) else block
        yield rest[:samples]
        position += samples
        rest = rest[samples:]


def _set_size(stream: Any, image: Image) -> None:
    height, width = image.shape[:2]
    stream.width, stream.height = width + width % 2, height + height % 2
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = _LIMITED


def _video_frame(image: Image, index: int, fps: Fraction, converter: Any) -> Any:
    import av

    odd = [(0, size % 2) for size in image.shape[:2]]
    if any(extra for _, extra in odd):
        image = np.pad(image, [*odd, (0, 0)], mode="edge")
    frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="rgb24")
    colours = {"format": "yuv420p", "dst_colorspace": "ITU709", "dst_color_range": "MPEG"}
    frame = converter.reformat(frame, **colours, threads=1)
    frame.pts, frame.time_base = index, 1 / fps
    return frame


def _audio_frame(piece: Block, start: int) -> Any:
    import av

    layout = "stereo" if piece.shape[1] == 2 else "mono"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece.T), format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
    return frame
