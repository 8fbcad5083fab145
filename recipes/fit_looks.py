"""Find what tells people in a film apart: python recipes/fit_looks.py OUT.json

Films people of the studio in four scenes each: rooms, cameras and what they say differ. Looks of a scene are
those of its pictures on average (capture/face_looks.py). Learns the ways in which people differ most beside
how one person differs from scene to scene (Fisher's discriminants). OUT.json has the form of
assets/face_looks.json. Then says how like scenes of people held out are. Needs the extra capture; half an
hour on one core.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.footage import NOISE, performed
from benchmarks.photo import room_light
from talkcli.engine.capture.detector import Detector, MediaPipe
from talkcli.engine.capture.face_looks import LOOKS_UNIT, PeopleDiffer, face_looks
from talkcli.engine.capture.normal_equations import rotation_of
from talkcli.engine.face.avatar import Avatar
from talkcli.engine.motion import Motion
from talkcli.engine.rendering.camera import centred_camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.struct import along_frames
from talkcli.engine.studio.arrays import Array
from talkcli.engine.studio.scanned.avatars import make_avatar, sample_outfit
from talkcli.engine.studio.scanned.people import sample_person

PEOPLE, FIRST_SEED = 160, 52000
HELD_OUT, FIRST_HELD_OUT = 40, 51000

SCENES, PICTURES, APART = 4, 6, 6
"""Of each person; pictures of a scene, and frames from each to the next."""

SIZE, TEXELS = (408, 720), 512

RANK, PULL = 20, 0.1
"""Ways that are told; of the mean variance within people, that of what is added to it."""

COMPONENTS = 120
"""Principal ones of all looks, in which ways are sought."""

FALSE = 0.01
"""Share of pairs of one person's scenes that are less like than others are to be."""


def scenes_of(seed: int, clips: Sequence[Motion], detector: Detector) -> Iterator[Array]:
    """[cells] looks of somebody in each scene in which they are found."""
    person = sample_person(seed)
    outfit = sample_outfit(np.random.default_rng([seed, 7]), person.skin)
    avatar = make_avatar(f"person-{seed}", person, outfit, TEXELS)
    chance = np.random.default_rng([seed, 11])
    for _ in range(SCENES):
        pictures = list(filmed_scene(avatar, clips[int(chance.integers(len(clips)))], chance))
        seen = zip(pictures, detector.following(iter(pictures)), strict=True)
        looks = [face_looks(picture, faces[0]) for picture, faces in seen if faces]
        if looks:
            yield np.mean(looks, 0)


def filmed_scene(avatar: Avatar, clip: Motion, chance: np.random.Generator) -> Iterator[np.ndarray]:
    """Some pictures of somebody who speaks, in some room before some camera."""
    some = (int(chance.integers(len(clip) - PICTURES * APART)) + np.arange(PICTURES) * APART).tolist()
    warmth = [1 + chance.uniform(-0.05, 0.12), 1, 1 - chance.uniform(-0.05, 0.18)]
    light = room_light(chance, chance.uniform(0.35, 0.8) * np.array(warmth))
    assert avatar.look is not None
    lit = replace(avatar, look=replace(avatar.look, light=torch.from_numpy(light).float()))
    view, turn = np.eye(4), np.radians([chance.uniform(-6, 8), chance.uniform(-18, 18), 0])
    view[:3, :3] = rotation_of(turn)
    view[:3, 3] = view[:3, :3] @ [0, 0, -0.06] + [0, -0.03, -chance.uniform(0.5, 0.95)]
    camera = centred_camera(torch.from_numpy(view).float()[None], 0.94 * SIZE[1], *SIZE)
    behind = "#{:02x}{:02x}{:02x}".format(*chance.integers(60, 200, 3))
    for picture in frames(along_frames(clip, lambda track: track[some]), lit, camera, background=behind):
        yield np.clip(picture + chance.normal(0, NOISE, picture.shape), 0, 255).astype(np.uint8)


def learnt(people: Sequence[Array]) -> PeopleDiffer:
    """From the looks [scenes, cells] of each."""
    middle = np.concatenate(people).mean(0)
    parts = np.linalg.svd(np.concatenate(people) - middle, full_matrices=False)[2][:COMPONENTS]
    known = [(looks - middle) @ parts.T for looks in people]
    own = np.concatenate([each - each.mean(0) for each in known])
    within = own.T @ own / (len(own) - len(known))
    within += PULL * np.trace(within) / len(within) * np.eye(len(within))
    white = np.linalg.cholesky(np.linalg.inv(within))
    among = np.cov(np.array([each.mean(0) for each in known]) @ white, rowvar=False)
    ways = np.linalg.eigh(among)[1][:, ::-1][:, :RANK]
    told = (parts.T @ white @ ways).T
    return PeopleDiffer(middle, told / np.abs(told).max())


def likenesses(people: Sequence[Array], differ: PeopleDiffer) -> tuple[Array, Array]:
    """Of pairs of scenes of one person, and of two."""
    told = [(looks - differ.middle) @ differ.ways.T for looks in people]
    unit = np.concatenate([each / np.linalg.norm(each, axis=1, keepdims=True) for each in told])
    who = np.repeat(np.arange(len(told)), [len(each) for each in told])
    one, other = np.triu_indices(len(who), 1)
    alike = (unit @ unit.T)[one, other]
    return alike[who[one] == who[other]], alike[who[one] != who[other]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=PEOPLE)
    words, detector, clips = parser.parse_args(), MediaPipe(), [performed(number) for number in range(4)]

    def seen(first: int, count: int) -> Iterator[Array]:
        for seed in range(first, first + count):
            looks = list(scenes_of(seed, clips, detector))
            print(f"person-{seed}: {len(looks)} scenes", flush=True)
            yield np.array(looks)

    differ = learnt(list(seen(FIRST_SEED, words.people)))
    told = {name: np.rint(part / LOOKS_UNIT).astype(int).tolist() for name, part in differ._asdict().items()}
    words.out.write_text(json.dumps(told, separators=(",", ":")))
    same, two = likenesses(list(seen(FIRST_HELD_OUT, HELD_OUT)), differ)
    bar = np.quantile(same, FALSE)
    print(f"scenes of one person are alike by {np.median(same):.2f}, {FALSE:.0%} by less than {bar:.2f}")
    print(f"of two people by {np.median(two):.2f}; {(two < bar).mean():.1%} by less than that")


if __name__ == "__main__":
    main()
