"""How much of 19 displacement maps HiFace's pair of maps, driven by tension, can say.

    python benchmarks/detail_tension.py [--heads 8] [--size 512] [--json OUT]

Heads are sampled from the built-in model's identities and wrinkle by mechanics at full key expressions. D_com and
D_str are the pair that explains all 19 maps best (``displacement/tension_maps.py``); the table shows each
expression's share of the detail's energy (sum of squares), and the share of it that the pair reproduces.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from facewright.displacement.crease_ground import SkinGround
from facewright.displacement.mechanics import crease_depths, dynamic_maps, lay_out_creases
from facewright.displacement.settings import SkinSettings
from facewright.displacement.tension_maps import explained_energy, tension_maps
from facewright.dynamic_detail.tension import key_tension, skin_edges
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES
from facewright.face_model.load import load_face_model
from facewright.mesh.texel_map import uv_sampler

FIRST_SEED = 100  # the heads of detail_mechanics.py
EMPTY = 1e-3  # of all energy: an expression with less has no wrinkles to speak of


def measure(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(19,) energy of each expression's detail, mm^2 summed over texels, and (19,) share that the pair explains."""
    model = load_face_model()
    identity = np.random.default_rng(seed).normal(size=model.identity_dims) * 0.8
    head = model.head(identity)
    ground = SkinGround.of(
        model.topology, head.neutral, head.blendshapes, model.blendshape_names, size, SkinSettings(seed=seed)
    )
    sets = lay_out_creases(ground)
    dynamic = dynamic_maps(ground, sets, crease_depths(ground, sets))
    edges = skin_edges(model.topology, head.neutral)
    tension = key_tension(edges, head.neutral, head.blendshapes, ground.weights)
    images = np.moveaxis(uv_sampler(model.topology, "skin", size).image(tension.T), 2, 0)
    pair = tension_maps(dynamic, images)
    return (dynamic.astype(np.float64) ** 2).sum((1, 2)), explained_energy(dynamic, images, *pair)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--json", type=Path, help="write the table there")
    arguments = parser.parse_args()
    found = [measure(FIRST_SEED + k, arguments.size) for k in range(arguments.heads)]
    energy = np.array([each[0] for each in found])
    explained = np.array([each[1] for each in found])
    share = energy.sum(0) / energy.sum()
    of_key = (energy * explained).sum(0) / np.maximum(energy.sum(0), 1e-12)
    table = {}
    print(f"{'expression':16s} {'share':>7s} {'explained':>10s}")
    for name, part, said in zip(KEY_EXPRESSION_NAMES[1:], share, of_key):
        table[name] = {"share": float(part), "explained": float(said) if part > EMPTY else None}
        print(f"{name:16s} {part:7.3f} {f'{said:10.2f}' if part > EMPTY else '         -'}")
    whole = float((energy * explained).sum() / energy.sum())
    print(f"{'all':16s} {1.0:7.3f} {whole:10.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"expressions": table, "all": whole}, indent=1))


if __name__ == "__main__":
    main()
