"""Captures for the Gaussian head: python recipes/captures.py FOLDER [--people 96]

Sessions of people who never were, before the fixed cameras of the studio, as recipes/unigaha.toml wants them;
10 s and 60 MB each. What is there is kept; the same plan gives the same pictures.
"""

import argparse
from pathlib import Path

from talkcli.engine.studio.captures import CapturePlan, capture_all


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=CapturePlan.people)
    given = parser.parse_args()
    for name in capture_all(CapturePlan(people=given.people), given.folder):
        print(name, flush=True)


if __name__ == "__main__":
    main()
