"""A head as plain arrays: all that a file for another program is made of, and compared with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Names = tuple[str, ...]
STILL = 1e-6  # a value that changes by less stands still


class Snapshot(NamedTuple):
    """V vertices, E channels, F faces with C corners, G groups, B bones, n frames. Metres, Blender's axes.

    name, armature            names of the two objects in the file
    basis (V, 3), offsets (E, V, 3)   the mesh at rest and what each channel adds at value 1, in the mesh's own axes
    channels, values (E,), ranges (E, 2)   names, present values, least and greatest values of the channels
    face_sizes (F,), corner_vertices (C,), face_materials (F,), face_smooth (F,)
    uv_names, uvs (U, C, 2)   UV maps per corner
    group_names, weights (G, V)
    materials                 name of the material in each slot, "" where it is empty
    local (4, 4)              the mesh in the armature; world (4, 4) the armature in the scene
    bones, pose (B, 4, 4)     present matrices of the bones relative to their rest, in their own axes
    fps                       frames per second
    frames (n,)               frame numbers of the animation, n = 0 without one
    curves (n, E), bone_curves (n, B, 4, 4), world_curve (n, 4, 4)   the same over the frames
    """

    name: str
    armature: str
    basis: Floats
    offsets: Floats
    channels: Names
    values: Floats
    ranges: Floats
    face_sizes: Ints
    corner_vertices: Ints
    face_materials: Ints
    face_smooth: NDArray[np.bool_]
    uv_names: Names
    uvs: Floats
    group_names: Names
    weights: Floats
    materials: Names
    local: Floats
    world: Floats
    bones: Names
    pose: Floats
    fps: float
    frames: Ints
    curves: Floats
    bone_curves: Floats
    world_curve: Floats

    @property
    def animated(self) -> bool:
        """Whether there are frames."""
        return len(self.frames) > 0

    def world_points(self) -> NDArray[np.float64]:
        """(V, 3) the mesh at rest in the scene."""
        matrix = self.world.astype(np.float64) @ self.local
        return self.basis @ matrix[:3, :3].T + matrix[:3, 3]

    def world_offsets(self, channel: int) -> NDArray[np.float64]:
        """(V, 3) a channel's offsets in the scene's axes."""
        turn = (self.world.astype(np.float64) @ self.local)[:3, :3]
        return self.offsets[channel] @ turn.T


def with_curve(values: Floats) -> NDArray[np.bool_]:
    """(C,) which channels need a curve, from their values (T, C): those that move, and those that are held at
    another value than 0, which a program that reads nothing but curves would lose."""
    return np.asarray((np.ptp(values, axis=0) > STILL) | (np.abs(values).max(0) > STILL))


def save(snapshot: Snapshot, path: Path) -> None:
    """Write a snapshot as an uncompressed .npz. Raises OSError."""
    with path.open("wb") as file:
        np.savez(file, **{name: np.array(value) for name, value in snapshot._asdict().items()})


def load(path: Path) -> Snapshot:
    """Read what ``save`` wrote."""
    plain = {"name": str, "armature": str, "fps": float}
    names = {"channels", "uv_names", "group_names", "materials", "bones"}
    with np.load(path, allow_pickle=False) as data:
        values = {field: data[field] for field in Snapshot._fields}
    values.update({field: kind(values[field][()]) for field, kind in plain.items()})
    values.update({field: tuple(values[field].tolist()) for field in names})
    return Snapshot(**values)
