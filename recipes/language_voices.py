"""Voices of nine languages to measure by: python -m recipes.language_voices voices/

Volunteers who name pictures in Tux Paint (Debian's tuxpaint-stamps-default) and Czech actors of a game
(fillets-ng-data-cs, words in fillets-ng-data), fetched with apt-get and unpacked aside without installing
them; x.wav with x.txt by reader, as benchmarks/languages.py and `talk prepare studio --set readers=` want.
The packages are GPL-2: nothing that ships learnt from them, and nothing of them is in the repository.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from recipes.real_voices import folder_to_fill, unpacked
from talkcli.engine.errors import BadInput
from talkcli.engine.speech import load_speech, save_speech

LANGUAGES = ("be", "bg", "ca", "el", "es", "fr", "ro", "ru")
"""Of Tux Paint; half an hour or less of each."""
MOST = 40
"""Recordings of a reader that are looked at, evenly through what there is."""
SPOKEN = re.compile(r'dialogId\("([^"]+)".*?dialogStr\("([^"]*)"\)', re.DOTALL)
SHORTEST, LONGEST = 1.5, 12.0
"""Seconds of a recording that is taken."""


def pictures(folder: Path, language: str) -> Iterator[tuple[Path, str]]:
    """Sounds that name a picture, and their words in the language."""
    for sound in sorted(folder.rglob(f"*_desc_{language}.ogg")):
        told = sound.with_name(sound.name.partition("_desc")[0] + ".txt")
        text = told.read_text(encoding="utf-8", errors="replace") if told.is_file() else ""
        words = re.search(rf"^{language}\.utf8=(.+)$", text, re.MULTILINE)
        if words:
            yield sound, words[1]


def dialogues(sounds: Path, texts: Path) -> Iterator[tuple[Path, str]]:
    """What is said in Czech, and its words."""
    by_name = {sound.stem: sound for sound in sorted(sounds.rglob("*.ogg"))}
    for script in sorted(texts.rglob("dialogs_cs.lua")):
        for name, words in SPOKEN.findall(script.read_text(encoding="utf-8", errors="replace")):
            if name in by_name:
                yield by_name[name], words


def lay_out(recordings: Iterator[tuple[Path, str]], folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    there, count = list(recordings), 0
    for sound, words in there[:: max(1, len(there) // MOST)][:MOST]:
        try:
            speech = load_speech(sound)
        except BadInput:
            continue
        if SHORTEST <= speech.seconds <= LONGEST:
            name = f"{sound.parent.name}-{sound.stem}"
            save_speech(speech, folder / f"{name}.wav")
            (folder / f"{name}.txt").write_text(words.strip() + "\n", encoding="utf-8")
            count += 1
    return count


def main() -> None:
    folder = folder_to_fill(__doc__)
    with tempfile.TemporaryDirectory() as place:
        stamps = unpacked("tuxpaint-stamps-default", Path(place))
        for language in LANGUAGES:
            count = lay_out(pictures(stamps, language), folder / f"{language}_pictures")
            print(f"{language}_pictures: {count} recordings", flush=True)
        game = [unpacked(f"fillets-ng-data{part}", Path(place)) for part in ("-cs", "")]
        print(f"cs_game: {lay_out(dialogues(*game), folder / 'cs_game')} recordings")


if __name__ == "__main__":
    main()
