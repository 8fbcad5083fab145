"""The Gaussian head against pictures it has not seen: python benchmarks/heads.py CAPTURES [--model unigaha]

CAPTURES: a folder of talk prepare captures; every eighth person in it was never learnt from. Prints PSNR and
SSIM (11 x 11, sigma 1.5) on grey, PSNR where the person is, and PSNR about the mouth, in dB: of faces and of
the camera that were kept out, of people learnt from; and of the others, by their mesh and skin, or fitted to
the pictures of their face at rest. Writes a contact sheet: drawn above, true below.
"""

import argparse
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from talkcli.engine.capture.person_shots import PersonShots
from talkcli.engine.face.gaussian_head import GaussianHead, head_gaussians
from talkcli.engine.face.gaussians import Gaussians
from talkcli.engine.face.geometry import vertices
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.unigaha.heads import code_by_skin, head_of
from talkcli.engine.methods.unigaha.posed_fit import PosedFit
from talkcli.engine.methods.unigaha.prior import Prior
from talkcli.engine.methods.unigaha.prior_people import Sitter, captured_people
from talkcli.engine.rendering.camera import Camera
from talkcli.engine.rendering.splats import draw_views
from talkcli.engine.studio.captures import faces_motion

GREY = torch.tensor([0.5, 0.5, 0.5])[None, :, None, None]
SHOWN = 2
"""Of the faces that were not learnt from: which goes to the sheet."""
MOUTH = 0.026, 0.022
"""Metres to either side of the lips' middle that are about the mouth."""


class Scores(NamedTuple):
    psnr: float
    person: float
    ssim: float
    mouth: float


def decibels(square: Tensor) -> float:
    return float(-10 * torch.log10(square.clamp(min=1e-9)))


def scored(
    person: Sitter, face: int, shots: Tensor, cloud: Gaussians, lips: Tensor, sheet: list[Image.Image]
) -> list[Scores]:
    """One face by some of its shots; the first goes to the sheet."""
    camera = person.cameras.part(person.camera[shots].tolist())
    seen = draw_views(cloud, camera, GREY).colour.clamp(0, 1)
    rows = []
    for number, shot in enumerate(shots.tolist()):
        one = camera.part([number])
        row, truth = compared(seen[number], person.picture(shot), one, person.vertices[face, lips].mean(0))
        rows.append(row)
        if not number:
            both = torch.cat([seen[number], truth], 1)
            sheet.append(Image.fromarray((both * 255).byte().permute(1, 2, 0).numpy()))
    return rows


def compared(seen: Tensor, picture: Tensor, camera: Camera, lips: Tensor) -> tuple[Scores, Tensor]:
    """What one view draws [3, height, width] before grey beside a true picture [height, width, 4] uint8, and
    that before grey; `lips` [3] is their middle, metres."""
    picture = picture.permute(2, 0, 1).float() / 255
    truth = picture[:3] * picture[3] + GREY[0] * (1 - picture[3])
    square = (seen - truth).square().mean(0)
    view, lens = camera.views[0].float(), camera.lenses[0].float()
    middle = view[:3, :3] @ lips + view[:3, 3]
    scale = -lens[0] / middle[2]
    x, y = lens[2] + scale * middle[0], lens[3] - scale * middle[1]
    wide, high = (float(scale) * reach for reach in MOUTH)
    mouth = square[int(y - high) : int(y + high), int(x - wide) : int(x + wide)]
    alike = structural_similarity_index_measure(
        seen[None], truth[None], sigma=1.5, kernel_size=11, data_range=1.0
    )
    assert isinstance(alike, Tensor)
    person = decibels(square[picture[3] > 0.5].mean())
    return Scores(decibels(square.mean()), person, float(alike), decibels(mouth.mean())), truth


def told(name: str, rows: Iterable[Scores]) -> None:
    every = list(rows)
    mean = Scores(*np.mean(every, 0))
    whole = f"PSNR {mean.psnr:.2f}  person {mean.person:.2f}  SSIM {mean.ssim:.4f}  mouth {mean.mouth:.2f}"
    print(f"{name:48} {whole}  ({len(every)} pictures)", flush=True)


def drawn_by(head: GaussianHead, person: Sitter, face: int) -> Gaussians:
    """On the meshes of `person`."""
    return head_gaussians(head, person.vertices[face : face + 1], person.weights[face : face + 1])[0]


@torch.no_grad()
def of_people(prior: Prior, people: list[Sitter], name: str, most: int, sheet: list[Image.Image]) -> None:
    """By code and skin: faces learnt from and others, by the cameras of either kind."""
    lips = prior.rig.topology.regions["lips"]
    for kind in ("learnt faces", "other faces"):
        for tests in (False, True):
            rows: list[Scores] = []
            for person in people[:: max(1, len(people) // most)]:
                identity, skin = code_by_skin(prior, person.identity, person.skin, person.known)
                head = head_of(prior, identity, skin)
                learnt = kind == "learnt faces"
                faces = range(1, person.learnt, 8) if learnt else range(person.learnt, len(person.weights))
                for face in faces:
                    shots = person.shots_of(face, tests=tests)
                    if len(shots):
                        cloud = drawn_by(head, person, face)
                        shown = sheet if face == person.learnt + SHOWN else []
                        rows += scored(person, face, shots, cloud, lips, shown)
            if rows:
                told(f"{name}, {kind}, {'kept-out camera' if tests else 'known cameras'}", rows)


def of_fits(prior: Prior, people: list[Sitter], sheet: list[Image.Image]) -> None:
    """Each fitted to its face at rest before all cameras, then drawn in other faces on the mesh that came of
    it."""
    lips = prior.rig.topology.regions["lips"]
    for name, settings in (
        ("fitted by code and skin", {"own_steps": 0}),
        ("fitted, then maps and decoder", {}),
    ):
        rows: list[Scores] = []
        start = time.process_time()
        for person in people:
            shots = person.shots_of(0)
            camera = person.cameras.part(person.camera[shots].tolist())
            pictures = torch.stack([person.picture(shot) for shot in shots.tolist()])
            weights = person.weights[:1].expand(len(shots), -1)
            fit = PosedFit(prior, PersonShots(pictures, camera, weights, (False,) * len(shots)), settings, 0)
            for _ in fit.fit.run():
                pass
            made = fit.avatar("fitted")
            head, meshes = made.gaussian_head, vertices(faces_motion(person.weights), made)
            assert head is not None
            for face in range(person.learnt, len(person.weights)):
                for tests in (False, True):
                    own = person.shots_of(face, tests=tests)
                    with torch.no_grad():
                        cloud = drawn_by(head, person._replace(vertices=meshes), face)
                        shown = sheet if face == person.learnt + SHOWN and tests else []
                        rows += scored(person, face, own, cloud, lips, shown)
        told(f"new people, {name}", rows)
        print(
            f"  {(time.process_time() - start) / len(people):.0f} s of CPU each, drawing included", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("captures", type=Path)
    parser.add_argument("--model", default="unigaha")
    parser.add_argument("--fits", type=int, default=4, help="People who are fitted.")
    parser.add_argument("--sheet", type=Path, default=Path("heads.png"))
    given = parser.parse_args()
    prior = open_talker(given.model).prior
    assert isinstance(prior, Prior)
    sheet: list[Image.Image] = []
    layout = prior.decoder.layout
    of_people(prior, captured_people(given.captures, layout), "people learnt from", 6, sheet)
    others = captured_people(given.captures, layout, test=True)
    of_people(prior, others, "new people by mesh and skin", 12, sheet)
    of_fits(prior, others[: given.fits], sheet)
    wide, high = sheet[0].size
    page = Image.new("RGB", (8 * wide, -(-len(sheet) // 8) * high))
    for number, picture in enumerate(sheet):
        page.paste(picture, (number % 8 * wide, number // 8 * high))
    page.save(given.sheet)


if __name__ == "__main__":
    main()
