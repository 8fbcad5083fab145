"""3DXTalker without one of its parts: python benchmarks/ablations.py CLIPS OUT [--steps 4500] [--at-once 4]

CLIPS are of `talk prepare studio --set moods=0.6`. The starter's flow learns four times on the same clips
with the same seed, as recipes/dxtalker.toml says but without other rooms: whole, with codes instead of
differences, without amplitude, without emotion (`--variant` takes some of them). Words and feelings are
heard by the ears of the starter that ships. Each then speaks held-out clips, evenly over the speakers,
once from the clip's first frame, as the paper tests, and once from the person at rest. Writes weights, which
another run takes up, and ablations.json into OUT.
"""

from __future__ import annotations

import argparse
import functools
import json
import pickle
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talkcli.engine.clips import ClipSet, Draw
from talkcli.engine.config import load_toml
from talkcli.engine.device import pick_device
from talkcli.engine.files import FORMAT, load_tensors, save_tensors
from talkcli.engine.methods import open_talker
from talkcli.engine.methods.dxtalker.face_vector import motion_tracks, resting
from talkcli.engine.methods.dxtalker.heard_clips import HeardStreamsOfClips
from talkcli.engine.methods.dxtalker.stages import clip_vectors, identities
from talkcli.engine.methods.dxtalker.talker import DxTalker
from talkcli.engine.methods.plan import Plan, halved, plan_for
from talkcli.engine.metrics.evaluate import Case, evaluate
from talkcli.engine.motion import Motion
from talkcli.engine.training.ahead import THREADS, dice
from talkcli.engine.training.fit import Step, fit

RECIPE = Path(__file__).parents[1] / "recipes/dxtalker.toml"
VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "absolute": {"absolute": True},
    "deaf to amplitude": {"amplitude": False},
    "deaf to emotion": {"emotion": False},
}
METRICS = {
    "LVE text": "lve/deeptalk",
    "LVE code": "lvd",
    "UFVE": "eve/deeptalk",
    "MVE": "mve",
    "UFDD text": "fdd/abs",
    "UFDD code": "fdd/deeptalk",
}
"""The paper's names, and those of `talk evaluate`."""
STARTS = ("first frame", "rest")
HEARING = "hearing."
"""Of the weights that nothing here teaches."""
TRIED = 60
"""Steps at most by which a training finds out how fast it is; the first third does not count."""
PATIENCE = 120
"""Seconds for which trainings wait for each other."""


def planned(folder: Path, variant: str, features: int, **settings: int) -> tuple[Plan, DxTalker]:
    """A run of the flow alone, by a talker that hears feelings as the starter does."""
    changes = {"config": {**VARIANTS[variant], "features": features}, "flow": {"views": 0, **settings}}
    plan = plan_for(folder, load_toml(RECIPE), changes, stage="flow")
    talker, starter = plan.talker, open_talker("3dxtalker")
    assert isinstance(talker, DxTalker) and isinstance(starter, DxTalker)
    if talker.hearing.affect is not None and starter.hearing.affect is not None:
        talker.hearing.affect.load_state_dict(starter.hearing.affect.state_dict())
    return plan, talker


def spoken(talker: DxTalker, clips: ClipSet, index: int, seed: int, rested: bool) -> Motion:
    """A clip's speech from its own first frame, or from the person at rest."""
    config, people = talker.config, identities(clips.of(clips.speaker(index)))
    if rested:
        reference = resting(people[clips.speaker(index)], config.layout)
    else:
        reference = clip_vectors(clips, index, people, config)[0]
    vectors = talker.vectors(clips.speech(index), reference, seed)
    face, head, codes = motion_tracks(
        vectors, clips.avatar(index), config.rig, config.rig_shapes, config.layout
    )
    return Motion(Fraction(config.fps), face, head, codes=codes)


@functools.cache
def taught(folder: Path, variant: str, out: Path, features: int) -> DxTalker:
    """A talker as its training left it."""
    torch.set_num_threads(1)
    talker = planned(folder, variant, features)[1]
    hearing = {name: tensor for name, tensor in talker.state_dict().items() if name.startswith(HEARING)}
    talker.load_state_dict({**hearing, **load_tensors(out / f"{variant}.weights")[0]})
    return talker.eval()


def scored(task: tuple[Path, Path, int, str, str, int]) -> dict[str, float]:
    """One held-out clip, spoken and scored."""
    folder, out, features, variant, start, index = task
    talker, clips = taught(folder, variant, out, features), ClipSet(folder, "test")
    motion = spoken(talker, clips, index, 0, start == "rest")
    case = Case(clips.names[index], motion, clips.avatar(index), reference=clips.motion(index))
    values = {score.metric: score.per_clip for score in evaluate(tuple(METRICS.values()), [case])}
    return {name: values[metric] for name, metric in METRICS.items()}


def scores(given: argparse.Namespace, variants: Sequence[str]) -> dict[tuple[str, str], np.ndarray]:
    """[utterances, METRICS] of each training, by where motions begin."""
    speakers = ClipSet(given.clips, "test").speakers.values()
    chosen = [i for own in speakers for i in own[:: max(1, len(own) * len(speakers) // given.most)]]
    tasks = [
        (given.clips, given.out, given.features, variant, start, index)
        for variant in variants
        for start in STARTS
        for index in chosen[: given.most]
    ]
    with get_context("spawn").Pool(max(1, given.workers * given.at_once)) as pool:
        rows = np.array([list(row.values()) for row in pool.map(scored, tasks, chunksize=4)])
    pairs = [(variant, start) for variant in variants for start in STARTS]
    return dict(zip(pairs, rows.reshape(len(pairs), -1, len(METRICS)), strict=True))


@contextmanager
def in_processes(draw: Draw[Any], workers: int) -> Iterator[Draw[Any]]:
    """The same batches, drawn by processes that are begun now."""
    if not workers:
        yield draw
        return
    with ProcessPoolExecutor(workers, get_context("fork"), _keep_draw, (draw,)) as pool:
        for ready in [pool.submit(time.sleep, 0.2) for _ in range(workers)]:
            ready.result()

        def drawn(generator: torch.Generator) -> Any:
            return pickle.loads(pool.submit(_drawn, generator.get_state().numpy()).result())

        yield drawn


_kept: list[Draw[Any]] = []


def _keep_draw(draw: Draw[Any]) -> None:
    torch.set_num_threads(1)
    _kept.append(draw)


def _drawn(state: np.ndarray) -> bytes:
    generator = torch.Generator()
    generator.set_state(torch.from_numpy(state))
    return pickle.dumps(_kept[0](generator), pickle.HIGHEST_PROTOCOL)


@dataclass(frozen=True)
class Together:
    """Trainings that begin at the same time."""

    rates: Any
    """Steps a second of each."""
    barrier: Barrier

    def steps(self, number: int, rate: float, seconds: float, most: int) -> int:
        """As many as the slowest takes in so long."""
        self.rates[number] = rate
        self.barrier.wait(PATIENCE)
        return min(most, int(min(self.rates) * seconds))


def trained(given: argparse.Namespace, variant: str, number: int, together: Together) -> None:
    """One run, which leaves its weights and what it took."""
    torch.set_num_threads(1)
    plan, talker = planned(
        given.clips, variant, given.features, steps=given.steps, batch=given.batch, excerpt=given.excerpt
    )
    plan.clips.motion = functools.cache(plan.clips.motion)  # type: ignore[method-assign]
    stage, device = plan.stages["flow"], pick_device(given.device)
    draw = plan.clips.batches(stage.begin(talker, plan.clips, dice(0)), stage.batch, stage.drawn_by)
    threads, steps, losses = given.workers or THREADS, given.steps, {}
    with in_processes(draw, given.workers) as drawn:

        def fitted(steps: int) -> Iterator[Step]:
            return fit(talker, replace(stage, steps=steps), drawn, seed=0, device=device, threads=threads)

        if given.seconds:
            before = {name: tensor.clone() for name, tensor in talker.state_dict().items()}
            tried = min(TRIED, given.steps)
            times = [time.perf_counter() for step in fitted(tried) if step.losses["velocity"]]
            rate = (tried - 1 - tried // 3) / (times[-1] - times[tried // 3])
            steps = together.steps(number, rate, given.seconds, given.steps)
            talker.load_state_dict(before)
        begun = time.perf_counter()
        for step in fitted(steps):
            if (step.number + 1) % 200 == 0 or step.number + 1 == steps:
                losses, seconds = dict(step.means), time.perf_counter() - begun
                terms = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
                print(f"{variant:20} step {step.number + 1:6} {seconds:6.0f} s  {terms}", flush=True)
    weights = {
        name: halved(tensor.cpu().contiguous())
        for name, tensor in talker.state_dict().items()
        if not name.startswith(HEARING)
    }
    header = {
        "variant": variant,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "clips": len(plan.clips),
        "steps": steps,
        "batch": given.batch,
        "excerpt": given.excerpt,
        "features": given.features,
        "seconds": time.perf_counter() - begun,
        "losses": losses,
    }
    save_tensors(weights, {"format": FORMAT, "kind": "Ablation", **header}, given.out / f"{variant}.weights")


def hear(folder: Path) -> None:
    """What all of them hear, once, before they begin at the same time."""
    plan, talker = planned(folder, "whole", 8)
    HeardStreamsOfClips(talker.hearing, plan.clips, 0)


def table(found: Mapping[tuple[str, str], np.ndarray], variants: Sequence[str]) -> Iterator[str]:
    """Means over the utterances, and by how many hundredths each is off the first variant's, clip by clip,
    with the standard error."""
    for start in STARTS:
        whole = found[variants[0], start]
        yield f"{'from ' + start:20}" + "".join(f"{name:>24}" for name in METRICS)
        for variant in variants:
            rows, line = found[variant, start], f"{variant:20}"
            change = 100 * (rows - whole) / whole.mean(0)
            spread = change.std(0) / max(1, len(rows) - 1) ** 0.5
            for value, mean, error in zip(rows.mean(0), change.mean(0), spread, strict=True):
                line += f"{value:11.4g} {mean:+6.1f} ± {error:3.1f}"
            yield line


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--excerpt", type=int, default=120, help="frames of an example")
    parser.add_argument("--features", type=int, default=160, help="width of the network")
    parser.add_argument("--seconds", type=float, default=0, help="as many steps as all take in so long")
    parser.add_argument("--most", type=int, default=60, help="held-out clips that are spoken")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--at-once", type=int, default=1, help="trainings at the same time")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw batches for each")
    parser.add_argument("--variant", choices=VARIANTS, action="append")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    chosen = given.variant or list(VARIANTS)
    untaught = [name for name in chosen if not (given.out / f"{name}.weights").exists()]
    if untaught:
        hear(given.clips)
    processes = get_context("spawn")
    for first in range(0, len(untaught), given.at_once):
        group = untaught[first : first + given.at_once]
        together = Together(processes.Array("d", len(group)), processes.Barrier(len(group)))
        running = [
            processes.Process(target=trained, args=(given, variant, number, together))
            for number, variant in enumerate(group)
        ]
        for process in running:
            process.start()
        for process in running:
            process.join()
        if any(process.exitcode for process in running):
            sys.exit("A training failed; see above.")
    found = scores(given, chosen)
    whole = {
        variant: {
            **load_tensors(given.out / f"{variant}.weights")[1],
            **{
                f"from {start}": dict(zip(METRICS, found[variant, start].mean(0).tolist(), strict=True))
                for start in STARTS
            },
        }
        for variant in chosen
    }
    (given.out / "ablations.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    print(f"{whole[chosen[0]]['steps']} steps; {len(found[chosen[0], STARTS[0]])} held-out clips")
    print("\n".join(table(found, chosen)), flush=True)


if __name__ == "__main__":
    main()
