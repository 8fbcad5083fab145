"""Other head movement: trajectories in closed form, words, a language model's reply, and the verb."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from talkcli.engine.assets import asset
from talkcli.engine.editing.cues import Cues
from talkcli.engine.editing.manners import MANNERS, VOCABULARY, understood
from talkcli.engine.editing.pose import reposed
from talkcli.engine.editing.trajectories import (
    MOST_DEGREES,
    HeadWave,
    Trajectory,
    evaluated,
    parse_trajectory,
)
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.rotations import axis_angle, composed, matrix
from talkcli.engine.motion import Head, Motion, Vertices, load_motion, save_motion
from talkcli.engine.speech import load_speech

FPS = Fraction(25)
FRAMES = 250


def moving(frames: int = FRAMES) -> Motion:
    dice = torch.Generator().manual_seed(0)
    head = Head(0.4 * torch.randn(frames, 3, generator=dice), 0.01 * torch.randn(frames, 3, generator=dice))
    return Motion(FPS, Vertices(torch.zeros(frames, 12, 3)), head)


def always(kind: object) -> torch.Tensor:
    return torch.ones(FRAMES)


def rotation_of(motion: Motion) -> torch.Tensor:
    assert motion.head is not None
    return motion.head.rotation


def test_a_turn_has_one_axis_and_angle():
    turns = rotation_of(moving())
    torch.testing.assert_close(axis_angle(matrix(turns)), turns, atol=2e-6, rtol=0)
    assert not axis_angle(matrix(torch.zeros(2, 3))).any()


def test_turns_compose_from_right_to_left():
    first, second = rotation_of(moving(50)), rotation_of(moving(100))[50:]
    torch.testing.assert_close(
        matrix(composed(second, first)), matrix(second) @ matrix(first), atol=1e-6, rtol=0
    )
    about = torch.tensor([[0.0, 0.3, 0.0]])
    torch.testing.assert_close(composed(about, 2 * about), 3 * about)


def test_a_trajectory_that_does_nothing_changes_nothing():
    motion = moving()
    same = reposed(motion, Trajectory(nod=(HeadWave(0.0, 1.0),)))
    torch.testing.assert_close(rotation_of(same), rotation_of(motion), atol=1e-6, rtol=0)
    assert reposed(motion, None) is motion


def test_a_wave_is_its_formula_once_it_has_come():
    track = evaluated(Trajectory(turn=(HeadWave(7.0, 0.5, 0.3, ramp=1.0),)), FRAMES, FPS, always)
    time = torch.arange(FRAMES) / 25
    wave = 7 * torch.sin(2 * math.pi * 0.5 * time + 0.3)
    torch.testing.assert_close(track[25:-25, 1], wave[25:-25], atol=1e-4, rtol=0)
    assert not track[:, (0, 2)].any() and track[0, 1] == track[-1, 1] == 0


def test_movement_is_added_or_takes_the_place():
    motion, way = moving(), Trajectory(tilt=(HeadWave(10.0, 0.3),))
    turn = torch.deg2rad(evaluated(way, FRAMES, FPS, always))
    added, alone = reposed(motion, way), reposed(motion, way, replacing=True)
    torch.testing.assert_close(rotation_of(alone), turn)
    torch.testing.assert_close(
        matrix(rotation_of(added)), matrix(turn) @ matrix(rotation_of(motion)), atol=1e-6, rtol=0
    )
    assert added.head and motion.head and torch.equal(added.head.translation, motion.head.translation)
    half = reposed(motion, way, gain=0.5, replacing=True)
    torch.testing.assert_close(rotation_of(half), turn / 2)
    torch.testing.assert_close(rotation_of(reposed(motion, None, gain=0.5)), rotation_of(motion) / 2)
    with pytest.raises(BadUsage, match="--gain cannot be 9"):
        reposed(motion, way, gain=9)


def test_what_goes_too_far_is_cut_and_told():
    text = (
        '{"nod": [{"amplitude_deg": 90, "hz": 8}], "turn": [{"amplitude_deg": 20}, {"amplitude_deg": -20}]}'
    )
    way, notes = parse_trajectory(text, "x.json")
    assert way.nod == (HeadWave(30.0, 3.0),)
    assert [wave.amplitude_deg for wave in way.turn] == pytest.approx([15, -15])
    assert len(notes) == 3 and "hz of nod[0] is 8, and was cut to 3" in notes[1]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ("[]", "is no object"),
        ('{"roll": []}', "has 'roll'"),
        ('{"nod": {}}', "no list"),
        ('{"nod": [{"hz": 1}]}', "no object with amplitude_deg"),
        ('{"nod": [{"amplitude_deg": NaN}]}', "NaN"),
        ('{"nod": [{"amplitude_deg": 1e99}]}', "no number of use"),
        ('{"nod": [{"amplitude_deg": true}]}', "no number of use"),
        ('{"nod": [{"amplitude_deg": 1, "code": "x"}]}', "has 'code'"),
        ('{"nod": [{"amplitude_deg": 1, "envelope": "loud"}]}', "the envelope 'loud'"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_trajectory_is_refused_with_its_fault(text, fault):
    with pytest.raises(BadInput, match=r"x\.json") as caught:
        parse_trajectory(text, "x.json")
    assert fault in caught.value.message and "amplitude_deg" in caught.value.hint


def test_envelopes_follow_the_voice_and_want_one():
    speech = load_speech(asset("hello.wav"))
    cues = Cues(speech, speech.frames(FPS), FPS)
    for kind in ("rms", "onset", "beat"):
        track = cues.envelope(kind)
        assert track.min() >= 0 and track.max() <= 1 and track.std() > 0.05, kind
    assert set(cues.as_json) == {"duration_s", "rms", "onsets_s", "beats_s"}
    with pytest.raises(BadInput, match="needs the recording"):
        Cues(None, 10, FPS).envelope("beat")


def test_words_say_how_large_how_fast_about_what_and_when():
    large = understood("large slow nods on beats").trajectory
    assert not large.turn and not large.tilt
    (nod,) = large.nod
    assert nod.envelope == "beat" and nod.hz == 0 and nod.amplitude_deg == pytest.approx(7.5)
    calm, fast = (understood(words).trajectory for words in ("calm", "Calm, but FAST!"))
    assert [w.hz for w in fast.turn] == pytest.approx([1.6 * w.hz for w in calm.turn])
    assert understood("energetc presentatoin").words == ("energetic", "presentation")
    assert understood("a calm zebra").unknown == ("zebra",)
    assert not any(understood("natural").trajectory.waves.values())
    with pytest.raises(BadUsage, match="names no way"):
        understood("purple zebra")


def test_every_word_is_understood_as_itself_and_stays_in_bounds():
    for kind, words in VOCABULARY.items():
        for main, others in words.items():
            for word in (main, *others):
                assert understood(f"calm {word}").words[-1] == main, (kind, word)
    everything = understood(" ".join([*MANNERS, "huge", "large", "fast"])).trajectory
    for waves in everything.waves.values():
        assert sum(abs(wave.amplitude_deg) for wave in waves) <= MOST_DEGREES + 1e-6
        assert all(wave.hz <= 3 for wave in waves)


class Model(BaseHTTPRequestHandler):
    """Answers with `replies`, one after the other, and keeps what it was sent."""

    replies: list[Any]
    received: list[tuple[str, str | None, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.path, self.headers.get("Authorization"), body))
        reply = self.replies.pop(0)
        self.send_response(500 if reply is None else 200)
        self.end_headers()
        answer = {"choices": [{"message": {"content": reply}}]}
        self.wfile.write(b"out of order" if reply is None else json.dumps(answer).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def model() -> Iterator[tuple[str, type[Model]]]:
    handler = type("Handler", (Model,), {"replies": [], "received": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def motion(tmp_path) -> Path:
    save_motion(moving(), tmp_path / "x.motion")
    return tmp_path / "x.motion"


def test_a_language_model_is_asked_told_what_was_wrong_and_heeded(talk, motion, model, hello, monkeypatch):
    url, handler = model
    handler.replies = [
        "I would nod.",
        'Sure:\n```json\n{"nod": [{"amplitude_deg": 99, "envelope": "rms"}]}\n```',
    ]
    monkeypatch.setenv("TALK_LLM_KEY", "secret")
    words = ("pose", motion, "--prompt", "like a pirate", "--llm", url, "--llm-model", "parrot")
    done = talk(*words, "--audio", hello, "-o", motion.with_name("y.motion"), "--json")
    answer = json.loads(done.stdout)
    assert answer["trajectory"]["nod"][0]["amplitude_deg"] == 30 and "was cut to 30" in answer["notes"][0]
    (path, key, first), (_, _, second) = handler.received
    assert path == "/v1/chat/completions" and key == "Bearer secret" and first["model"] == "parrot"
    asked = first["messages"][1]["content"]
    assert "like a pirate" in asked and "onsets_s" in asked and "beats_s" in asked
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "user"]
    assert "is not JSON" in second["messages"][3]["content"]
    assert "secret" not in done.output


def test_a_language_model_that_fails_is_an_error_with_a_way_out(talk, motion, model):
    url, handler = model
    words = ("pose", motion, "--prompt", "calm", "--llm", url, "--llm-model", "m")
    handler.replies = ["no", "no"]
    assert "second reply of m is not JSON" in talk(*words, code=3).stderr.replace("\n", " ")
    handler.replies = [None]
    shown = talk(*words, code=3).stderr
    assert "500" in shown and "out of order" in shown and "--llm" in shown
    handler.replies = [7]
    assert "no text" in talk(*words, code=3).stderr
    closed = ("pose", motion, "--llm", "http://127.0.0.1:9/v1", "--llm-model", "m")
    assert "does not answer" in talk(*closed, code=3).stderr
    assert (
        "no address" in talk("pose", motion, "--llm", "file:///etc/passwd", "--llm-model", "m", code=2).stderr
    )
    assert not motion.with_name("x-posed.motion").exists()


def test_the_verb_from_words_and_from_a_file(talk, motion, hello, tmp_path):
    done = talk("pose", motion, "--prompt", "calm zebra", "--audio", hello)
    assert "zebra" in done.stderr and done.stdout.strip() == str(tmp_path / "x-posed.motion")
    posed = load_motion(tmp_path / "x-posed.motion")
    assert not torch.equal(rotation_of(posed), rotation_of(moving()))
    assert posed.provenance["pose"]["trajectory"]["turn"][0]["amplitude_deg"] == 2.5
    (tmp_path / "way.json").write_text('{"tilt": [{"amplitude_deg": 5, "hz": 0.2}]}')
    out = tmp_path / "z.motion"
    talk("pose", motion, "--trajectory", tmp_path / "way.json", "--replace", "-o", out)
    assert rotation_of(load_motion(out)).abs().max() == pytest.approx(math.radians(5), rel=0.01)


def test_the_recording_beside_a_motion_is_its_own(talk, motion, hello, tmp_path):
    words = ("pose", motion, "--prompt", "nods on beats", "-o", tmp_path / "y.motion")
    assert "needs the recording" in talk(*words, code=3).stderr
    hello.rename(tmp_path / "x.wav")
    talk(*words)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "no motion"),
        (("x.motion", "--prompt", "calm", "--trajectory", "a.json"), "says all of it"),
        (("x.motion", "--llm", "http://localhost/v1"), "go together"),
        (("x.motion", "--replace"), "take the movement's place"),
        (("x.motion", "--prompt", "purple zebra"), "names no way"),
        (("x.motion", "--gain", "0", "-o", "y.txt"), "no suffix"),
    ],
)
def test_contradictions_are_refused(talk, motion, monkeypatch, words, fault):
    monkeypatch.chdir(motion.parent)
    assert fault in talk("pose", *words, code=2).stderr


def test_the_vocabulary_is_listed(talk):
    shown = talk("pose", "--list").stdout
    assert all(word in shown for words in VOCABULARY.values() for word in words)
    assert json.loads(talk("pose", "--list", "--json").stdout)["vocabulary"]["axis"]["nod"]
