"""Make the built-in head again: python recipes/bake_head.py

Writes assets/head.safetensors, the same bytes every time on one machine; about a minute on one core.
"""

import time

from talkcli.engine.assets import assets_folder
from talkcli.engine.files import save_struct
from talkcli.engine.studio.head import assemble_head


def main() -> None:
    start = time.perf_counter()
    model = assemble_head()
    target = assets_folder() / "head.safetensors"
    save_struct(model, target, packed=True)
    size = target.stat().st_size / 1e6
    print(
        f"{target}: {len(model.template)} vertices, {len(model.topology.faces)} faces, "
        f"{len(model.identity)} identity components, {len(model.shapes)} shapes, "
        f"{size:.1f} MB, {time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
