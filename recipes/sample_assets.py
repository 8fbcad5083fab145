"""Make the bundled speech and the bundled held-out clips anew: python recipes/sample_assets.py

assets/hello.wav, assets/hello.phones.json   a greeting
assets/clips/                                two takes each of two speakers that no checkpoint was trained on
"""

from __future__ import annotations

import argparse
import shutil

import soundfile

from talkcli.engine.assets import assets_folder
from talkcli.engine.clips import Clip, Contents, save_clip, save_contents
from talkcli.engine.phones import save_phones
from talkcli.engine.speech import SAMPLE_RATE
from talkcli.engine.studio.recording import LICENCE, SOURCE, RecordingPlan, record, record_one
from talkcli.engine.studio.voices import Voice

HELLO = (
    "Hello! My name is Ada. Give me any voice, and I will move my lips to every word: maybe a poem, "
    "maybe a bubbly pop song."
)
ADA = Voice("flite", "slt", tract=1.0, pitch=185.0, rate=0.97, liveliness=1.25)

PLAN = RecordingPlan(speakers=150, takes=30)
"""That of recipes/studio.toml."""
HELD_OUT = (39, 79)
"""Speakers of its test split."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    assets = assets_folder()
    hello = record_one(HELLO, ADA, seed=0)
    soundfile.write(assets / "hello.wav", hello.speech.waveform.numpy(), SAMPLE_RATE, subtype="PCM_16")
    save_phones(hello.phones, assets / "hello.phones.json")
    print(f"{assets / 'hello.wav'}: {hello.speech.seconds:.1f} s")

    folder = assets / "clips"
    shutil.rmtree(folder, ignore_errors=True)
    names: list[str] = []
    for speaker in HELD_OUT:
        takes: dict[str, Clip] = {}
        for take in range(PLAN.takes):
            name = f"s{speaker:04}/{take:03}"
            clip = record(PLAN, name)
            if 3.5 < clip.speech.seconds < 6.5:
                takes[name] = clip
            if len(takes) == 2:
                break
        for name, clip in takes.items():
            save_clip(clip, folder, name)
            print(f"{name}: {clip.speech.seconds:.1f} s {clip.motion.provenance}")
        names += takes
    save_contents(Contents({"test": names}, LICENCE, SOURCE, {"corpus": "studio", "seed": PLAN.seed}), folder)


if __name__ == "__main__":
    main()
