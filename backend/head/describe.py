"""A head bundle in plain text, for ``facewright inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..dynamic_detail.detail_maps import KEYS
from ..errors import BundleInvalid
from ..mesh.topology import MATERIALS
from .bundle import HeadBundle, read_bundle
from .detail_files import read_detail
from .detail_masks import has_detail

STRONGEST = 6  # expression weights, and key expressions, that are named
DEPTH_PERCENTILES = (0.2, 99.8)  # between which a map's depth is measured


def describe_bundle(folder: Path) -> str:
    """Read and check a bundle, and explain it. Raises BundleInvalid."""
    bundle = read_bundle(folder, verify=True)
    try:
        return "\n".join([f"Head bundle {folder}", *_lines(bundle), ""])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        path = folder / "head.json"
        raise BundleInvalid(f"{path} lacks what a head bundle says about itself: {error}.") from error


def _lines(bundle: HeadBundle) -> list[str]:
    record = bundle.record
    photo, camera, model = record["photo"], record["camera"], record["model"]
    residual, scale = record["residual"], record["scale"]
    rotation = np.array(record["pose"]["rotation"], np.float64).reshape(3, 3)
    yaw, pitch, roll = _angles(rotation)
    lines = [
        f"  made by      facewright {record['versions']['facewright']}, format {record['format_version']}",
        f"  photo        {photo['name']}, {photo['width']} x {photo['height']} px, face {photo['face']} "
        f"of {photo['faces']}, confidence {photo['confidence']:.2f}",
        f"  face model   {model['name']}, {len(record['identity'])} identity coefficients, "
        f"RMS {np.sqrt(np.mean(np.square(record['identity']))):.2f} standard deviations",
        f"  camera       {camera['focal_length_35mm']:.0f} mm (35 mm equivalent, {camera['focal_source']}), "
        f"{camera['fx']:.0f} px",
        f"  pose         yaw {yaw:+.1f}, pitch {pitch:+.1f}, roll {roll:+.1f} degrees, "
        f"{-record['pose']['translation_mm'][2]:.0f} mm from the camera",
        f"  expression   {_strongest(record['expression'])}",
        f"  scale        pupils {scale['pupil_distance_mm']:.1f} mm apart, +- {100 * scale['relative_sd']:.0f} %, "
        f"from {scale['source']}; the model's own size times {scale['factor']:.3f}",
        f"  landmarks    mean error {residual['mean_px']:.2f} px, "
        f"{100 * residual['relative']:.2f} % of the distance between the outer eye corners",
        *_geometry_lines(bundle),
        *_texture_lines(record),
        *_detail_lines(bundle),
        *_timing_lines(record["timings"]),
    ]
    lines += [f"  warning      {warning}" for warning in record["warnings"]] or ["  warnings     none"]
    lines.append("  files        all present, sha256 verified")
    lines += [f"    {name:<26}{entry['bytes'] / 1e6:9.2f} MB" for name, entry in record["files"].items()]
    return lines


def _angles(rotation: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float, float]:
    """Yaw (positive: face turned to the image's right), pitch (positive: up), roll of R = Rz Rx Ry, degrees."""
    forward, side = rotation @ [0.0, 0.0, 1.0], rotation @ [1.0, 0.0, 0.0]
    yaw = np.degrees(np.arctan2(forward[0], forward[2]))
    pitch = np.degrees(np.arcsin(np.clip(forward[1], -1.0, 1.0)))
    roll = np.degrees(np.arctan2(side[1], np.hypot(side[0], side[2])))
    return float(yaw), float(pitch), float(roll)


def _strongest(weights: dict[str, float]) -> str:
    chosen = sorted(((w, n) for n, w in weights.items() if w >= 0.05), reverse=True)[:STRONGEST]
    return ", ".join(f"{name} {weight:.2f}" for weight, name in chosen) or "neutral"


def _geometry_lines(bundle: HeadBundle) -> list[str]:
    topology, (neutral, blendshapes) = bundle.topology, bundle.head
    extent = np.ptp(neutral, axis=0)
    counts = np.bincount(topology.material, minlength=len(MATERIALS))
    parts = ", ".join(f"{name} {count}" for name, count in zip(MATERIALS, counts, strict=True) if count)
    still = [name for name, offsets in zip(bundle.blendshape_names, blendshapes, strict=True) if not offsets.any()]
    points = f"{len(bundle.embedding.landmark)} of 478 and {len(bundle.ibug68.landmark)} of 68"
    return [
        f"  geometry     {len(neutral):,} vertices, {len(topology.quads):,} faces ({parts})",
        f"               {extent[0]:.0f} x {extent[1]:.0f} x {extent[2]:.0f} mm, "
        f"{len(topology.regions)} regions, lattice {topology.lattice_size or 'none'}",
        f"  blendshapes  {len(blendshapes)}" + (f", without movement: {', '.join(still)}" if still else ""),
        f"               landmarks on the mesh: {points}",
    ]


def _texture_lines(record: dict[str, Any]) -> list[str]:
    texture = record["texture"]
    return [
        f"  texture      {texture['size']} x {texture['size']} px, the photo holds detail for "
        f"{texture['effective_size']}; {texture['seen_percent']:.0f} % of it was seen, the rest is invented"
    ]


def _detail_lines(bundle: HeadBundle) -> list[str]:
    if not has_detail(bundle.record):
        return ["  detail       none"]
    detail = read_detail(bundle.path)
    made = detail.record
    low, high = np.percentile(detail.dynamic.reshape(KEYS, -1), DEPTH_PERCENTILES, axis=1)
    deepest = sorted(zip(high - low, made["key_expressions"], strict=True), reverse=True)[:STRONGEST]
    return [
        f"  detail       {detail.size} x {detail.size} px, from {made['source']}; skin of about "
        f"{made['age']['years']:.0f} years ({made['age']['from']})",
        f"               depth of wrinkles {', '.join(f'{name} {depth:.2f}' for depth, name in deepest)} mm",
        f"               at rest {np.ptp(np.percentile(detail.static, DEPTH_PERCENTILES)):.2f} mm, "
        f"pores {1000.0 * detail.pores[detail.pores != 0.0].std():.0f} um (standard deviation)",
    ]


def _timing_lines(timings: dict[str, Any]) -> list[str]:
    seconds = timings["seconds"]
    stages = ", ".join(f"{name} {value:.2f}" for name, value in seconds.items() if name != "total")
    memory = timings["peak_memory_mb"]
    lines = [f"  made in      {seconds['total']:.2f} s ({stages})"]
    return lines + ([f"  memory       {memory:.0f} MB at most"] if memory is not None else [])
