"""Head bundles for the Blender tests: a small synthetic head, or any face model's head, in the real format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from facewright.face_model.base import ARKIT_NAMES, HeadGeometry
from facewright.head.bundle import geometry_bytes, write_record
from facewright.mesh.topology import MATERIALS, LandmarkEmbedding, Topology
from PIL import Image

HINGE, JAW_DEGREES = np.array([0.0, -42.0, -66.0]), 22.0
EYE_CENTRES = {"left": np.array([32.0, 0.0, 0.0]), "right": np.array([-32.0, 0.0, 0.0])}
EYE_RADIUS = 12.0
PHOTO_SIZE = (320, 400)
CAMERA = {"width": 320, "height": 400, "fx": 520.0, "fy": 520.0, "cx": 151.5, "cy": 212.25}
EXPRESSION = {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.45, "jawOpen": 0.125, "browInnerUp": 0.25}
IDENTITY = [0.5, -1.25, 0.75]


class Part(NamedTuple):
    """A piece of mesh: ``vertices`` (n, 3) mm, ``quads`` (f, 4) own ids, ``uv`` (n, 2), ``material`` name."""

    name: str
    vertices: np.ndarray
    quads: np.ndarray
    uv: np.ndarray
    material: str


def turn_about_x(points: np.ndarray, centre: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate points (n, 3) about the x axis through ``centre``, positive from y to z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (points - centre) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]).T + centre


def pose() -> tuple[np.ndarray, np.ndarray]:
    """The photo's pose: turned 20 degrees, tilted 6, 600 mm away."""
    a, b = np.radians(20.0), np.radians(6.0)
    yaw = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    roll = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return roll @ yaw, np.array([14.0, -9.0, -600.0])


def _grid(rows: int, columns: int) -> np.ndarray:
    """Quads of a (rows + 1) x (columns + 1) grid of nodes, row by row."""
    r, c = (a.ravel() for a in np.mgrid[:rows, :columns])
    first = r * (columns + 1) + c
    return np.stack([first, first + 1, first + columns + 2, first + columns + 1], 1)


def _skin(cells: int) -> Part:
    v, u = (a.ravel() for a in np.mgrid[: cells + 1, : cells + 1] / cells)
    around = (u - 0.5) * 2.0 * np.pi  # the face is at u = 0.5
    neck = v < 0.3
    latitude = np.clip((v - 0.3) / 0.68, 0, 1) * 0.5 * np.pi * 1.5 - 0.25 * np.pi
    radius = np.where(neck, 55.0, np.cos(latitude) * 82.0)
    y = np.where(neck, -200.0 + v / 0.3 * 95.0, -30.0 + np.sin(latitude) * 115.0)
    vertices = np.stack([radius * np.sin(around) * 0.85, y, radius * np.cos(around) * 1.05 - 55.0], 1)
    return Part("face", vertices, _grid(cells, cells), np.stack([u, v], 1), "skin")


def _ball(name: str, centre: np.ndarray, radius: float, material: str) -> Part:
    """A UV sphere about the z axis with real poles: its caps are triangles."""
    rings, segments = 8, 12
    polar = np.linspace(0, np.pi, rings + 1)[1:-1]
    turn = np.arange(segments) * 2 * np.pi / segments
    p, t = (a.ravel() for a in np.meshgrid(polar, turn, indexing="ij"))
    unit = np.stack([np.sin(p) * np.cos(t), np.sin(p) * np.sin(t), np.cos(p)], 1)
    unit = np.concatenate([unit, [[0, 0, 1], [0, 0, -1]]])
    front, back = len(unit) - 2, len(unit) - 1
    quads = []
    for k in range(segments):
        n = (k + 1) % segments
        quads.append([front, k, n, -1])
        quads += [[r * segments + k, (r + 1) * segments + k, (r + 1) * segments + n, r * segments + n]
                  for r in range(rings - 2)]  # fmt: skip
        quads.append([back, (rings - 2) * segments + n, (rings - 2) * segments + k, -1])
    return Part(name, centre + radius * unit, np.array(quads), 0.5 + 0.45 * unit[:, :2], material)


def _arch(name: str, y: float, material: str, depth: float) -> Part:
    u, v = np.meshgrid(np.linspace(-1, 1, 9), [0.0, 1.0])
    vertices = np.stack([20 * u, y + 8 * v, 15 - depth * u**2], -1).reshape(-1, 3)
    return Part(name, vertices, _grid(1, 8), np.stack([0.5 + 0.5 * u, v], -1).reshape(-1, 2), material)


def synthetic_head(cells: int = 24) -> tuple[Topology, HeadGeometry]:
    """A head of simple shapes whose jaw hinge, eye centres and blendshapes are known exactly."""
    parts = [
        _skin(cells),
        *(_ball(f"eye_{side}", centre, EYE_RADIUS, "eye") for side, centre in EYE_CENTRES.items()),
        *(_ball(f"cornea_{side}", centre, EYE_RADIUS + 0.4, "cornea") for side, centre in EYE_CENTRES.items()),
        _arch("teeth_upper", -72.0, "teeth", 18.0),
        _arch("teeth_lower", -82.0, "teeth", 18.0),
        _arch("tongue", -84.0, "mouth", 5.0),
    ]
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    quads = np.concatenate([np.where(p.quads < 0, -1, p.quads + s) for p, s in zip(parts, starts, strict=False)])
    uv = np.concatenate([p.uv for p in parts])[np.maximum(quads, 0)]
    material = np.concatenate([np.full(len(p.quads), MATERIALS.index(p.material)) for p in parts])
    ranges = zip(parts, starts[:-1], starts[1:], strict=True)
    regions = {part.name: np.arange(start, end, dtype=np.int32) for part, start, end in ranges}
    neutral = np.concatenate([p.vertices for p in parts])
    topology = Topology(
        quads.astype(np.int32), uv.astype(np.float32), material.astype(np.uint8), regions, lattice_size=cells
    )
    return topology, HeadGeometry(neutral, _blendshapes(neutral, regions))


def _blendshapes(neutral: np.ndarray, regions: dict[str, np.ndarray]) -> np.ndarray:
    """Bumps in different places; a jaw that turns about HINGE, eyeballs that turn about their centres."""
    offsets = np.zeros((len(ARKIT_NAMES), *neutral.shape))
    skin = regions["face"]
    for k, name in enumerate(ARKIT_NAMES):
        if name == "jawOpen":
            opened = turn_about_x(neutral, HINGE, JAW_DEGREES) - neutral
            weight, y = np.zeros(len(neutral)), neutral[skin, 1]
            weight[skin] = np.clip((-70.0 - y) / 15, 0, 1) * np.clip((y + 135) / 15, 0, 1)
            weight[skin] *= np.clip((neutral[skin, 2] + 60.0) / 30.0, 0.0, 1.0)
            weight[regions["teeth_lower"]] = weight[regions["tongue"]] = 1.0
            offsets[k] = weight[:, None] * opened
        elif name == "tongueOut":
            offsets[k, regions["tongue"], 2] = 20.0
        elif name.startswith("eyeLook"):
            side = "left" if name.endswith("Left") else "right"
            for part in (f"eye_{side}", f"cornea_{side}"):
                ids = regions[part]
                degrees = -20.0 if "Up" in name or "In" in name else 20.0
                # About x for up and down, about y (the same with its axes in another order) for in and out.
                order = [0, 1, 2] if "Up" in name or "Down" in name else [1, 2, 0]
                turned = turn_about_x(neutral[ids][:, order], EYE_CENTRES[side][order], degrees)
                offsets[k, ids] = turned[:, np.argsort(order)] - neutral[ids]
        else:
            side = 1.0 if name.endswith("Left") else -1.0 if name.endswith("Right") else 0.0
            place = np.array([side * (18.0 + k), 20.0 - 2.4 * k, 20.0])
            distance = ((neutral[skin] - place) ** 2).sum(1)
            offsets[k, skin] = np.exp(-distance / 900.0)[:, None] * [0.1 * side * k, 3.0 + 0.05 * k, 4.0]
    return offsets


def write_bundle(
    folder: Path,
    topology: Topology,
    head: HeadGeometry,
    names: tuple[str, ...] = ARKIT_NAMES,
    textures: dict[str, Image.Image] | None = None,
    photo: Image.Image | None = None,
) -> Path:
    """Write a complete bundle; textures and photo that are not given are painted."""
    (folder / "textures").mkdir(parents=True)
    nowhere = LandmarkEmbedding(np.arange(1), np.array([[0, 1, 2]]), np.array([[1.0, 0.0, 0.0]]))
    (folder / "geometry.npz").write_bytes(geometry_bytes(topology, head, names, nowhere, nowhere))
    painted = {
        "albedo": _ramp((200, 150, 130), (225, 180, 160), 256), "visibility": Image.new("L", (64, 64), 255),
        "iris": _iris(128), "mouth": _ramp((120, 50, 50), (170, 90, 85), 64),
        "teeth": _ramp((215, 205, 185), (230, 222, 205), 64),
    }  # fmt: skip
    for name, image in {**painted, **(textures or {})}.items():
        image.save(folder / "textures" / f"{name}.png")
    (photo or _ramp((30, 60, 90), (150, 160, 170), 400).resize(PHOTO_SIZE)).save(folder / "photo.jpg", quality=92)
    (folder / "preview.png").write_bytes((folder / "textures/visibility.png").read_bytes())
    (folder / "fitted.obj").write_text("o head\n", encoding="utf-8")
    (folder / "fitted.mtl").write_text("newmtl skin\n", encoding="utf-8")
    rotation, translation = pose()
    record = {
        "format": "facewright head bundle", "format_version": 1, "versions": {"facewright": "0.1.0"},
        "photo": {
            "name": "somebody.jpg", "sha256": "0" * 64, "width": CAMERA["width"], "height": CAMERA["height"],
            "focal_length_mm": 50.0, "face": 2, "faces": 3, "box": [90.0, 120.0, 130.0, 160.0],
        },
        "model": {"name": "Facewright", "sha256": "a" * 64, "metric": True},
        "settings": {"face": None, "focal_length_mm": None, "texture_size": 256},
        "scale": {"factor": 1.02, "relative_sd": 0.045, "pupil_distance_mm": 64.0, "iris_diameter_mm": 11.9,
                  "source": "iris and pupil distance"},
        "residual": {"mean_px": 1.3, "median_px": 1.1, "p95_px": 2.9, "max_px": 5.2, "relative": 0.012},
        "texture": {"size": 256, "effective_size": 200, "seen_percent": 23.4},
        "warnings": ["The photo is small.", "The head's real size is uncertain by 7 %."],
        "timings": {"seconds": {"total": 3.2}, "peak_memory_mb": 800.0},
        "camera": CAMERA, "pose": {"rotation": rotation.tolist(), "translation_mm": translation.tolist()},
        "identity": IDENTITY, "expression": EXPRESSION,
    }  # fmt: skip
    write_record(folder, record)
    return folder


def change_record(folder: Path, **entries: object) -> None:
    """Replace entries of head.json, keeping it well formed."""
    path = folder / "head.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **entries}), encoding="utf-8")


def _ramp(low: tuple[int, int, int], high: tuple[int, int, int], size: int) -> Image.Image:
    t = np.linspace(0, 1, size)[:, None, None]
    rows = np.array(low) * (1 - t) + np.array(high) * t
    return Image.fromarray(np.repeat(rows, size, 1).round().astype(np.uint8))


def _iris(size: int) -> Image.Image:
    y, x = np.mgrid[:size, :size] / size - 0.5
    r = np.hypot(x, y)[..., None]
    colour = np.where(r < 0.08, [12, 10, 10], np.where(r < 0.2, [90, 120, 140], [205, 195, 190]))
    return Image.fromarray(colour.astype(np.uint8))
