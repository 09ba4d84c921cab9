"""A face model explained in plain text: what it consists of, and whether it keeps its promises."""

from __future__ import annotations

import textwrap
import time

import numpy as np

from ..mesh.topology import MATERIALS, Topology
from .base import FaceModel, HeadGeometry
from .bilinear import BilinearModel
from .quality import count_flips, worst_penetration

#: What the built-in model promises: name in the report -> (what it is, unit, the most that is allowed).
BARS: dict[str, tuple[str, str, float]] = {
    "surface_narrow_face_mean_mm": ("distance to the source's surface, narrow face, mean", "mm", 0.08),
    "surface_lids_mean_mm": ("distance to the source's surface, lids, mean", "mm", 0.07),
    "surface_lips_mean_mm": ("distance to the source's surface, lips, mean", "mm", 0.06),
    "surface_ears_mean_mm": ("distance to the source's surface, ears, mean", "mm", 0.4),
    "blendshapes_mean_mm": ("blendshapes against direct deformation transfer, mean", "mm", 0.1),
    "penetration_max_mm": ("deepest penetration of lids, lips, teeth and tongue", "mm", 0.3),
    "flips_mean_head": ("flipped faces of the mean head, at rest and per blendshape", "", 0.0),
}
#: Entries of the report that come once per blendshape: prefix -> heading.
PER_BLENDSHAPE = {
    "concave_": "concave skin faces of the template, by blendshape",
    "flips_mean_head_": "flipped faces of the finished mean head, by blendshape",
    "flips_": "flipped faces of the template before correctives, by blendshape",
    "penetration_": "deepest penetrations in mm (what, in which blendshape)",
}
MAX_FILE_MB = 35.0
MAX_LOAD_SECONDS = 0.5
INSPECTION_SEED = 7
_WIDTH = 64


def describe_model(model: FaceModel, heads: int = 2) -> str:
    """Plain text, several lines, without a final newline.

    Measures ``heads`` finished heads, the mean and random ones (identities N(0, 1)): a second or two for each.
    """
    lines = [f"{model.name}", f"sha256 {model.sha256}", ""]
    lines += _topology(model.topology)
    lines += ["", *_statistics(model)]
    if isinstance(model, BilinearModel):
        lines += ["", *_built(model), "", *_now(model, heads)]
    for warning in getattr(model, "warnings", ()):
        lines += ["", f"Note: {warning}"]
    return "\n".join(lines)


def _topology(topology: Topology) -> list[str]:
    triangles = int((topology.quads[:, 3] < 0).sum())
    faces = len(topology.quads)
    what = "all quads" if not triangles else f"{triangles} of them triangles"
    lines = [f"Topology: {topology.vertex_count} vertices, {faces} faces, {what}"]
    for number, name in enumerate(MATERIALS):
        count = int((topology.material == number).sum())
        if count:
            lines.append(f"  material {name:<10} {count:>6} faces")
    if topology.lattice_size:
        lines.append(
            f"  the skin is a lattice of {topology.lattice_size} x {topology.lattice_size} cells, UV = lattice"
        )
    lines.append("  left-right symmetric" if topology.mirror is not None else "  not symmetric")
    if topology.regions:
        lines.append(f"Regions ({len(topology.regions)}), vertices:")
        lines += _columns([f"{name} {len(ids)}" for name, ids in sorted(topology.regions.items())])
    return lines


def _statistics(model: FaceModel) -> list[str]:
    lines = [
        f"Identity: {model.identity_dims} coefficients, standard deviations",
        f"Blendshapes: {len(model.blendshape_names)}",
        *_columns(list(model.blendshape_names)),
        f"Landmarks: {len(model.embedding.landmark)} of the network's 478, "
        f"{len(model.ibug68.landmark)} of iBUG's 68",
    ]
    if not model.metric:
        lines.append("Scale: not metric")
    if isinstance(model, BilinearModel):
        vertex, blendshape, identity = model.ranks
        lines.append(f"Tucker core: {vertex} (vertices) x {blendshape} (blendshapes) x {identity} (identity)")
    return lines


def _built(model: BilinearModel) -> list[str]:
    lines = ["Measured when it was built, with the correctives of that day (bar in brackets):"]
    for key, (what, unit, bar) in BARS.items():
        if key in model.report:
            lines.append(_line(what, model.report[key], unit, bar))
    rest = {key: value for key, value in sorted(model.report.items()) if key not in BARS}
    for prefix, what in PER_BLENDSHAPE.items():
        counts = {key.removeprefix(prefix): rest.pop(key) for key in list(rest) if key.startswith(prefix)}
        if counts:
            lines += [
                f"  {what}:",
                *_columns([f"{name} {count:g}" for name, count in counts.items()], indent=4),
            ]
    lines += [f"  {key.replace('_', ' '):<{_WIDTH}} {value:.4g}" for key, value in rest.items()]
    return lines


def _now(model: BilinearModel, heads: int) -> list[str]:
    lines = ["Measured now (bar in brackets):"]
    if model.path is not None:
        start = time.perf_counter()
        BilinearModel.load(model.path)
        seconds = time.perf_counter() - start
        lines.append(_line("loading", seconds, "s", MAX_LOAD_SECONDS))
        lines.append(_line("file", model.path.stat().st_size / 2**20, "MB", MAX_FILE_MB))
    mean = np.zeros(model.identity_dims)
    start = time.perf_counter()
    head: HeadGeometry = model.head(mean)
    lines.append(
        f"  {'one head with all blendshapes and correctives':<{_WIDTH}} {time.perf_counter() - start:.3g} s"
    )
    flips = count_flips(model.topology, head, model.blendshape_names)
    lines.append(_line(BARS["flips_mean_head"][0], sum(flips.values()), "", 0.0))
    lines += _columns([f"{name} {count}" for name, count in flips.items()], indent=4)
    rng = np.random.default_rng(INSPECTION_SEED)
    others = rng.standard_normal((heads - 1, model.identity_dims))
    for kind, (depth, name) in worst_penetration(model, np.concatenate([mean[None], others])).items():
        what = f"penetration of {heads} heads, {kind.replace('_', ' ')} ({name})"
        lines.append(_line(what, depth, "mm", BARS["penetration_max_mm"][2]))
    return lines


def _line(what: str, value: float, unit: str, bar: float) -> str:
    verdict = "" if value <= bar else "  ABOVE THE BAR"
    return f"  {what:<{_WIDTH}} {value:.3g} {unit}".rstrip() + f" [{bar:g}]{verdict}"


def _columns(words: list[str], width: int = 100, indent: int = 2) -> list[str]:
    """Words, separated by commas, in indented lines of at most ``width`` characters."""
    text = ", ".join(word.replace(" ", "\N{NO-BREAK SPACE}") for word in words)
    lines = textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
