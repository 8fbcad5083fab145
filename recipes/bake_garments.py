"""Cut the garments again: python recipes/bake_garments.py FOLDER

Writes assets/garments.safetensors from makehuman_garments.npz in a folder: upper garments of the MakeHuman
community (CC0) as worn on its base mesh. Half a minute on one core; the same bytes every time.
"""

import sys
from pathlib import Path

from talkcli.engine.assets import assets_folder
from talkcli.engine.face.face_model import load_face_model
from talkcli.engine.face.topology import MATERIALS
from talkcli.engine.face.worn import WORN_STEP
from talkcli.engine.files import save_struct
from talkcli.engine.studio.scanned.garments import GARMENTS, Wardrobe
from talkcli.engine.studio.scanned.tailoring import tailored


def main() -> None:
    model = load_face_model()
    skin = model.topology.faces[model.topology.materials == MATERIALS.index("skin")].unique().long()
    garments = tailored(Path(sys.argv[1]), model.template[skin].double().numpy() * 1000)
    target = assets_folder() / GARMENTS
    steps = {f"garments.{name}.points": WORN_STEP for name in garments}
    steps |= {f"garments.{name}.from_edge": 1e-4 for name in garments}
    steps |= {f"garments.{name}.uv": 1 / 16384 for name in garments}
    save_struct(Wardrobe(garments), target, packed=True, steps=steps)
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB")
    for name, garment in garments.items():
        print(f"{name}: {len(garment.points)} vertices, {len(garment.faces)} triangles")


if __name__ == "__main__":
    main()
