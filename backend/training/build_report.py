"""The build's bar: how close decomposed blendshapes come to direct deformation transfer on unseen identities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..face_model.base import ARKIT_NAMES
from ..face_model.bilinear import BilinearModel
from ..face_model.quality import count_flips, worst_penetration
from .blendshape_tensor import PersonalBlendshapes
from .ict_source import SKIN_VERTICES, IctSource

#: A vertex counts as moved by a blendshape that moves it at least this far on the mean head.
MOVED_MM = 0.1


def neutral_error(
    model: BilinearModel, source: IctSource, source_sampling: sp.csr_matrix, identities: NDArray[np.float64]
) -> dict[str, float]:
    """What storing the identity modes on the control mesh costs: distances from the source sampled directly.

    Parameters
    ----------
    source_sampling : (V_s, n_skin) the model's skin, bag and sockets from the source's skin vertices
    identities : (n, I) standard deviations
    """
    face = model.topology.regions["narrow_face"]
    distances = []
    for identity in identities:
        expected = source_sampling @ source.shape(identity)[SKIN_VERTICES]
        got = model.neutral(identity)[: len(expected)]
        distances.append(np.linalg.norm(got - expected, axis=1)[face])
    everything = np.concatenate(distances)
    return {
        "neutral_narrow_face_mean_mm": float(everything.mean()),
        "neutral_narrow_face_p99_mm": float(np.percentile(everything, 99)),
        "neutral_narrow_face_max_mm": float(everything.max()),
    }


def held_out_error(
    model: BilinearModel,
    personal: PersonalBlendshapes,
    source_sampling: sp.csr_matrix,
    identities: NDArray[np.float64],
    progress: Callable[[float], None],
) -> dict[str, float]:
    """Distances of the model's blendshapes from direct deformation transfer.

    Parameters
    ----------
    model : as a reader of the file gets it
    personal : direct transfer
    source_sampling : (V_s, n_skin) the model's skin, bag and sockets from the source's skin vertices
    identities : (n, I) standard deviations, none of them seen in the build

    Returns
    -------
    Over all identities, blendshapes and vertices of the skin, bag, sockets and lower teeth that a blendshape moves
    by ``MOVED_MM`` or more: mean, 95th and 99.9th percentile; the mean on the narrow face; that of the worst
    blendshape; and, to compare, the mean of the same distance for blendshapes that are not personalised.
    """
    sampled = source_sampling.shape[0]
    jaw = model.topology.regions["teeth_lower"].astype(np.int64)
    average = _with_jaw(model.blendshapes(np.zeros(model.identity_dims)), sampled, jaw)
    moved = np.linalg.norm(average, axis=2) >= MOVED_MM

    errors: list[list[NDArray[np.float32]]] = [[] for _ in ARKIT_NAMES]
    plain, face = 0.0, 0.0
    in_face = np.isin(np.arange(average.shape[1]), model.topology.regions["narrow_face"])  # none of the teeth
    for k, identity in enumerate(identities):
        offsets = personal(identity)
        teeth = model.neutral(identity, jaw)
        expected = np.concatenate(
            [
                np.stack([source_sampling @ offset[:-1] for offset in offsets]),
                personal.jaw_offsets(offsets, teeth, identity),
            ],
            axis=1,
        )
        got = _with_jaw(model.blendshapes(identity), sampled, jaw)
        distance = np.linalg.norm(got - expected, axis=2)
        for e, where in enumerate(moved):
            errors[e].append(distance[e, where].astype(np.float32))
        face += float(distance[moved & in_face].mean()) / len(identities)
        plain += float(np.linalg.norm(average - expected, axis=2)[moved].mean()) / len(identities)
        progress((k + 1) / len(identities))

    by_blendshape = [np.concatenate(parts) for parts in errors]
    everything = np.concatenate(by_blendshape)
    means = np.array([part.mean(dtype=np.float64) if part.size else 0.0 for part in by_blendshape])
    worst = int(means.argmax())
    return {
        "blendshapes_held_out_identities": float(len(identities)),
        "blendshapes_mean_mm": float(everything.mean(dtype=np.float64)),
        "blendshapes_narrow_face_mean_mm": face,
        "blendshapes_p95_mm": float(np.percentile(everything, 95)),
        "blendshapes_p999_mm": float(np.percentile(everything, 99.9)),
        "blendshapes_not_personalised_mean_mm": plain,
        f"blendshapes_worst_{ARKIT_NAMES[worst]}_mean_mm": float(means[worst]),
    }


def head_report(
    model: BilinearModel, identities: NDArray[np.float64], progress: Callable[[float], None]
) -> dict[str, float]:
    """Flipped faces of the finished mean head and the deepest penetrations of many finished heads.

    "Finished" is what ``model.head`` returns: with correctives, at rest and with every blendshape alone at 1.

    Parameters
    ----------
    identities : (n, I) standard deviations
    """
    flips = count_flips(model.topology, model.head(np.zeros(model.identity_dims)), model.blendshape_names)
    worst = worst_penetration(model, identities, progress)
    report = {"flips_mean_head": float(sum(flips.values()))}
    report |= {f"flips_mean_head_{name}": float(count) for name, count in flips.items()}
    report["penetration_heads"] = float(len(identities))
    report["penetration_max_mm"] = max(depth for depth, _ in worst.values())
    report |= {f"penetration_{kind}_{name}_mm": depth for kind, (depth, name) in worst.items()}
    return report


def _with_jaw(offsets: NDArray[np.float64], sampled: int, jaw: NDArray[np.int64]) -> NDArray[np.float64]:
    """(E, V, 3) to (E, sampled + jaw, 3): the vertices that the bar is about."""
    return np.concatenate([offsets[:, :sampled], offsets[:, jaw]], axis=1)
