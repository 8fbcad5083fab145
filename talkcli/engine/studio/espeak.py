"""espeak-ng: text to samples with phonemes, in voices that we describe ourselves.

The library keeps hidden state from one sentence to the next (flutter, noise), so that a sentence would
sound a little different after another. Here it lives in a process of its own, which forks for every sentence:
each is said by a library that has never spoken, and the same request always gives the same samples.
"""

from __future__ import annotations

import atexit
import ctypes
import ctypes.util
import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from talkcli.engine.errors import MissingAsset

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: hand the samples to the callback before returning
_PHONEME_EVENTS, _IN_IPA, _DO_NOT_EXIT = 1, 2, 0x8000
_PHONEME, _END, _STOP = 7, 5, 6
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8 = 1

Phonemes = list[tuple[str, float, float]]
"""(IPA, start, end) in seconds as espeak-ng books them; a pause is ""."""


@dataclass(frozen=True)
class Request:
    text: str
    language: str
    variant: str
    """Lines of an espeak-ng voice file: formants, pitch, roughness."""
    speed: int
    """Words a minute."""
    pitch: int
    """0 to 99, 50 as the variant has it."""
    liveliness: int
    """0 to 99, 50 as the variant has it."""


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


class _Library:
    """libespeak-ng, with a folder of its own for voice files."""

    def __init__(self, library: str, data: Path, mirror: Path) -> None:
        self.library = ctypes.CDLL(library)
        self.variants = mirror / "voices" / "!v"
        self.variants.mkdir(parents=True)
        for entry in data.iterdir():
            if entry.name != "voices":
                (mirror / entry.name).symlink_to(entry)
        self.samples: list[bytes] = []
        self.events: list[tuple[str, int]] = []
        self.callback = _Callback(self.receive)
        options = _PHONEME_EVENTS | _IN_IPA | _DO_NOT_EXIT
        self.rate = int(self.library.espeak_Initialize(_SYNCHRONOUS, 0, str(mirror).encode(), options))
        self.library.espeak_SetSynthCallback(self.callback)

    def receive(self, samples: ctypes._Pointer, count: int, events: ctypes._Pointer) -> int:
        if samples and count > 0:
            self.samples.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while events and events[index].type != 0:
            event = events[index]
            if event.type == _PHONEME:
                self.events.append((event.id.string.decode("utf8", "ignore"), event.sample))
            elif event.type in (_END, _STOP):
                self.events.append(("", event.sample))
            index += 1
        return 0

    def say(self, request: Request) -> tuple[bool, bytes]:
        """Whether the language is known, and 16-bit samples; the events are kept."""
        lines = f"language variant\nname talk\n{request.variant}\n"
        (self.variants / "talk").write_text(lines, encoding="ascii")
        if self.library.espeak_SetVoiceByName(f"{request.language}+talk".encode()) != 0:
            return False, b""
        for parameter, value in (
            (_RATE, request.speed),
            (_PITCH, request.pitch),
            (_RANGE, request.liveliness),
        ):
            self.library.espeak_SetParameter(parameter, value, 0)
        raw = request.text.encode()
        self.library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _UTF8, None, None)
        self.library.espeak_Synchronize()
        return True, b"".join(self.samples)


def _serve(library: str, data: str, mirror: str) -> None:
    """Answer requests, one JSON line each: a JSON line and that many bytes of samples."""
    engine = _Library(library, Path(data), Path(mirror))
    answers = sys.stdout.buffer
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            is_known, samples = engine.say(Request(**json.loads(line)))
            head = {"known": is_known, "rate": engine.rate, "bytes": len(samples), "events": engine.events}
            answers.write(json.dumps(head).encode() + b"\n" + samples)
            answers.flush()
            os._exit(0)
        os.waitpid(child, 0)


class Espeak:
    """The process that speaks."""

    def __init__(self, library: str, data: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="talk-espeak-")
        package = Path(__file__).parents[3]
        paths = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [
            sys.executable,
            "-m",
            "talkcli.engine.studio.espeak",
            library,
            str(data),
            self._folder.name,
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": paths},
        )
        atexit.register(self.close)

    def close(self) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def say(self, request: Request) -> tuple[np.ndarray, int, Phonemes]:
        """Samples in [-1, 1], samples a second, and phonemes."""
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None and answers is not None
        try:
            questions.write(json.dumps(asdict(request)).encode() + b"\n")
            questions.flush()
            head = json.loads(answers.readline())
            raw = answers.read(head["bytes"])
        except (OSError, ValueError) as error:
            raise MissingAsset(f"espeak-ng broke down: {error}", "pip install -U espeakng-loader") from error
        if not head["known"]:
            raise MissingAsset(
                f"espeak-ng has no language {request.language}.", "pip install -U espeakng-loader"
            )
        samples = np.frombuffer(raw, np.int16).astype(np.float32) / 32768
        rate, events = head["rate"], head["events"]
        ends = [at for _, at in events[1:]] + [len(samples)]
        spans = zip(events, ends, strict=True)
        phonemes = [(ipa, at / rate, end / rate) for (ipa, at), end in spans if end > at]
        return samples, rate, phonemes


def _data_folders() -> list[Path]:
    roots = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/share", "/usr/local/share")
    return [Path(root) / "espeak-ng-data" for root in (*roots, "/opt/homebrew/share")]


def has_espeak() -> bool:
    """Whether the wheel espeakng-loader or the system's library is there."""
    system = ctypes.util.find_library("espeak-ng") and any(folder.is_dir() for folder in _data_folders())
    return importlib.util.find_spec("espeakng_loader") is not None or bool(system)


@functools.cache
def espeak() -> Espeak:
    """This process's espeak-ng: from the wheel espeakng-loader, else from the system."""
    if not has_espeak():
        hint = 'pip install "talkcli[studio]"   (or: apt install espeak-ng)'
        raise MissingAsset("The studio needs espeak-ng to speak.", hint)
    if importlib.util.find_spec("espeakng_loader") is not None:
        import espeakng_loader

        return Espeak(str(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path()))
    data = next(folder for folder in _data_folders() if folder.is_dir())
    return Espeak(str(ctypes.util.find_library("espeak-ng")), data)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
