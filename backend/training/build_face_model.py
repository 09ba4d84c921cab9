"""``facewright build-face-model``: learn the built-in face model from ICT-FaceKit Light.

Top to bottom: our topology laid over ICT's surface (template, parts), ICT's expressions transferred to many sampled
identities, the tensor of what came out decomposed, the landmarks placed, the bars measured, the file written.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import ModelFileInvalid, OutputUnwritable
from ..face_model.base import ARKIT_NAMES
from ..face_model.bilinear import BilinearModel
from ..face_model.bilinear_file import BilinearData, PartMotion, pack, write_model
from ..face_model.landmark_transfer import subset_of_478
from ..mesh.closest_point import closest_on_mesh
from ..mesh.topology import LandmarkEmbedding, Topology
from .blendshape_tensor import PersonalBlendshapes, sample_tensor
from .build_report import head_report, held_out_error, neutral_error
from .control_mesh import ControlMesh, build_control_mesh
from .decompose import Tucker, TuckerRanks, decompose, sample_directions
from .ict_source import SKIN_VERTICES, IctSource, load_ict
from .part_motion import part_motions
from .parts import Parts, build_parts
from .symmetry import symmetric
from .template import Template, TemplateSettings, build_template

Progress = Callable[[str, float], None]

#: Shares of the build's time, stage by stage.
STAGES = {
    "template": 0.08,
    "transfer": 0.4,
    "decomposition": 0.1,
    "landmarks": 0.15,
    "measuring blendshapes": 0.12,
    "measuring heads": 0.15,
}

MOUTH_LANDMARKS = range(48, 68)  # iBUG


@dataclass(frozen=True)
class BuildSettings:
    """How the model is learned.

    ranks          of the Tucker decomposition
    sample_seed    of the sampled identities
    sample_pairs   pairs of identities that are sampled, at most one per identity mode; fewer give a rougher model
    embed          place the 478 landmarks by rendering the model and detecting them (needs the landmark networks);
                   otherwise only those that iBUG's 68 name
    held_out       identities that the bars are measured on, N(0, 1) per mode
    held_out_seed  of these
    held_out_limit standard deviations at which they are cut off
    """

    ranks: TuckerRanks = field(default_factory=TuckerRanks)
    template: TemplateSettings = field(default_factory=TemplateSettings)
    sample_seed: int = 1
    sample_pairs: int = 100
    embed: bool = True
    held_out: int = 50
    held_out_seed: int = 2
    held_out_limit: float = 3.0


class Surface(NamedTuple):
    """Our mesh over ICT's: template first, parts after it.

    ``controls`` (n,) the ICT skin vertices that the template samples; ``sampling`` (V_s, n) of the template and
    ``inner`` (V_p, n_ict) of the parts; ``control_mesh`` our own, which the modes are stored on.
    """

    topology: Topology
    controls: NDArray[np.int64]
    sampling: sp.csr_matrix
    inner: sp.csr_matrix
    control_mesh: ControlMesh


def assemble(template: Template, parts: Parts) -> Surface:
    """Join the template and the parts. Raises ModelFileInvalid where the template samples more than skin."""
    controls = np.unique(template.sampling.indices[template.sampling.data != 0]).astype(np.int64)
    if controls.max() >= SKIN_VERTICES.stop:
        raise ModelFileInvalid("The template samples vertices that are not skin.")
    first, skin = template.sampling.shape[0], template.topology
    if skin.mirror is None:
        raise ModelFileInvalid("The template is not symmetric.")
    regions = dict(skin.regions)
    regions |= {name: (ids + first).astype(np.int32) for name, ids in parts.regions.items()}
    topology = Topology(
        quads=np.concatenate([skin.quads, np.where(parts.quads < 0, -1, parts.quads + first)]).astype(
            np.int32
        ),
        corner_uv=np.concatenate([skin.corner_uv, parts.corner_uv]).astype(np.float32),
        material=np.concatenate([skin.material, parts.material]),
        regions=regions,
        mirror=np.concatenate([skin.mirror, parts.mirror + first]).astype(np.int32),
        lattice_size=skin.lattice_size,
    )
    return Surface(
        topology,
        controls,
        template.sampling[:, controls].tocsr(),
        parts.sampling,
        build_control_mesh(skin, first),
    )


def place_landmarks68(source: IctSource, surface: Surface) -> LandmarkEmbedding:
    """ICT's 68 landmark vertices on our skin: the nearest places, with the mouth open for those of the mouth."""
    triangles = surface.topology.triangles("skin")[0].astype(np.int64)
    vertices, weights = np.zeros((68, 3), np.int64), np.zeros((68, 3))
    mouth = np.isin(np.arange(68), MOUTH_LANDMARKS)
    opened = source.neutral + source.expression[ARKIT_NAMES.index("jawOpen")]
    for rows, shape in ((~mouth, source.neutral), (mouth, opened)):
        ours = np.concatenate([surface.sampling @ shape[surface.controls], surface.inner @ shape])
        triangle, weight, _ = closest_on_mesh(shape[source.landmarks68[rows]], ours, triangles)
        vertices[rows], weights[rows] = triangles[triangle], weight
    return LandmarkEmbedding(np.arange(68), vertices, weights)


def build(
    source: Path, out: Path, progress: Progress | None = None, settings: BuildSettings | None = None
) -> dict[str, float]:
    """Learn the model and write it. Deterministic: the same source and settings give the same bytes.

    Parameters
    ----------
    source : ``ict_facekit_light.npz``
    out : the model file; it appears whole or not at all
    progress : called with the stage's name and the fraction of it that is done

    Returns
    -------
    The report that is also stored in the file: what was measured, name -> number. A few minutes on 2 cores, 3 GB.

    Raises
    ------
    ModelFileInvalid : the source is not ICT-FaceKit Light
    MissingDependency : the landmark networks are not there
    OutputUnwritable : ``out`` cannot be written
    """
    settings = settings or BuildSettings()

    def tell(stage: str, fraction: float) -> None:
        done = list(STAGES)[: list(STAGES).index(stage)]
        if progress is not None:
            progress(stage, sum(STAGES[name] for name in done) + fraction * STAGES[stage])

    _check_writable(out)
    ict = symmetric(load_ict(source))
    tell("template", 0.0)
    template = build_template(ict, settings.template)
    tell("template", 0.9)
    parts = build_parts(ict)
    surface = assemble(template, parts)
    places = surface.inner @ ict.neutral
    motions, jaw_displacement = part_motions(places, parts.blendshape_overrides, parts.regions)
    jaw = motions["jaw"]
    jaw_pivot = np.asarray(jaw.pivot_weights @ surface.inner[jaw.pivot_vertices]).ravel()
    personal = PersonalBlendshapes(ict, jaw.rotation, jaw_displacement, jaw_pivot)

    is_control = np.isin(np.arange(SKIN_VERTICES.stop), surface.controls)
    moving = np.flatnonzero(personal.moving() & is_control)
    rows = np.append(moving, SKIN_VERTICES.stop)  # the jaw's row comes last
    directions = sample_directions(len(ict.identity), settings.sample_seed)[: settings.sample_pairs]
    tensor = sample_tensor(personal, directions, rows, lambda fraction: tell("transfer", fraction))
    tell("decomposition", 0.0)
    tucker = decompose(tensor, settings.ranks)
    del tensor
    data = _model_data(ict, surface, tuple(motions.values()), personal, moving, tucker, directions)
    if settings.embed:
        data = _embedded(data, lambda fraction: tell("landmarks", fraction))

    report = dict(template.report)
    model, unseen = _as_loaded(data), _held_out(settings)
    sampled = template.sampling[:, SKIN_VERTICES]
    report |= neutral_error(model, ict, sampled, unseen)
    report |= held_out_error(
        model, personal, sampled, unseen, lambda fraction: tell("measuring blendshapes", fraction)
    )
    report |= head_report(model, unseen, lambda fraction: tell("measuring heads", fraction))
    data = replace(data, report={name: round(float(value), 6) for name, value in report.items()})
    try:
        write_model(data, out)
    except OSError as error:
        raise OutputUnwritable(
            f"The face model {out} cannot be written: {error.strerror or error}."
        ) from error
    return dict(data.report) | {"file_mb": round(out.stat().st_size / 2**20, 3)}


def _check_writable(out: Path) -> None:
    """Find out before minutes of work whether the file can be written. Raises OutputUnwritable."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise OutputUnwritable(
            f"The face model {out} cannot be written: {error.strerror or error}."
        ) from error


def _held_out(settings: BuildSettings) -> NDArray[np.float64]:
    """(held_out, I) identities that the model has not seen."""
    rng = np.random.default_rng(settings.held_out_seed)
    identities = rng.standard_normal((settings.held_out, 100))
    return identities.clip(-settings.held_out_limit, settings.held_out_limit)


def _model_data(
    ict: IctSource,
    surface: Surface,
    motions: tuple[PartMotion, ...],
    personal: PersonalBlendshapes,
    moving: NDArray[np.int64],
    tucker: Tucker,
    directions: NDArray[np.float64],
) -> BilinearData:
    """The mean head on the mesh; modes and blendshapes on our control mesh, then the parts' vertices."""
    mesh, count = surface.control_mesh, len(ict.identity)
    skin = mesh.subdivision.shape[1]
    # On the lattice first, then the control values that come closest.
    moves = surface.sampling[:, np.searchsorted(surface.controls, moving)]
    controls = mesh.reach(np.asarray(np.abs(moves).sum(axis=1)).ravel() > 0)

    def stored(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(3 (m + anchors), K) on ICT's moving vertices to (3 (M + anchors), K) on the control mesh."""
        split = 3 * len(moving)
        fields = np.asarray(moves @ values[:split].reshape(len(moving), -1))
        fitted = mesh.fit(fields, controls).reshape(3 * len(controls), -1)
        return np.concatenate([fitted, values[split:]])

    mean = personal(np.zeros(count))[:, np.append(moving, SKIN_VERTICES.stop)]
    mean = stored(mean.reshape(len(mean), -1).T).T.reshape(len(mean), -1, 3)
    mean[np.abs(mean) < 1e-9] = 0.0
    flat = ict.identity.transpose(1, 0, 2).reshape(ict.identity.shape[1], -1)
    identity = np.concatenate([mesh.fit(surface.sampling @ flat[surface.controls]), surface.inner @ flat])
    identity = identity.reshape(-1, count, 3).transpose(1, 0, 2)
    # B(id) = mean + T x (Q id / r): directions Q of the samples, at radius r = sqrt(I); see decompose.py.
    identity_factor = directions.T @ tucker.identity / np.sqrt(count)
    ibug68 = place_landmarks68(ict, surface)
    return BilinearData(
        topology=surface.topology,
        blendshape_names=ARKIT_NAMES,
        embedding=subset_of_478(ibug68),
        ibug68=ibug68,
        neutral=np.concatenate(
            [surface.sampling @ ict.neutral[surface.controls], surface.inner @ ict.neutral]
        ),
        identity=np.ascontiguousarray(identity, np.float32),
        moving=controls,
        mean_blendshapes=mean.astype(np.float32),
        vertex_factor=stored(tucker.vertex).astype(np.float32),
        blendshape_factor=tucker.blendshape,
        identity_factor=identity_factor,
        core=tucker.core,
        sampling=mesh.subdivision,
        parts=tuple(
            part._replace(vertices=part.vertices + skin, pivot_vertices=part.pivot_vertices + skin)
            for part in motions
        ),
        report={},
    )


def _as_loaded(data: BilinearData) -> BilinearModel:
    """The model as a reader of the file gets it, rounding included: what is measured is what is shipped."""
    return BilinearModel.from_bytes(pack(data))


def _embedded(data: BilinearData, progress: Callable[[float], None]) -> BilinearData:
    """The same model with all 478 landmarks placed by the landmark network itself."""
    from .embedding import build_embedding  # renders and networks: heavy, and not needed without

    embedding, _ = build_embedding(_as_loaded(data), progress=progress)
    return replace(data, embedding=embedding)
