"""Real people to learn from and to choose by: python recipes/people.py VOICES... FOLDER

VOICES hold readers, as `talk prepare studio --set readers=VOICES` wants them: folders en_mary with sounds and
their words. FOLDER/readers becomes all of them together, as links, less those of whom no recording fits its
words; FOLDER/choosing the voices of those who choose (`Reader.chooses`: one in seven), a few recordings of
each with their phones, as benchmarks/real_speech.py and recipes/ears.py want them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from talkcli.engine.phones import Phones, save_phones
from talkcli.engine.speech import save_speech
from talkcli.engine.studio.readers import Reader, aligned, readers

CLIPS = 3
"""Recordings of each person who chooses."""
LONGEST_PHONE = 0.6
"""Seconds of a phone that an aligner is believed."""


def believed(phones: Phones) -> bool:
    return all(end - start <= LONGEST_PHONE for phone, start, end in phones.segments if phone != "SIL")


def choosing(reader: Reader, folder: Path) -> int:
    """Recordings laid out, evenly through what there is."""
    step, count = max(1, len(reader.recordings) // CLIPS), 0
    for audio in (audio for start in range(step) for audio in reader.recordings[start::step]):
        if count < CLIPS:
            utterance = aligned(audio, reader.language)
            if utterance is not None and believed(utterance[1].phones):
                place = folder / f"{reader.name}-{audio.stem}.wav"
                save_speech(utterance[1].speech, place)
                save_phones(utterance[1].phones, place.with_suffix(".phones.json"))
                count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("voices", nargs="+", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    sources, folder = given.voices, given.folder
    place, choosers = folder / "readers", folder / "choosing"
    choosers.mkdir(parents=True, exist_ok=True)
    place.mkdir(exist_ok=True)
    people, clips = 0, 0
    for source in sources:
        for reader in readers(source):
            if any(aligned(audio, reader.language) is not None for audio in reader.recordings):
                (place / reader.name).symlink_to((source / reader.name).resolve())
                people += 1
                clips += choosing(reader, choosers) if reader.chooses else 0
    print(f"{people} readers in {place}, {clips} recordings in {choosers}")


if __name__ == "__main__":
    main()
