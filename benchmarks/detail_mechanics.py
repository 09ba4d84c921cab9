"""Whether wrinkles from mechanics are as deep, as steep, as wide apart and directed as they have to be.

    python benchmarks/detail_mechanics.py [--heads 20] [--size 1024] [--json OUT]

Heads are sampled from the built-in model's identities; the table shows the least favourable value of all heads
beside the bar, and seconds of one processor.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from facewright.displacement.crease_ground import SkinGround
from facewright.displacement.map_quality import SkinRuler
from facewright.displacement.mechanics import crease_depths, dynamic_maps, lay_out_creases
from facewright.displacement.pores import pores
from facewright.displacement.settings import SkinSettings
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES
from facewright.face_model.load import load_face_model

DEPTH_BARS = {
    "brow_raiser": (0.7, 1.5),
    "smile": (0.7, 1.5),
    "anger": (0.4, 1.2),
    "brow_lower": (0.4, 1.2),
}
LARGEST_ANGLE, LARGEST_SLOPE, MOST_PITS, NEAR_SLIT_UM, AT_NEUTRAL_MM = 25.0, 40.0, 50, 5.0, 0.06
SPACING, PORES_UM = (6.0, 9.0), (15.0, 30.0)


def sampled_identity(seed: int, dims: int) -> np.ndarray:
    """A head that one might meet: identity coefficients of standard deviation 0.8."""
    return np.random.default_rng(seed).normal(size=dims) * 0.8


def measure(seed: int, size: int) -> dict[str, float]:
    """All measures of one head."""
    model = load_face_model()
    head = model.head(sampled_identity(seed, model.identity_dims))
    started = time.process_time()
    settings = SkinSettings(seed=seed)
    ground = SkinGround.of(model.topology, head.neutral, head.blendshapes, model.blendshape_names, size, settings)
    sets = lay_out_creases(ground)
    maps = dynamic_maps(ground, sets, crease_depths(ground, sets))
    found = {"seconds": time.process_time() - started}
    ruler = SkinRuler(ground, model.topology)
    angles, each = [], []
    for name, shown, strain in zip(KEY_EXPRESSION_NAMES[1:], maps, ground.strain):
        quality = ruler.quality(shown, strain)
        each.append(quality)
        angles.append(quality.angles)
        found[f"depth {name}"] = quality.depth_mm
        if len(quality.angles) > 500:
            found[f"angle {name}"] = float(np.median(quality.angles))
    found["angle"] = float(np.median(np.concatenate(angles)))
    found["slope"] = max(q.slope_degrees for q in each)
    found["pits"] = max(q.pits for q in each)
    found["near slits"] = max(q.near_slit_um for q in each)
    raised = maps[KEY_EXPRESSION_NAMES.index("brow_raiser") - 1]
    found["forehead spacing"], found["forehead lines"] = ruler.forehead_spacing(raised)
    rest = crease_depths(ground, sets, np.zeros_like(ground.strain[:1]), np.zeros_like(ground.weights[:1]))
    found["at neutral"] = float(np.abs(dynamic_maps(ground, sets, rest)).max())
    relief = pores(model.topology, head.neutral, size, seed=seed)
    found["pores"] = 1e3 * float(relief[ruler.face].std())
    return found


def bars() -> dict[str, tuple[float, float]]:
    """Measure -> least and greatest value allowed."""
    return {
        "angle": (0.0, LARGEST_ANGLE),
        "forehead spacing": SPACING,
        **{f"depth {name}": bar for name, bar in DEPTH_BARS.items()},
        "slope": (0.0, LARGEST_SLOPE),
        "pits": (0.0, MOST_PITS),
        "near slits": (0.0, NEAR_SLIT_UM),
        "at neutral": (0.0, AT_NEUTRAL_MM),
        "pores": PORES_UM,
    }


def main() -> None:
    """Measure, print, and end with an error where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=20)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--json", type=Path, help="write every head's numbers there")
    arguments = parser.parse_args()
    heads = [measure(seed, arguments.size) for seed in range(100, 100 + arguments.heads)]
    if arguments.json:
        arguments.json.write_text(json.dumps(heads, indent=1))
    allowed = bars()
    missed = []
    print(f"{'measure':26s} {'least':>8s} {'median':>8s} {'most':>8s}   bar")
    for name in sorted({key for head in heads for key in head}, key=lambda key: (key not in allowed, key)):
        values = np.array([head[name] for head in heads if name in head])
        low, high = allowed.get(name, (-np.inf, np.inf))
        held = low <= values.min() and values.max() <= high
        if not held:
            missed.append(name)
        bar = f"{low:g} to {high:g} {'' if held else 'MISSED'}" if name in allowed else ""
        print(f"{name:26s} {values.min():8.2f} {np.median(values):8.2f} {values.max():8.2f}   {bar}")
    if missed:
        raise SystemExit(f"Missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
