"""Every method speaks on the same Gaussian heads: python -m benchmarks.spoken_heads FOLDER

Sampled people whom unigaha's prior never met sit before the studio's cameras and get heads of their own of
those pictures, as `talk personalize FOLDER -m unigaha` makes them (kept in FOLDER). Then they say the bundled
held-out clips as the person did who was recorded: the truth, drawn of their mesh and skin. Each method hears
the sound and drives the head; so do the true motion, which is what the head leaves, and a face that rests.
All before the camera in front, heads held still: PSNR and SSIM (11 x 11, sigma 1.5) on grey, PSNR of the
person and about the mouth, dB; on the mean head LVE and MVE (the worst vertex of the lips, and all of the
face, mm, averaged over frames) and how the opening of the lips correlates. Some minutes of one core a person.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.footage import openings
from benchmarks.heads import GREY, Scores, compared
from talkcli.engine.assets import asset
from talkcli.engine.capture.person_shots import PersonShots
from talkcli.engine.clips import ClipSet
from talkcli.engine.face.avatar import Avatar, load_avatar, save_avatar
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.geometry import gaussian_frames, vertices
from talkcli.engine.face.rigs import talking_head
from talkcli.engine.methods import METHODS, open_talker
from talkcli.engine.methods.method import Talker
from talkcli.engine.methods.speaking import spoken_motion
from talkcli.engine.methods.unigaha.posed_fit import PosedFit
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.motion import Coefficients, Motion
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.render import frames
from talkcli.engine.rendering.splats import draw_views
from talkcli.engine.struct import along_frames
from talkcli.engine.studio.captures import CapturePlan, session_of, sitter_of, studio_cameras

PLAN = CapturePlan(faces=12, tests=1)
TESTED = (7, 15, 23)
"""Of PLAN's people, of whom every eighth is never learnt from."""
FRONT, EVERY = 3, 4
"""Which camera looks, and one of how many frames is drawn."""
SHOWN = 9
"""Which of the drawn frames of the first clip goes to the sheet."""


def own_head(number: int, prior: Prior, folder: Path) -> Avatar:
    """Somebody's Gaussian head, of pictures of a face at rest and a dozen others."""
    path = folder / f"p{number:04}.avatar"
    if path.exists():
        return load_avatar(path)
    session = session_of(PLAN, number)
    learnt = torch.nonzero(session.face < len(session.weights) - session.tests)[:, 0]
    camera = session.cameras.part(session.camera[learnt].tolist())
    weights = session.weights[session.face[learnt]]
    shots = PersonShots(session.pictures[learnt], camera, weights, (False,) * len(learnt))
    fit = PosedFit(prior, shots, {}, 0)
    for _ in fit.fit.run():
        pass
    made = fit.avatar(session.name)
    save_avatar(made, path)
    return made


def every_other(motion: Motion) -> Motion:
    """Every EVERY-th frame."""
    return along_frames(motion, lambda track: track[::EVERY])


def at_rest(motion: Motion) -> Motion:
    face = motion.face
    assert isinstance(face, Coefficients)
    return replace(motion, face=replace(face, expression=0 * face.expression, jaw=0 * face.jaw))


def performances(
    talkers: Mapping[str, Talker], clips: ClipSet, number: int, avatar: Avatar
) -> Iterator[tuple[str, Motion]]:
    """Who speaks, and what `avatar` does; the true one first."""
    true = replace(clips[number].motion, head=None, texture=None)
    yield "the true motion", true
    yield "a face at rest", at_rest(true)
    for name, talker in talkers.items():
        motion = spoken_motion(talker, clips.speech(number), avatar, fps=true.fps)
        yield name, replace(motion, head=None)


@torch.no_grad()
def pictured(
    motion: Motion, avatar: Avatar, truth: list[Tensor], middles: Tensor, camera: Camera
) -> tuple[list[Scores], list[Tensor]]:
    """Scores of every EVERY-th frame, and those pictures beside the true ones."""
    makers, rows, sheets = gaussian_frames(every_other(motion), avatar), [], []
    for place, (make, picture) in enumerate(zip(makers, truth, strict=False)):
        seen = draw_views(make(), camera, GREY).colour[0].clamp(0, 1)
        row, true = compared(seen, picture, camera, middles[place])
        rows.append(row)
        sheets.append(torch.cat([seen, true], 1))
    return rows, sheets


def moved(motion: Motion, true: Motion) -> tuple[float, float, float]:
    """LVE and MVE in mm, and the correlation of the lips' opening, on the mean head."""
    topology, length = load_face_model().topology, min(len(motion), len(true))
    ours, theirs = (vertices(each.part(0, length), talking_head()) for each in (motion, true))
    apart = (ours - theirs).norm(dim=2)
    lve = apart[:, topology.regions["lips"].long()].amax(1).mean()
    mve = apart[:, topology.regions["face"].long()].mean()
    gap, other = openings(ours)[0], openings(theirs)[0]
    alike = float(np.corrcoef(gap, other)[0, 1]) if np.ptp(gap) > 1e-6 else float("nan")
    return 1000 * float(lve), 1000 * float(mve), alike


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, nargs="+", default=TESTED)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    talkers, clips = {name: open_talker(name) for name in METHODS}, ClipSet(asset("clips"), "test")
    prior = talkers["unigaha"].prior
    assert isinstance(prior, Prior)
    camera, lips = studio_cameras(PLAN.size).part([FRONT]), load_face_model().topology.regions["lips"].long()
    pixels: dict[str, list[Scores]] = {}
    moves: dict[str, list[tuple[float, float, float]]] = {}
    for number in given.people:
        avatar, sheet = own_head(number, prior, given.folder), []
        real, _ = sitter_of(PLAN, number)
        for clip in range(len(clips)):
            true, truth, middles = None, [], torch.zeros(0, 3)
            for name, motion in performances(talkers, clips, clip, avatar):
                if true is None:
                    seen = frames(every_other(motion), real, camera, background="transparent", workers=1)
                    truth = [torch.from_numpy(picture) for picture in seen]
                    middles = vertices(motion, real)[::EVERY, lips].mean(1)
                    true = motion
                rows, pairs = pictured(motion, avatar, truth, middles, camera)
                pixels.setdefault(name, []).extend(rows)
                moves.setdefault(name, []).append(moved(motion, true))
                if clip == 0:
                    sheet.append(pairs[min(SHOWN, len(pairs) - 1)])
        page = (torch.cat(sheet, 2).permute(1, 2, 0) * 255).byte().numpy()
        Image.fromarray(page).save(given.folder / f"p{number:04}.png")
        print(f"p{number:04} is done", flush=True)
    table = {
        name: dict(zip(Scores._fields, np.mean(rows, 0).round(4).tolist(), strict=True))
        | dict(zip(("LVE", "MVE", "lips r"), np.mean(moves[name], 0).round(4).tolist(), strict=True))
        for name, rows in pixels.items()
    }
    for name, row in table.items():
        print(f"{name:16} " + "  ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)
    (given.folder / "spoken_heads.json").write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
