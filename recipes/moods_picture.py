"""Seven moods at three levels: python recipes/moods_picture.py [AVATAR] -> assets/pictures/moods.jpg

Rows are levels, mildest first; columns are MOODS in their order, neutral left out: the faces that
`talk emote` gives somebody at rest. A minute on one core.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import torch
from PIL import Image

from talkcli.engine.assets import DEFAULT_RIG, asset, assets_folder
from talkcli.engine.editing.emote import emoted
from talkcli.engine.editing.mood_schedule import parse_moods
from talkcli.engine.editing.moods import MOODS
from talkcli.engine.face.avatar import load_avatar
from talkcli.engine.face.geometry import rig_weights
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.render import frames

LEVELS_SHOWN = ("mild", "full", "intense")
SIZE, SHOWN = 480, 220
CROP = slice(26, 356), slice(75, 405)
"""Of the rendered picture: the face."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("avatar", nargs="?", default="emil")
    who = load_avatar(asset(f"{parser.parse_args().avatar}.avatar"))
    shapes = len(load_rig(DEFAULT_RIG).shapes)
    still = Motion(Fraction(25), Coefficients(torch.zeros(1, shapes), torch.zeros(1, 3)))
    words = [f"{mood}:{level}" for level in LEVELS_SHOWN for mood in list(MOODS)[1:]]
    faces = torch.cat([rig_weights(emoted(still, who, parse_moods(text)), who) for text in words])
    motion = Motion(still.fps, Coefficients(faces, torch.zeros(len(faces), 3)))
    pictures = [
        np.asarray(Image.fromarray(picture[CROP]).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS))
        for picture in frames(motion, who, portrait(who, "front", (SIZE, SIZE)), quality="fine")
    ]
    columns = len(words) // len(LEVELS_SHOWN)
    rows = [np.concatenate(pictures[i : i + columns], 1) for i in range(0, len(words), columns)]
    path: Path = assets_folder() / "pictures" / "moods.jpg"
    imageio.imwrite(path, np.concatenate(rows), quality=86)
    print(path, path.stat().st_size)


if __name__ == "__main__":
    with torch.no_grad():
        main()
