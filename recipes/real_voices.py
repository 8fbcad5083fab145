"""Real voices for the studio: the prompts of Asterisk, free recordings of five people in five languages.

    python recipes/real_voices.py voices/

Fetches Debian's packages asterisk-core-sounds-* with apt-get, unpacks them aside without installing them, and
lays out x.wav with x.txt by reader, as `talk prepare studio --set readers=voices/` wants them. Two hours:
Allison Smith, June Wallack and Ivrvoice under CC BY-SA 3.0, Carlo Flora under CC BY 3.0.
"""

from __future__ import annotations

import argparse
import gzip
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import soundfile

from talkcli.engine.speech import SAMPLE_RATE

READERS = {
    "en": ("en_US_f_Allison", "en-us_allison"),
    "es": ("es_MX_f_Allison", "es-419_allison"),
    "fr": ("fr_CA_f_June", "fr_june"),
    "it": ("it_IT_m_Carlo", "it_carlo"),
    "ru": ("ru_RU_f_IvrvoiceRU", "ru_ivrvoice"),
}
"""Of each language: the folder in the package, and the reader's."""
SHORTEST = 0.25
"""Seconds: less is a tone."""


def folder_to_fill(about: str | None) -> Path:
    """The script's argument; ends it where nothing can be fetched."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    if shutil.which("apt-get") is None:
        sys.exit("Fetching needs apt-get; elsewhere unpack the packages by hand.")
    return folder


def unpacked(package: str, place: Path) -> Path:
    """A folder in `place` with what a package of Debian holds."""
    subprocess.run(["apt-get", "download", package], cwd=place, check=True, stdout=subprocess.DEVNULL)
    archive, folder = next(place.glob(f"{package}_*.deb")), place / package
    subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)
    archive.unlink()
    return folder


def prompts(language: str, texts: Path) -> dict[str, str]:
    """Name to words; what is no speech, described in brackets, is left out."""
    listed = texts / f"usr/share/doc/asterisk-core-sounds-{language}"
    text = gzip.decompress(next(listed.glob("core-sounds-*.txt.gz")).read_bytes()).decode()
    lines = (re.match(r"([\w/-]+)\s*:\s*(.+)", line) for line in text.splitlines())
    return {line[1]: line[2] for line in lines if line and not re.search(r"[\[(<]", line[2])}


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path), format="g722") as sound:
        blocks = [frame.to_ndarray().reshape(-1) for frame in sound.decode(audio=0)]
    return np.concatenate(blocks)


def lay_out(language: str, texts: Path, sounds: Path, folder: Path) -> int:
    source, reader = READERS[language]
    place = folder / reader
    place.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, words in prompts(language, texts).items():
        path = sounds / f"usr/share/asterisk/sounds/{source}/{name}.g722"
        samples = decoded(path) if path.is_file() else np.zeros(0, np.int16)
        if len(samples) >= SHORTEST * SAMPLE_RATE:
            target = place / name.replace("/", "-")
            soundfile.write(target.with_suffix(".wav"), samples, SAMPLE_RATE)
            target.with_suffix(".txt").write_text(words + "\n", encoding="utf-8")
            count += 1
    return count


def main() -> None:
    folder = folder_to_fill(__doc__)
    with tempfile.TemporaryDirectory() as place:
        for language, (_, reader) in READERS.items():
            package = f"asterisk-core-sounds-{language}"
            texts, sounds = (unpacked(name, Path(place)) for name in (package, f"{package}-g722"))
            print(f"{reader}: {lay_out(language, texts, sounds, folder)} recordings", flush=True)


if __name__ == "__main__":
    main()
