"""Recordings on their way to films and motions: heard, spoken with others where that is faster, and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkcli import console
from talkcli.engine.errors import TalkError, counted
from talkcli.outputs import Task

if TYPE_CHECKING:
    from talkcli.engine.audio.told import Told
    from talkcli.engine.editing.mood_schedule import MoodSpan
    from talkcli.engine.face.avatar import Avatar
    from talkcli.engine.methods.method import Talker
    from talkcli.engine.motion import Motion
    from talkcli.engine.rendering.shot import Shot
    from talkcli.engine.speech import Speech

LONGEST_TOGETHER = 1800.0
"""Seconds of speech that are kept in memory at once, but for one recording that is longer."""


@dataclass(frozen=True)
class Heard:
    """A recording that is to be spoken."""

    name: str
    sound: Path
    speech: Speech
    told: Told | None
    moods: Sequence[MoodSpan]
    notes: Sequence[str]


@dataclass(frozen=True)
class Animation:
    """All that is the same for every recording; the words are those of `talk animate`."""

    talker: Talker
    avatar: Avatar
    shot: Shot
    warnings: Sequence[str]
    """Of the avatar."""
    speak: Callable[..., Motion]
    """`spoken_motion`, told all but the recording."""
    channel: str
    emotion: str | None
    text: str | None
    phones: Path | None
    alone: bool
    """Whether there is one recording only."""

    @contextmanager
    def heard(self, task: Task) -> Iterator[Heard]:
        """While the context lasts, its sound is there to be written."""
        from talkcli.engine.audio.told import told_of
        from talkcli.engine.editing.heard_moods import moods_of
        from talkcli.engine.sound import called, seekable
        from talkcli.engine.speech import load_speech

        name = called(task.audio)
        with seekable(task.audio) as sound:
            with console.step(f"Listening to {name}"):
                speech = load_speech(sound, name, self.channel)
                told = told_of(
                    self.talker, speech, task.audio, text=self.text, phones=self.phones, alone=self.alone
                )
                moods, found = moods_of(self.emotion, speech, name)
            notes = [*speech.notes, *(told.notes(name) if told else ()), *found]
            console.warn(*notes)
            yield Heard(name, sound, speech, told, moods, notes)

    def has_room(self, group: Sequence[Heard]) -> bool:
        """Whether another recording may be spoken together with these."""
        from talkcli.engine.methods.speaking import recordings_together

        most = 1 if self.alone or self.text or self.phones else recordings_together(self.talker)
        return len(group) < most and sum(it.speech.seconds for it in group) < LONGEST_TOGETHER

    def spoken(self, group: Sequence[Heard]) -> list[Motion | TalkError]:
        """The motion of each recording, or why there is none."""
        from talkcli.engine.generation.together import together

        seconds = [it.speech.seconds for it in group]
        console.get_talker_ready(self.talker, sum(seconds))
        label = group[0].name if len(group) == 1 else counted(len(group), "recordings")
        done = [0.0] * len(group)
        with console.share_done(f"Animating {label}") as progress:

            def task(number: int) -> Callable[[], Motion]:
                it = group[number]

                def tell(share: float) -> None:
                    done[number] = share * seconds[number]
                    progress(sum(done) / sum(seconds))

                return lambda: self.speak(it.speech, told=it.told, moods=it.moods, progress=tell)

            return together([task(number) for number in range(len(group))])

    def written(self, task: Task, heard: Heard, motion: Motion) -> dict[str, Any]:
        """All outputs of a recording or none, and what is answered of them."""
        from talkcli.engine.destinations import made_folder
        from talkcli.engine.rendering.shot import notes_on
        from talkcli.engine.rendering.write import Act, write_together

        beyond = notes_on(self.shot, motion, self.avatar, task.outputs)
        console.warn(*beyond)
        made_folder(task.outputs[0].parent)
        with console.writing(task.outputs):
            act = Act(motion, self.avatar)
            write_together(act, task.outputs, self.shot, sound=heard.sound, show=console.rendering)
        made = {"audio": task.audio, "outputs": list(task.outputs), "model": self.talker.method}
        film = {"frames": len(motion), "fps": str(motion.fps), "seconds": motion.seconds}
        return {**made, **film, "notes": [*self.warnings, *heard.notes, *beyond]}
