"""Canonical places: where a vertex of the built-in topology lies on the mean head, the same for every person.

Anatomy is said in canonical millimetres ("the outer corner of the eye lies at (44, -2)"), so it needs no landmarks
and cannot fail on an odd head, while lengths that skin itself decides, such as the distance between two wrinkles,
are measured on the person's own head.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import DAMAGED_NPZ, ModelFileInvalid, TopologyMismatch
from ..face_model.load import built_in_path
from ..mesh.topology import Topology


def canonical_places(topology: Topology) -> NDArray[np.float32]:
    """(V, 3) mm of the mean head, model space; read-only.

    Raises
    ------
    TopologyMismatch : the topology is not the built-in model's
    ModelFileInvalid : the built-in model's file is missing or damaged
    """
    places, quads = _mean_head(built_in_path())
    if not is_built_in(topology, quads):
        raise TopologyMismatch("Only heads of the built-in face model can have dynamic detail.")
    return places


def has_canonical_places(topology: Topology) -> bool:
    """Whether a topology is the built-in model's, so that it can have detail. Raises ModelFileInvalid."""
    return is_built_in(topology, _mean_head(built_in_path())[1])


def is_built_in(topology: Topology, quads: NDArray[np.int32]) -> bool:
    """Whether a topology has just these faces (F, 4)."""
    return topology.quads.shape == quads.shape and bool((topology.quads == quads).all())


@lru_cache(maxsize=1)
def _mean_head(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Mean head and faces, without reading the rest of the model."""
    try:
        with np.load(path, allow_pickle=False) as file:
            places, quads = file["neutral"].astype(np.float32), file["quads"].astype(np.int32)
    except (*DAMAGED_NPZ, KeyError) as error:
        raise ModelFileInvalid(f"The built-in face model {path} is missing or damaged.") from error
    places.flags.writeable = False
    quads.flags.writeable = False
    return places, quads
