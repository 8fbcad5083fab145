"""python -m tests.fuzz: spoil files until the time is over, and say what came of it."""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path
from random import Random

import torch

from .mutations import mutated
from .readers import READERS, drawn, lay_out_spoilt, seeds_of, victims_in
from .seeds import write_seeds
from .trial import DETAIL_LETTERS, Child, outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0, help="of the dice")
    parser.add_argument("--only", metavar="READER", action="append", help=f"{', '.join(READERS)}; repeatable")
    parser.add_argument("--keep", type=Path, default=Path("fuzzed"), help="where files that were not read go")
    parser.add_argument("--again", metavar="FILE", type=Path, help="read one such file again, with --only")
    options = parser.parse_args()
    names = options.only or list(READERS)
    if unknown := set(names) - set(READERS):
        parser.error(f"no such reader: {', '.join(unknown)}")
    torch.set_num_threads(1)  # a child that is forked beside OpenMP's threads waits for them for ever
    with tempfile.TemporaryDirectory() as scratch:
        seeds = write_seeds(Path(scratch) / "seeds")
        for (
            name
        ) in names:  # whole, in this process: what is imported and compiled now is there in every child
            _prove_whole(name, seeds, Path(scratch))
        if options.again:
            return _again(names[0], options.again, seeds, Path(scratch))
        return _search(names, options, seeds, Path(scratch))


def _prove_whole(name: str, seeds: Path, scratch: Path) -> None:
    for seed in seeds_of(READERS[name], seeds):
        victim = victims_in(seed)[0]
        target = lay_out_spoilt(seed, victim, victim.read_bytes(), scratch / "whole")
        ended = outcome(READERS[name], target, seeds)
        shutil.rmtree(scratch / "whole")
        if ended.code:
            raise SystemExit(f"{name}: {seed} is refused: {ended}")


def _again(name: str, path: Path, seeds: Path, scratch: Path) -> int:
    """One file, in this process, with whatever it raises."""
    place = scratch / path.name
    shutil.copytree(path, place) if path.is_dir() else shutil.copyfile(path, place)
    child = Child(READERS, seeds, scratch / "stderr")
    finding = child.try_(name, place)
    child.end()
    print(f"{finding.kind}: {finding.detail[-DETAIL_LETTERS:]}" if finding else "nothing found")
    return int(finding is not None)


def _search(names: list[str], options: argparse.Namespace, seeds: Path, scratch: Path) -> int:
    """Every reader gets the same time."""
    spent, tried = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    found: dict[str, int] = {}
    child = Child(READERS, seeds, scratch / "stderr")
    until = time.monotonic() + 60 * options.minutes
    for number in itertools.count():
        if time.monotonic() > until:
            break
        name = min(names, key=lambda each: spent[each])
        begun, dice = time.monotonic(), Random(f"{options.seed} {number}")
        seed, victim, other = drawn(READERS[name], seeds, dice)
        place = scratch / "trial"
        target = lay_out_spoilt(seed, victim, mutated(victim.read_bytes(), other, dice), place)
        finding = child.try_(name, target)
        if finding is not None:
            place_of = f"{name}: {finding.place}"
            found[place_of] = found.get(place_of, 0) + 1
            if found[place_of] == 1:
                kept = options.keep / f"{len(found):03}" / seed.name
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.rmtree(kept, ignore_errors=True)
                shutil.copytree(target, kept) if target.is_dir() else shutil.copyfile(target, kept)
                print(f"\n{finding.kind}: {name}: {victim.relative_to(seeds)}")
                print(finding.detail[-DETAIL_LETTERS:])
                print(f"again: python -m tests.fuzz --only {name!r} --again {kept}", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        spent[name] += time.monotonic() - begun
        tried[name] += 1
    child.end()
    for name in names:
        print(f"{tried[name]:8} {name}")
    print(f"{sum(tried.values()):8} files tried with seed {options.seed}, {len(found)} kinds of fault found")
    for place_of, times in found.items():
        print(f"{times:8} x {place_of[:200]}")
    return int(bool(found))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
