"""Make what reads expressions from pictures: python recipes/eye.py PORTRAITS EYE

1. Trains the starter's encoder on PORTRAITS (talk prepare portraits PORTRAITS) for --steps;
   goes on where it was stopped.
2. Reads the portraits of people whom it never met, one in eight, beside a guess that never looks, the mean of
   all others: errors of codes (of their deviations), of vertices of the face and the lips of the mean head
   (mm), of heads (degrees), and the correlation of how far lips and lids are open.
3. Writes EYE, in half precision, with these scores.

What ships, an hour and a half of a shared core: 16,000 steps on 224 people (--set people=256 --set shots=24).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from talkcli import __version__
from talkcli.engine.assets import OURS_ON_FACEKIT, asset
from talkcli.engine.checkpoint import save_checkpoint
from talkcli.engine.clips import ClipSet
from talkcli.engine.face.expression_codes import expression_codes, weights_with
from talkcli.engine.face.mouth_motion import gap_of
from talkcli.engine.face.rigs import load_rig
from talkcli.engine.face.rotations import axis_angle, matrix
from talkcli.engine.methods.plan import halved
from talkcli.engine.methods.unigaha.film_eye import look_at_square
from talkcli.engine.methods.unigaha.monocular import MonocularEncoder
from talkcli.engine.methods.unigaha.monocular_config import MonocularConfig
from talkcli.engine.methods.unigaha.monocular_stage import monocular
from talkcli.engine.studio.portraits import PORTRAITS, Portraits, load_portraits
from talkcli.engine.studio.sessions import people_files
from talkcli.engine.training.run import train
from talkcli.engine.training.settings import tuned

SEED = 0
GREY = 110
"""What stands behind those who are read."""


class Pupil(nn.Module):
    """As the stage asks."""

    def __init__(self) -> None:
        super().__init__()
        self.seeing = MonocularEncoder(MonocularConfig())


@torch.no_grad()
def read(eye: MonocularEncoder, people: list[Portraits]) -> tuple[Tensor, Tensor]:
    """Codes and turns of every portrait, by its true square."""
    codes, turns = [], []
    for person in people:
        for picture, square in zip(person.pictures.numpy(), person.squares.double().numpy(), strict=True):
            alpha = picture[..., 3:] / 255
            shown = (picture[..., :3] * alpha + GREY * (1 - alpha)).astype(np.uint8)
            said = look_at_square(eye, Image.fromarray(shown), square)
            codes.append(said.codes[0])
            turns.append(said.turns[0])
    return torch.stack(codes), torch.stack(turns)


def correlation(one: Tensor, other: Tensor) -> float:
    return float(np.corrcoef(one.numpy(), other.numpy())[0, 1])


def scores(eye: MonocularEncoder, folder: Path) -> dict[str, float]:
    """On the people whom it never met."""
    people = [load_portraits(path) for path in people_files(PORTRAITS, folder, test=True)]
    model, names = load_rig(eye.config.rig), load_rig(eye.config.rig).shape_names
    space = expression_codes(model, names, eye.config.codes)
    weights = torch.cat([person.weights for person in people])
    known = torch.cat([load_portraits(path).weights for path in people_files(PORTRAITS, folder)])
    mean = known.mean(0)
    codes, turns = read(eye, people)
    found, true = weights_with(space, codes), weights @ space.to_codes
    spread = (known @ space.to_codes).std(0)
    regions = model.topology.regions
    told = {"people": float(len(people)), "pictures": float(len(weights))}
    told["code"] = float(((codes - true) / spread).square().mean().sqrt())
    told["code, mean"] = float(((mean @ space.to_codes - true) / spread).square().mean().sqrt())
    for part in ("face", "lips"):
        moves = model.shapes[:, regions[part].long()]
        for name, guess in (("", found), (", mean", mean)):
            off = torch.einsum("ns,svk->nvk", guess - weights, moves).norm(dim=-1)
            told[f"{part} mm{name}"] = 1000 * float(off.mean())
    gap = gap_of(model, names)
    told["lips r"] = correlation(found @ gap, weights @ gap)
    lids = [place for place, name in enumerate(names) if name.startswith("eyeBlink")]
    told["lids r"] = correlation(found[:, lids].mean(1), weights[:, lids].mean(1))
    true_turns = torch.cat([person.turns for person in people])
    apart = axis_angle(matrix(turns) @ matrix(true_turns).mT).norm(dim=1)
    told["head degrees"] = float(torch.rad2deg(apart).mean())
    return {name: float(f"{value:.3g}") for name, value in told.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("portraits", type=Path)
    parser.add_argument("eye", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    given = parser.parse_args()
    run = given.eye.with_suffix(".run")
    run.mkdir(exist_ok=True)
    torch.manual_seed(SEED)
    pupil = Pupil()
    settings = {"portraits": str(given.portraits), "steps": given.steps}
    stage = tuned(monocular, SimpleNamespace(seeing=pupil.seeing.config), settings, "encoder")
    assert stage is not None
    lessons = ClipSet(asset("clips"))
    losses: dict[str, float] = {}
    for moment in train(pupil, {"encoder": stage}, lessons, seed=SEED, device="auto", folder=run):
        if moment.step is not None and moment.step.number % 100 == 0:
            losses = dict(moment.losses)
            print(moment.step.number, {name: round(value, 4) for name, value in losses.items()}, flush=True)
    eye = pupil.seeing.cpu().eval()
    told = scores(eye, given.portraits)
    print(told)
    provenance = {
        "program": f"talk {__version__}",
        "licence": OURS_ON_FACEKIT,
        "source": "recipes/eye.py, talk prepare portraits",
        "learnt": dict(stage.learnt()) if stage.learnt else {},
        "training": {"steps": given.steps, "batch": stage.batch, "seed": SEED},
        "losses": losses,
        "scores": {"people never met": told},
    }
    weights = {name: halved(tensor) for name, tensor in eye.state_dict().items()}
    save_checkpoint("eye", eye.config, weights, provenance, given.eye, whole=True)


if __name__ == "__main__":
    main()
