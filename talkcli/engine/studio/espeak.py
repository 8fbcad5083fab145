"""espeak-ng as a library: text to samples with phonemes, in voices that we describe ourselves."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import tempfile
from pathlib import Path

import numpy as np

from talkcli.engine.errors import MissingAsset

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: hand the samples to the callback before returning
_PHONEME_EVENTS, _IN_IPA, _DO_NOT_EXIT = 1, 2, 0x8000
_PHONEME, _END, _STOP = 7, 5, 6
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8 = 1


class _Name(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The library keeps one state for the whole process: take it from `espeak()`."""

    def __init__(self, library: str, data: Path) -> None:
        self._library = ctypes.CDLL(library)
        self._folder = tempfile.TemporaryDirectory(prefix="talk-espeak-")
        mirror = Path(self._folder.name)
        (mirror / "voices" / "!v").mkdir(parents=True)
        for entry in data.iterdir():
            if entry.name != "voices":
                (mirror / entry.name).symlink_to(entry)
        self._variants = mirror / "voices" / "!v"
        self._samples: list[np.ndarray] = []
        self._events: list[tuple[str, int]] = []
        self._callback = _Callback(self._receive)
        options = _PHONEME_EVENTS | _IN_IPA | _DO_NOT_EXIT
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(mirror).encode(), options))
        if self.rate <= 0:
            raise MissingAsset(f"espeak-ng cannot read its data in {data}.", "pip install -U espeakng-loader")
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(
        self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[_Event]
    ) -> int:
        if samples and count > 0:
            self._samples.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events and events[index].type != 0:
            event = events[index]
            if event.type == _PHONEME:
                self._events.append((event.id.string.decode("utf8", "ignore"), event.sample))
            elif event.type in (_END, _STOP):
                self._events.append(("", event.sample))
            index += 1
        return 0

    def choose(self, language: str, variant: str, speed: float, pitch: float, liveliness: float) -> None:
        """A language of espeak-ng in the voice that `variant` describes (its voice file format).

        speed in words a minute; pitch and liveliness as espeak-ng counts them, 0 to 99 with 50 as written.
        """
        (self._variants / "talk").write_text(f"language variant\nname talk\n{variant}\n", encoding="ascii")
        if self._library.espeak_SetVoiceByName(f"{language}+talk".encode()) != 0:
            raise MissingAsset(f"espeak-ng has no language {language}.", "pip install -U espeakng-loader")
        for parameter, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, liveliness)):
            self._library.espeak_SetParameter(parameter, round(value), 0)

    def say(self, text: str) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
        """Samples at `rate` in [-1, 1], and (IPA, start, end) in seconds as booked; a pause is ""."""
        self._samples, self._events = [], []
        raw = text.encode()
        self._library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        if not self._samples:
            return np.zeros(0, np.float32), []
        samples = np.concatenate(self._samples).astype(np.float32) / 32768
        ends = [at for _, at in self._events[1:]] + [len(samples)]
        spans = zip(self._events, ends, strict=True)
        phonemes = [(ipa, at / self.rate, end / self.rate) for (ipa, at), end in spans if end > at]
        return samples, phonemes


@functools.cache
def espeak() -> Espeak:
    """The process's espeak-ng: from the wheel espeakng-loader, else from the system."""
    try:
        import espeakng_loader

        return Espeak(str(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path()))
    except ImportError:
        pass
    library = ctypes.util.find_library("espeak-ng")
    folders = (
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/share",
        "/opt/homebrew/share",
        "/usr/local/share",
    )
    data = [Path(folder) / "espeak-ng-data" for folder in folders]
    found = [folder for folder in data if folder.is_dir()]
    if not library or not found:
        raise MissingAsset(
            "The studio needs espeak-ng to speak.",
            'pip install "talkcli[studio]"   (or: apt install espeak-ng)',
        )
    return Espeak(library, found[0])
