"""How well each source predicts detail that is known: synthetic heads that no training has seen.

    python benchmarks/detail_network.py                     16 held-out heads, made first (about 3 s each)
    python benchmarks/detail_network.py --samples DIR       those of a folder, made where they are missing
    python benchmarks/detail_network.py --json FILE         all numbers, too

Identities, seeds, skins, lights and photographs of these heads have nothing in common with those that the networks
were trained on; the generator is the same, so the numbers say what was learned of it, not how real skin behaves.
Every head performs the key expressions at intensities of its own, and shows one of many expressions in its photo.

Rows, for every key expression: F_i without pores (a photo does not resolve them) against what is predicted.

    nothing                  no displacement
    one static map           the network's F_0 in every expression: FaceScape's "without dynamic details"
    without deforming map    trained with one-hot expressions instead (FaceScape Fig. 10)
    network                  FaceScape Sec. 4.2
    mechanics and photo      the product's default; it shares the generator's laws, but knows neither seed nor skin
    SD-DeTail ...            HiFace Sec. 3.3, and its two ablations (Table 1)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from facewright.displacement.crease_ground import SkinGround, slit_fade
from facewright.displacement.lattice_frame import LatticeFrame
from facewright.displacement.line_lock import lock_lines
from facewright.displacement.mechanics import crease_depths, dynamic_maps, lay_out_creases, locked_static
from facewright.displacement.mesoscopic import mesoscopic_relief
from facewright.displacement.network import predict_key_maps
from facewright.displacement.sd_detail import sd_detail
from facewright.displacement.settings import SkinSettings
from facewright.displacement.skin_age import with_age
from facewright.displacement.strain import expression_heads, key_strain
from facewright.face_model.base import FaceModel, HeadGeometry
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES
from facewright.face_model.load import load_face_model
from facewright.mesh.texel_map import uv_sampler
from facewright.training.detail_metrics import Agreement, TexelMetric, agreement, slopes, texel_metric
from facewright.training.detail_samples import PopulationSettings, make_samples
from facewright.training.sample_store import DetailSample, open_samples
from numpy.typing import NDArray
from texture_as_photo import texture_evidence

Float32 = NDArray[np.float32]
ABLATION = Path(__file__).resolve().parent / "networks" / "without_deforming.onnx"
GUESSED_SEED = 1


class Head(NamedTuple):
    """A held-out head: the sample, and the geometry that the product would have fitted."""

    model: FaceModel
    geometry: HeadGeometry
    sample: DetailSample

    @property
    def trust(self) -> Float32:
        """(S, S) 0..1"""
        return self.sample.trust.astype(np.float32) / np.float32(255.0)

    @property
    def size(self) -> int:
        """S"""
        return len(self.sample.static)


Predictor = Callable[[Head], Float32]
"""A head to (20, S, S) mm: F_0, then F_i - F_0."""


def nothing(head: Head) -> Float32:
    """No displacement."""
    return np.zeros((len(KEY_EXPRESSION_NAMES), head.size, head.size), np.float32)


def network(head: Head) -> Float32:
    """The shipped network."""
    return _predicted(head, None)


def _predicted(head: Head, model: Path | None) -> Float32:
    topology = head.model.topology
    free = slit_fade(LatticeFrame.of(topology, head.geometry.neutral), uv_sampler(topology, "skin", head.size))
    return predict_key_maps(head.sample.texture, head.trust, head.sample.deforming, model) * free


def one_static_map(head: Head) -> Float32:
    """The network's F_0 everywhere."""
    maps = network(head)
    maps[1:] = 0.0
    return maps


def without_deforming(head: Head) -> Float32:
    """One-hot expressions."""
    return _predicted(head, ABLATION)


def mechanics_and_photo(head: Head) -> Float32:
    """What ``make_detail`` does by default, from the same texture, with the expressions as they are performed."""
    topology, names = head.model.topology, head.model.blendshape_names
    neutral, blendshapes = head.geometry
    skin = SkinSettings(seed=GUESSED_SEED)
    ground = SkinGround.of(topology, neutral, blendshapes, names, head.size, skin)
    sets = lay_out_creases(ground)
    shown = np.array(head.sample.about["source_weights"])
    evidence = with_age(ground, sets, texture_evidence(head.model, head.sample), shown)
    ground = replace(ground, settings=replace(skin, age=evidence.age, roughness=evidence.roughness))
    locked = lock_lines(ground, sets, evidence, shown)
    weights = np.array(head.sample.about["key_weights"])
    strain = key_strain(ground.frame, expression_heads(neutral, blendshapes, weights))
    dynamic = dynamic_maps(ground, sets, crease_depths(ground, sets, strain, weights), locked)
    static = locked_static(ground, sets, locked)
    static = static + mesoscopic_relief(ground, sets, evidence, static, shown)
    return np.concatenate([static[None], dynamic])


def sd_maps(head: Head, static: bool = True, dynamic: bool = True) -> Float32:
    """SD-DeTail, whole or without one of its two parts."""
    sample = head.sample
    maps = sd_detail(
        head.model.topology, head.geometry.neutral, sample.source, sample.texture, head.trust,
        np.array(sample.about["key_weights"]), sample.tension, head.size,
    )  # fmt: skip
    return np.concatenate([maps.static[None] * static, maps.dynamic * dynamic])


ROWS: dict[str, Predictor] = {
    "nothing": nothing,
    "one static map": one_static_map,
    "without deforming map": without_deforming,
    "network": network,
    "mechanics and photo": mechanics_and_photo,
    "SD-DeTail without static": lambda head: sd_maps(head, static=False),
    "SD-DeTail without dynamic": lambda head: sd_maps(head, dynamic=False),
    "SD-DeTail": sd_maps,
}


class Truth(NamedTuple):
    """What one head's maps are compared with: metric, F_0 .. F_19 and their slopes."""

    metric: TexelMetric
    maps: list[Float32]
    slopes: list[Float32]

    @classmethod
    def of(cls, head: Head) -> Truth:
        """Of one head."""
        metric = texel_metric(head.model.topology, head.geometry.neutral, head.size)
        maps = [head.sample.static, *(head.sample.static + change for change in head.sample.dynamic)]
        return cls(metric, maps, [slopes(values, metric) for values in maps])


def measure(truth: Truth, maps: Float32) -> list[Agreement]:
    """Agreement of F_0 .. F_19; ``maps`` are F_0, then F_i - F_0."""
    made = [maps[0], *(maps[0] + change for change in maps[1:])]
    return [agreement(*both, truth.metric, steep) for *both, steep in zip(made, truth.maps, truth.slopes)]


MEASURES = ("correlation", "rmse_mm", "normal_degrees")
FORMATS = {"correlation": "{:.2f}", "rmse_mm": "{:.3f}", "normal_degrees": "{:.2f}"}
TITLES = {
    "correlation": "Correlation",
    "rmse_mm": "RMSE, mm",
    "normal_degrees": "Error of the normals, degrees (the row 'nothing': without the map)",
}


def table(results: dict[str, Float32], measure_name: str) -> str:
    """Markdown: one row a predictor, one column a key expression, and their mean."""
    index, form = Agreement._fields.index(measure_name), FORMATS[measure_name]
    lines = [f"### {TITLES[measure_name]}", "", "| | mean | " + " | ".join(KEY_EXPRESSION_NAMES) + " |"]
    lines.append("|---" * (len(KEY_EXPRESSION_NAMES) + 2) + "|")
    for name, values in results.items():
        means = np.nanmean(values[:, :, index], axis=0)
        cells = [form.format(value) for value in (np.nanmean(means), *means)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--samples", type=Path, metavar="DIR", help="where synthetic heads are (default: made anew)"
    )
    parser.add_argument("--heads", type=int, default=16, help="held-out heads to measure on (default: %(default)s)")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.samples or Path(temporary)
        known = (folder / "samples.json").is_file()
        samples = open_samples(folder) if known else make_samples(folder, 0, options.heads, PopulationSettings())
        samples = samples.part("held_out")
        model = load_face_model(None)
        count = min(options.heads, len(samples))
        results: dict[str, list[list[Agreement]]] = {name: [] for name in options.rows}
        for number in range(count):
            began = time.monotonic()
            sample = samples[number]
            head = Head(model, model.head(np.array(sample.about["identity"])), sample)
            truth = Truth.of(head)
            for name in options.rows:
                results[name].append(measure(truth, ROWS[name](head)))
            print(f"head {number + 1} of {count}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    arrays = {name: np.array(values, np.float64) for name, values in results.items()}
    print(f"{count} held-out heads, {len(KEY_EXPRESSION_NAMES)} key expressions, {head.size} texels a side\n")
    for name in MEASURES:
        print(table(arrays, name))
    if options.json:
        facts = {
            name: dict(zip(Agreement._fields, np.moveaxis(values, 2, 0).tolist()))
            for name, values in arrays.items()
        }
        options.json.write_text(json.dumps({"keys": KEY_EXPRESSION_NAMES, "rows": facts}) + "\n")


if __name__ == "__main__":
    main()
