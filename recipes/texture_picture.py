"""What a changing skin changes: python recipes/texture_picture.py [CHECKPOINT] -> assets/pictures/texture.jpg

The bundled speech, animated by TexTalker: above a static skin, below the one that the network makes;
the moments at which they differ most, at least half a second apart.
"""

from __future__ import annotations

import argparse

import imageio.v3 as imageio
import numpy as np
import torch

from talkcli.engine.assets import asset, assets_folder
from talkcli.engine.editing.life import with_life
from talkcli.engine.face.acting import painted, wrinkles_of
from talkcli.engine.face.avatar import Avatar, load_avatar
from talkcli.engine.methods import open_talker
from talkcli.engine.motion import Motion, ratios
from talkcli.engine.rendering.camera import portrait
from talkcli.engine.rendering.render import frames
from talkcli.engine.speech import load_speech

SIZE, MOMENTS, APART = 512, 3, 15
CROP = slice(40, 400), slice(96, 416)


def strongest(motion: Motion, avatar: Avatar) -> list[int]:
    """Frames whose skin is farthest from the neutral one."""
    assert motion.texture is not None
    change = (ratios(painted(motion.texture, wrinkles_of(avatar), 64)).log().square()).mean((1, 2, 3))
    found: list[int] = []
    for frame in change.argsort(descending=True).tolist():
        if all(abs(frame - other) >= APART for other in found):
            found.append(frame)
        if len(found) == MOMENTS:
            break
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", default="textalker")
    talker = open_talker(parser.parse_args().checkpoint)
    speech = load_speech(asset("hello.wav"))
    shown = []
    for who in ("emil", "ada"):
        avatar = load_avatar(assets_folder() / f"{who}.avatar")
        motion = with_life(talker.animate(speech, avatar), speech, avatar)
        moments = strongest(motion, avatar)
        camera = portrait(avatar, "front", (SIZE, SIZE))
        rows = []
        for changing in (False, True):
            drawn = frames(motion, avatar, camera, wrinkles=changing, texture=changing)
            kept = [picture[CROP] for number, picture in enumerate(drawn) if number in moments]
            rows.append(np.concatenate(kept, axis=1))
        shown.append(np.concatenate(rows, axis=0))
        print(f"{who}: frames {moments}")
    imageio.imwrite(assets_folder() / "pictures" / "texture.jpg", np.concatenate(shown, axis=1), quality=88)


if __name__ == "__main__":
    with torch.no_grad():
        main()
