"""Moods: their words, their schedules, what they do to lips, lids and skin, and the verb."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from test_another_rig import flame_like

from talkcli.engine.assets import asset
from talkcli.engine.audio.mood_ear import MoodEar, load_mood_ear, tone
from talkcli.engine.clips import Clip, ClipSet, Contents, save_clip, save_contents
from talkcli.engine.editing.emote import emoted, with_mood
from talkcli.engine.editing.heard_moods import mood_heard, moods_of
from talkcli.engine.editing.mood_schedule import FADE_SECONDS, MoodSpan, mood_levels, parse_moods
from talkcli.engine.editing.mood_templates import (
    LabelledClip,
    MoodTemplates,
    labelled,
    mean_faces,
    mood_expression,
    rig_mood,
    save_mood_templates,
)
from talkcli.engine.editing.moods import LEVELS, MOOD_WORDS, MOODS, level_named, mood_named
from talkcli.engine.errors import BadInput, BadUsage
from talkcli.engine.face.acting import painted, rig_folds, wrinkles_of
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import chunks, offsets, posed, rig_weights, vertices
from talkcli.engine.face.known_rigs import RIGS
from talkcli.engine.face.lip_contact import measured
from talkcli.engine.face.lip_opening import meeting, silence
from talkcli.engine.face.rigs import rigged, talking_head
from talkcli.engine.metrics.mouth import mouth_of
from talkcli.engine.motion import Coefficients, Folds, Motion, Shapes, Vertices, load_motion, save_motion
from talkcli.engine.speech import Speech, load_speech

FPS = Fraction(30)
FEELINGS = tuple(name for name in MOODS if name != "neutral")
NAMES = load_face_model().shape_names


FRAMES = 90
SPOKEN = slice(36, 54)
"""Frames well inside what is said."""


@functools.cache
def speaking(blinks: bool = False) -> Motion:
    """A second of silence, lips that meet for a tenth of a second four times a second, and silence."""
    frames, time = FRAMES, torch.arange(FRAMES) / 30
    said = ((time > 1.0) & (time < 2.0)).float()
    open_ = said * (0.5 - 0.5 * torch.cos(2 * math.pi * 4 * time)).clamp(min=0.12).sub(0.12)
    weights = torch.zeros(frames, len(NAMES))
    weights[:, NAMES.index("jawOpen")] = 0.5 * open_
    weights[:, NAMES.index("mouthPressLeft")] = weights[:, NAMES.index("mouthPressRight")] = 0.2 * (
        open_ == 0
    )
    if blinks:
        weights[40:44, [NAMES.index("eyeBlinkLeft"), NAMES.index("eyeBlinkRight")]] = 1.0
    return Motion(FPS, Coefficients(weights, torch.zeros(frames, 3)))


@functools.cache
def head() -> Avatar:
    return talking_head()


def emotion(text: str, motion: Motion | None = None, **more: object) -> Motion:
    return emoted(motion or speaking(), head(), parse_moods(text), **more)  # type: ignore[arg-type]


def test_every_word_of_a_mood_means_it():
    assert set(MOOD_WORDS) == set(MOODS) and len(FEELINGS) == 7 and len(LEVELS) == 6
    for mood, words in MOOD_WORDS.items():
        assert all(mood_named(word.title()) == mood for word in (mood, *words))
    with pytest.raises(BadUsage, match="hapy") as caught:
        mood_named("hapy")
    assert "Did you mean 'happy'?" in caught.value.hint
    assert level_named("strong") == LEVELS["strong"] and level_named("0.25") == 0.25
    for wrong in ("2.5", "-1", "nan", "huge"):
        with pytest.raises(BadUsage):
            level_named(wrong)


def test_a_schedule_is_read_as_it_is_written():
    first, second = parse_moods("happy:0.7@0-2, sad:strong@2.5-")
    assert (first.mood, first.level, first.start, first.stop) == ("happy", 0.7, 0, 2)
    assert (second.mood, second.level, second.stop) == ("sad", LEVELS["strong"], math.inf)
    assert [span.timed for span in parse_moods("happy,fear:0.2")] == [False, False]
    for wrong in ("", "happy@2-1", "happy@0-2,sad@1-3", "happy@0-2,sad", "happy@a-b", "happy:0.7:1"):
        with pytest.raises(BadUsage):
            parse_moods(wrong)


@pytest.mark.parametrize("text", ["happy:0.7@0-2,sad:strong@2.5-5", "fear@1-2,fear@4-5", "angry@1-2,sad@2-3"])
def test_moods_come_and_go_without_a_jerk(text):
    """C1: from one frame to the next of a thousand a second neither value nor slope jumps."""
    for _, level in mood_levels(parse_moods(text), 6000, Fraction(1000)):
        slope = level.double().diff() * 1000
        assert slope.abs().max() <= 1.5 * 1.3 / FADE_SECONDS + 0.02  # of smoothstep: 1.5 over its length
        assert slope.diff().abs().max() < 0.05


def test_a_cross_fade_is_full_all_along_and_a_long_gap_is_neutral():
    happy, sad = (level for _, level in mood_levels(parse_moods("happy@0-2,sad@2.5-5"), 600, Fraction(100)))
    torch.testing.assert_close((happy + sad)[:500], torch.ones(500))
    assert happy[100] == 1 and happy[225] == pytest.approx(0.5, abs=0.01) and sad[300] == 1
    first, second = (level for _, level in mood_levels(parse_moods("fear@0-1,fear@4-5"), 600, Fraction(100)))
    assert not (first + second)[160:340].any()


def test_nothing_happens_at_level_0_and_to_neutral():
    for text in ("happy:0", "neutral"):
        assert torch.equal(vertices(emotion(text), head(), 40, 50), vertices(speaking(), head(), 40, 50))


def spoken_part(text: str) -> Motion:
    return emotion(text).part(SPOKEN.start, SPOKEN.stop)


@pytest.mark.parametrize("mood", FEELINGS)
@pytest.mark.parametrize("level", [1, 2])
def test_lips_that_meet_still_meet(mood, level):
    """Inner lips within 1.2 mm, and the surfaces in touch along most of the mouth."""
    before = mouth_of(speaking().part(SPOKEN.start, SPOKEN.stop), head()).opening
    spoken, shut = spoken_part(f"{mood}:{level}"), before < 0.4
    contact = load_face_model().contact
    assert contact is not None and 3 < shut.sum() < 12
    assert (mouth_of(spoken, head()).opening[shut] < 1.2).all()
    lips = vertices(spoken, head())[shut][:, contact.mouth.rings]
    assert (measured(lips, contact.mouth).gaps.median(1).values < 4e-4).all()


@pytest.mark.parametrize("mood", FEELINGS)
def test_a_mood_is_seen_in_the_face_and_leaves_gaze_and_blinks_alone(mood):
    moved = vertices(emotion(mood).part(0, 1), head()) - vertices(speaking().part(0, 1), head())
    assert moved.norm(dim=-1).max() > 2e-3
    assert not any(
        name.startswith(("eyeLook", "eyeBlink")) for name in (*MOODS[mood].face, *MOODS[mood].idle)
    )


def test_contempt_is_of_one_side_alone_and_the_others_are_not():
    sides = [(NAMES.index(name), NAMES.index(f"{name[:-4]}Right")) for name in NAMES if name.endswith("Left")]
    left, right = torch.tensor(sides).T
    for mood in FEELINGS:
        weights = rig_mood(mood, "facekit").idle
        assert torch.equal(weights[left], weights[right]) == (mood != "contempt")


def test_lids_shut_as_far_in_a_fright():
    """eyeWide gives way to a blink, on whatever the motion is made of."""
    motion = speaking(blinks=True)
    for kind in (motion, replace(motion, face=Vertices(offsets(motion, head())))):
        after = rig_weights(emotion("fear:2", kind), head(), 40, 50)
        wide, blink = (after[:, NAMES.index(f"eye{part}Left")] for part in ("Wide", "Blink"))
        assert wide[1] < 0.05 and blink[1] > 0.9 and wide[8] > 0.8


def test_whoever_is_silent_may_hold_the_mouth_open_and_whoever_speaks_may_not():
    """A dropped jaw is for silence: none in short closures, none beside them."""
    motion = emotion("surprise")
    silent = mouth_of(motion.part(4, 6), head()).opening
    assert (silent > 4).all()
    before, after = (
        mouth_of(each.part(SPOKEN.start, SPOKEN.stop), head()).opening for each in (speaking(), motion)
    )
    torch.testing.assert_close(after, before, atol=0.6, rtol=0)


def test_silence_is_long_and_ends_before_the_lips_part():
    meets = torch.ones(300)
    meets[100:110] = meets[200:250] = 0
    quiet = silence(meets, FPS)
    assert (quiet[meets == 0] == 0).all() and quiet[50] == 1 and quiet[150] == 1
    assert (quiet[97:113] == 0).all() and quiet.diff().abs().max() < 0.25
    short = torch.zeros(100)
    short[40:60] = 1
    assert not silence(short, FPS).any()


def test_all_forms_of_a_motion_wear_the_same_mood():
    base = speaking()
    assert isinstance(base.face, Coefficients)
    rig = rigged(head())
    assert rig is not None
    linear = replace(base, face=Shapes(base.face.expression, rig.shapes))
    dense = replace(base, face=Vertices((base.face.expression @ rig.shapes.flatten(1)).unflatten(1, (-1, 3))))
    moods = [offsets(emotion("happy", each), head(), 40, 50) for each in (linear, dense)]
    torch.testing.assert_close(*moods, atol=1e-5, rtol=0)
    apart = (moods[0] - offsets(emotion("happy"), head(), 40, 50)).norm(dim=-1)
    assert apart.max() < 4e-3  # of the jaw's arc, which a sum of shapes does not have


def test_the_skin_that_a_motion_carries_acts_along():
    wrinkles = wrinkles_of(head())
    assert wrinkles is not None
    still = torch.zeros(len(speaking()), len(wrinkles.names))
    folded = replace(speaking(), texture=Folds(still))
    after = emotion("angry", folded)
    assert isinstance(after.texture, Folds)
    own = posed(emotion("angry"), head(), 40, 41).folds
    plain = posed(speaking(), head(), 40, 41).folds
    assert own is not None and plain is not None
    torch.testing.assert_close(after.texture.weights[40:41], own - plain, atol=0.05, rtol=0)
    assert after.texture.weights.amax() > 0.3
    colours = replace(
        speaking(), texture=painted(rig_folds(torch.zeros(FRAMES, len(NAMES)), wrinkles), wrinkles, 32)
    )
    assert emotion("angry", colours).texture.weights.any()  # type: ignore[union-attr]


def test_a_resting_expression_is_worn_everywhere_and_taken_off(tmp_path):
    sad = with_mood(head(), parse_moods("sad:1.3"))
    save_avatar(sad, tmp_path / "sad.avatar")
    sad = load_avatar(tmp_path / "sad.avatar")
    expected = emotion("sad:1.3")
    torch.testing.assert_close(vertices(speaking(), sad), vertices(expected, head()))
    torch.testing.assert_close(torch.cat(list(chunks(speaking(), sad, 37))), vertices(speaking(), sad))
    torch.testing.assert_close(rig_weights(speaking(), sad, 40, 60), rig_weights(expected, head())[40:60])
    twice = with_mood(sad, parse_moods("happy"))
    assert twice.rest is not None and twice.rest.speaking[NAMES.index("browInnerUp")] == 0
    assert with_mood(sad, parse_moods("neutral")).rest is None
    with pytest.raises(BadUsage, match="no times"):
        with_mood(head(), parse_moods("sad@0-1"))


def test_templates_are_means_of_labelled_frames_beside_neutral_ones():
    """By the paper's algorithm the studio's own moods come back."""
    base = torch.rand(40, len(NAMES), generator=torch.Generator().manual_seed(0)) * 0.2
    mood = rig_mood("happy", "facekit").speaking
    clips = [
        LabelledClip(
            name, intensity, Motion(FPS, Coefficients(base + level * mood, torch.zeros(40, 3))), head()
        )
        for name, intensity, level in (("neutral", 1.0, 0.0), ("happy", 0.5, 0.5), ("happy", 1.0, 1.0))
    ]
    learnt = mean_faces(clips)
    assert learnt.names == ("happy",) and learnt.rig == "facekit"
    torch.testing.assert_close(learnt.faces[0], mood, atol=1e-5, rtol=0)
    for wrong in (clips[:1], clips[1:]):
        with pytest.raises(BadInput, match="Of these clips none is"):
            mean_faces(wrong)


def mesh(rows: int = 12) -> Avatar:
    """A sheet whose lips are two rows of it, a millimetre apart."""
    x, y = torch.meshgrid(torch.linspace(-0.04, 0.04, 9), torch.linspace(-0.06, 0.06, rows), indexing="xy")
    points = torch.stack([x, y, torch.zeros_like(x)], -1).flatten(0, 1)
    upper, lower = (torch.arange(9) + 9 * row for row in (rows // 2, rows // 2 - 1))
    points[upper, 1], points[lower, 1] = 0.0005, -0.0005
    return Avatar("sheet", points, torch.tensor([[0, 1, 9]]), torch.cat([upper, lower]))


def mesh_clips(folder: Path) -> ClipSet:
    """Somebody neutral, and the same with the corners up and the lips 6 mm apart."""
    who, names = mesh(), ["m3/neutral-1", "m3/happy-level_1-1"]
    face = torch.zeros(len(who.neutral), 3)
    upper, lower = who.lips.chunk(2)
    face[upper, 1], face[lower, 1] = 0.005, -0.001
    for name, shift in zip(names, (torch.zeros_like(face), face), strict=True):
        motion = Motion(FPS, Vertices(shift.expand(40, -1, -1).clone()))
        save_clip(Clip(Speech(0.1 * torch.randn(22_000)), motion, who), folder, name)
    save_contents(Contents({"train": names}, "CC0-1.0", "this test"), folder)
    return ClipSet(folder)


def test_a_bare_mesh_learns_its_moods_and_its_lips_still_meet(tmp_path):
    templates = mean_faces(labelled(mesh_clips(tmp_path)))
    happy = mood_expression("happy", mesh(), templates)
    upper, lower = mesh().lips.chunk(2)
    parting = happy.speaking[upper, 1] - happy.speaking[lower, 1]
    torch.testing.assert_close(parting, torch.full_like(parting, 0.006))
    shut = happy.shut[upper, 1] - happy.shut[lower, 1]
    assert shut.abs().max() < 1e-5
    torch.testing.assert_close(happy.shut[upper, 1], torch.full((9,), 0.002))  # the lips still rise together
    wide = torch.zeros(90, len(mesh().neutral), 3)
    wide[:, lower, 1] = -0.01 * (torch.arange(90) % 10 > 4)[:, None]
    for face in (Vertices(wide), Shapes(torch.ones(90, 1), wide[5:6])):
        motion = Motion(FPS, face)
        meets = meeting(motion, mesh())
        after = offsets(emoted(motion, mesh(), parse_moods("happy"), templates), mesh())
        gap = after[:, upper, 1] - after[:, lower, 1]
        assert gap[meets == 1].abs().max() < 1e-5 if meets.any() else gap.min() > 0.01
    with pytest.raises(BadInput, match="no sad"):
        mood_expression("sad", mesh(), templates)
    with pytest.raises(BadInput, match="of 108 vertices"):
        mood_expression("happy", head(), templates)
    with pytest.raises(BadInput, match="is a bare mesh, for which no moods are built in"):
        mood_expression("happy", mesh())


def test_a_rig_with_signed_weights_takes_learnt_moods(monkeypatch):
    model = flame_like()
    monkeypatch.setitem(RIGS, "flame-toy", lambda: model)
    who = Avatar("ida", model.template, model.topology.faces, model.topology.regions["lips"], "flame-toy")
    face = torch.randn(1, 9, generator=torch.Generator().manual_seed(3))
    templates = MoodTemplates(("fear",), face, "flame-toy")
    motion = Motion(FPS, Coefficients(torch.zeros(30, 9), torch.zeros(30, 3), "flame-toy"))
    after = emoted(motion, who, parse_moods("fear:2"), templates)
    torch.testing.assert_close(rig_weights(after, who)[15], 2 * face[0])
    pairs = model.topology.lip_pairs
    shut = mood_expression("fear", who, templates).shut @ model.shapes.flatten(1)
    gap = shut.unflatten(0, (-1, 3))[pairs[:, 0], 1] - shut.unflatten(0, (-1, 3))[pairs[:, 1], 1]
    assert gap.max() < 1e-3
    with pytest.raises(BadInput, match="has the rig flame-toy, for which no moods"):
        emoted(motion, who, parse_moods("fear"))


def test_the_verb_on_a_motion_and_on_an_avatar(talk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_motion(speaking(), tmp_path / "x.motion")
    assert talk("emote", "x.motion", "--mood", "joy:mild").stdout.strip() == "x-happy.motion"
    assert load_motion(Path("x-happy.motion")).provenance["moods"] == ({"mood": "happy", "level": 0.6},)
    answer = json.loads(
        talk("emote", "ada", "--mood", "sad:strong,fear:0.2", "-o", "s.avatar", "--json").stdout
    )
    assert answer["moods"] == [{"mood": "sad", "level": 1.3}, {"mood": "fear", "level": 0.2}]
    assert load_avatar(Path("s.avatar")).rest is not None
    talk("emote", "x.motion", "--mood", "sad@1-2", "-a", "s.avatar", "-o", "x.npz")
    assert "exists already" in talk("emote", "x.motion", "--mood", "happy", code=2).stderr


def test_the_verb_learns_from_clips_and_says_what_is_wrong(talk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mesh_clips(tmp_path / "clips")
    assert talk("emote", "clips").stdout.strip() == "moods.safetensors"
    save_avatar(mesh(), tmp_path / "sheet.avatar")
    save_motion(Motion(FPS, Vertices(torch.zeros(40, 108, 3))), tmp_path / "x.motion")
    words = ("emote", "x.motion", "-a", "sheet.avatar", "--mood", "happy")
    talk(*words, "--templates", "moods.safetensors", "-o", "y.motion")
    assert isinstance(load_motion(Path("y.motion")).face, Vertices)
    assert "talk emote CLIPS" in talk(*words, code=3).stderr.replace("\n", " ")
    save_mood_templates(MoodTemplates(("happy",), torch.zeros(1, 7, 3)), Path("other.safetensors"))
    assert "of 7 vertices" in talk(*words, "--templates", "other.safetensors", code=3).stderr
    assert "holds a Motion" in talk(*words, "--templates", "y.motion", "-o", "z.motion", code=3).stderr
    assert "what to do" in talk("emote", "x.motion", code=2).stderr
    assert "neither a .motion" in talk("emote", "x.wav", "--mood", "sad", "-o", "y.motion", code=2).stderr
    assert "to learn from" in talk("emote", "clips", "--mood", "sad", code=2).stderr
    assert "Did you mean 'surprise'" in talk("emote", "x.motion", "--mood", "suprise", code=2).stderr


def test_moods_and_levels_are_listed(talk):
    shown = talk("emote", "--list").stdout
    assert all(word in shown for word in (*MOODS, *LEVELS))
    assert json.loads(talk("emote", "--list", "--json").stdout)["levels"] == dict(LEVELS)


def test_a_recording_is_spoken_in_a_mood_or_refused_before_the_network_is_at_work(
    talk, hello, untaught, bare_face, tmp_path
):
    words = ("animate", hello, "--emotion", "fear:mild@0-0.4,happy@0.6-", "-o", tmp_path / "x.motion")
    talk(*words, "-m", "memorytalker", "--no-life")
    motion = load_motion(tmp_path / "x.motion")
    assert motion.provenance["moods"][0] == {"mood": "fear", "level": 0.6, "from": 0.0, "to": 0.4}
    assert isinstance(motion.face, Coefficients)
    wide, smile = (motion.face.expression[:, NAMES.index(n)] for n in ("eyeWideLeft", "cheekSquintLeft"))
    assert wide[3] > 0.2 and not wide[25:].any() and smile[27] > 0.3
    words = (*words[:-1], tmp_path / "y.motion", "-m", untaught, "-a", bare_face)
    assert "no moods are built in" in talk(*words, code=3).stderr.replace("\n", " ")


def test_auto_takes_the_likeliest_mood_where_it_is_sure_and_says_how_sure():
    speech = load_speech(asset("hello.wav"))
    numbers = len(tone(speech))
    for happy, spans in ((3.0, (MoodSpan("happy"),)), (0.1, ())):
        bias = torch.tensor([0.0, happy, 0.0])
        ear = MoodEar(("neutral", "happy", "sad"), torch.zeros(numbers, 3), bias)
        share = float(bias.softmax(0)[1])
        taken, (note,) = mood_heard(ear, speech, "hello")
        assert taken == spans and f"sounds happy ({100 * share:.0f} % sure" in note
    calm = MoodEar(("neutral", "happy"), torch.zeros(numbers, 2), torch.tensor([5.0, 0.0]))
    assert mood_heard(calm, speech, "hello")[0] == ()
    assert abs(sum(load_mood_ear().heard(speech).values()) - 1) < 1e-5
    assert moods_of("happy:0.5", speech, "hello") == ((MoodSpan("happy", 0.5),), [])
