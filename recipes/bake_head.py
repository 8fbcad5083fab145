"""Bake the built-in head from ICT-FaceKit Light: python recipes/bake_head.py FOLDER

FOLDER is FaceXModel of a checkout, or one with facekit.npz, the same packed. Writes
assets/head.safetensors, the same bytes every time on one machine; a minute on one core.
"""

import argparse
import time
from pathlib import Path

from talkcli.engine.assets import assets_folder
from talkcli.engine.files import save_struct
from talkcli.engine.studio.scanned.head import STORAGE_STEPS, assemble
from talkcli.engine.studio.scanned.looks import FIELDS


def main() -> None:
    start = time.perf_counter()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    model, fields = assemble(parser.parse_args().folder)
    target = assets_folder() / "head.safetensors"
    save_struct(model, target, packed=True, steps=STORAGE_STEPS)
    save_struct(fields, assets_folder() / FIELDS, packed=True, steps={"places": 2e-5, "rings": 1e-3})
    print(
        f"{target}: {len(model.template)} vertices, {len(model.topology.faces)} faces, "
        f"{len(model.identity)} identity components, {len(model.shapes)} shapes, "
        f"{target.stat().st_size / 1e6:.1f} MB, {time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
