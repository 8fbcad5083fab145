"""Painted maps or weights read from latents: which are truer? python -m benchmarks.painted CLIPS

TexTalker on a clip of each test speaker of `talk prepare studio`: how far its lips are from the clip's
own and from each other, on the mean face before contact, where its latents are painted and the rig is solved
for, and where weights are read straight from them. Latents are those of the clips' own maps, along the axes
that the talker draws, and those that it draws from the clips' speech.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from talkcli.engine.clips import ClipSet
from talkcli.engine.face.rigs import load_rig, talking_head
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.textalker.encodings import encoded
from talkcli.engine.methods.textalker.frame_maps import RigFrameMaps
from talkcli.engine.methods.textalker.latent_frames import on_axes
from talkcli.engine.methods.textalker.talker import TexTalker
from talkcli.engine.motion import Coefficients

EVERY = 30
Tracks = list[Float[Tensor, "frames shapes"]]
"""Weights of the rig's named shapes, clip by clip."""


def set_to_paint(talker: TexTalker, painted: bool) -> None:
    talker.sampling = replace(talker.config.sampling, painted=painted, texture=False)


def of_true_maps(talker: TexTalker, clips: ClipSet, maps: RigFrameMaps, painted: bool) -> Tracks:
    low, high = talker.low, talker.high
    latents = [
        encoded(talker.motion, lambda i, a, b: maps.motions(i, a, b, low, high), clip, maps.frames[clip])
        for clip in range(len(clips))
    ]
    set_to_paint(talker, painted)
    return [talker.shown(track, track, None).face for track in on_axes(latents, clips, talker.motion_axes)]


def of_speech(talker: TexTalker, clips: ClipSet, painted: bool) -> Tracks:
    columns = load_rig(talker.config.rig).columns(talker.config.rig_shapes)
    set_to_paint(talker, painted)
    faces = [talker.animate(clips.speech(clip), talking_head()).face for clip in range(len(clips))]
    return [face.expression[:, columns] for face in faces if isinstance(face, Coefficients)]


def apart(ours: Tracks, theirs: Tracks, lips: Float[Tensor, "shapes verts 3"]) -> tuple[float, float]:
    """Millimetres on average, and square metres of the worst vertex, over all frames of all clips."""
    shared = [min(len(a), len(b)) for a, b in zip(ours, theirs, strict=True)]
    errors = torch.cat([a[:n] - b[:n] for a, b, n in zip(ours, theirs, shared, strict=True)])
    distances = (errors @ lips.flatten(1)).unflatten(1, (-1, 3)).norm(dim=-1)
    return 1000 * float(distances.mean()), float(distances.amax(1).square().mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    folder = parser.parse_args().clips
    talker = open_talker("textalker")
    assert isinstance(talker, TexTalker)
    clips = ClipSet(folder, "test").thinned(EVERY)
    maps, rig = RigFrameMaps(clips, talker, talker.config.motion.size), load_rig(talker.config.rig)
    lips = rig.shapes[rig.columns(talker.config.rig_shapes)][:, rig.topology.regions["lips"]]
    truth = [maps.weights(clip) for clip in range(len(clips))]
    with torch.no_grad():
        ways = {
            "the clips' maps": [of_true_maps(talker, clips, maps, way) for way in (False, True)],
            "speech": [of_speech(talker, clips, way) for way in (False, True)],
        }
    print(f"{len(clips)} clips of {len(clips.speakers)} speakers, {sum(maps.frames)} frames; mm, m²\n")
    print("| latents of | straight to the truth | painted to the truth | straight to painted |")
    print("|---|---:|---:|---:|")
    for name, (straight, painted) in ways.items():
        pairs = (straight, truth), (painted, truth), (straight, painted)
        cells = ["{:.3f}, {:.3g}".format(*apart(*pair, lips)) for pair in pairs]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
