"""The one door: a photo goes in, a head bundle comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from .displacement.canonical import has_canonical_places
from .displacement.make_detail import DetailInputs, DetailSettings, make_detail
from .displacement.sources import DEFAULT_SIZE, DEFAULT_SOURCE
from .dynamic_detail.detail_maps import DetailMaps
from .errors import Cancelled, SeveralFacesFound
from .face_model.base import FaceModel, HeadGeometry
from .face_model.load import load_face_model
from .fitting.coarse import Fit, FitSettings, fit_landmarks
from .head import record as entries
from .head.blender_export import export_with_blender, require_blender
from .head.bundle import TEXTURES, refuse_existing, refuse_unless_bundle, write_record
from .head.bundle_files import MATERIAL_FILES, write_images, write_shape
from .head.detail_files import write_detail
from .head.memory import peak_memory_mb
from .head.output_folder import whole_folder
from .head.preview import PhotoView, PreviewSettings, finish_preview, prepare_preview
from .head.scale import HeadScale, estimate_scale
from .photo.exif import focal_px_of
from .photo.landmarks import Face, LandmarkDetector
from .photo.load import Photo, load_photo
from .texture.skin_in_photo import SkinInPhoto, skin_in_photo
from .texture.textures import Textures, TextureSettings, make_textures

Progress = Callable[[str, float], None]
Cancel = Callable[[], bool]

# Stages in order, with their share of the time on two cores.
STAGES: Mapping[str, float] = {
    "photo": 0.02, "networks": 0.04, "landmarks": 0.03, "face model": 0.02, "fit": 0.03, "head": 0.18,
    "textures": 0.36, "detail": 0.23, "preview": 0.04, "write": 0.05,
}  # fmt: skip
EXPORT_SHARE = 3.0  # seconds in Blender per second before
NO_DETAIL = "none"
OTHER_TOPOLOGY = "Dynamic detail exists for the built-in face model only: this head has none."
AVERAGE_SKIN = (
    "The photo shows too little of the skin to tell its age: wrinkles are an average adult's (--age YEARS says it)."
)


@dataclass(frozen=True)
class ReconstructRequest:
    """What to make of which photo.

    Attributes
    ----------
    photo : the image file
    output : the folder to make
    face : which face, counted from the largest, or None for the largest (with a warning if there are several)
    focal_length_mm : 35 mm equivalent by the diagonal, as EXIF has it, or None: the photo's own, else estimated
    model : a face model's file, or None for the built-in one
    texture_size : pixels of the skin texture's side
    detail : one of displacement.sources.SOURCES, who makes the displacement maps; "none" for a head without
    detail_size : pixels of the displacement maps' side, 512, 1024 or 2048
    age_years : the person's, or None: as old as the skin looks
    exports : of "blend", "fbx", "glb"
    overwrite : replace ``output`` if it is a head bundle that nobody has changed
    models_dir : folder with the landmark networks, or None for the cache
    threads : of the landmark networks and of the preview
    """

    photo: Path
    output: Path
    face: int | None = None
    focal_length_mm: float | None = None
    model: Path | None = None
    texture_size: int = 2048
    detail: str = DEFAULT_SOURCE
    detail_size: int = DEFAULT_SIZE
    age_years: float | None = None
    exports: tuple[str, ...] = ()
    overwrite: bool = False
    models_dir: Path | None = None
    threads: int = 2


class ReconstructResult(NamedTuple):
    """``bundle``: the folder; ``record``: its head.json; ``seconds`` per stage and in total."""

    bundle: Path
    record: dict[str, Any]
    seconds: dict[str, float]
    peak_memory_mb: float | None
    warnings: tuple[str, ...]


class _Clock:
    """Times stages, reports progress, and stops between stages when asked to."""

    def __init__(self, progress: Progress | None, cancel: Cancel | None, exports: bool, detail: bool) -> None:
        self._progress = progress
        self._cancel = cancel
        self._whole = 1.0 + (EXPORT_SHARE if exports else 0.0) - (0.0 if detail else STAGES["detail"])
        self._done = 0.0
        self._start = time.perf_counter()
        self._running: tuple[str, float] | None = None
        self.seconds: dict[str, float] = {}

    def cancelled(self) -> bool:
        """Whether the caller asked to stop."""
        return self._cancel is not None and self._cancel()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block. Raises Cancelled before and after it when the caller asked to stop."""
        self._report(name)
        self._running = (name, time.perf_counter())
        yield
        self.seconds |= self._elapsed()
        self._running = None
        self._done += STAGES.get(name, EXPORT_SHARE)
        self._report(name)

    def _report(self, name: str) -> None:
        if self.cancelled():
            raise Cancelled("Stopped; nothing was written.")
        if self._progress is not None:
            self._progress(name, min(self._done / self._whole, 1.0))

    def step(self, what: str, fraction: float) -> None:
        """Report what goes on inside a stage; its fraction does not count for the whole."""
        self._report(what)

    def _elapsed(self) -> dict[str, float]:
        """Seconds of the stage that runs, if one does."""
        if self._running is None:
            return {}
        name, started = self._running
        return {name: time.perf_counter() - started}

    def timings(self) -> dict[str, Any]:
        """The entry of head.json: seconds per stage so far and since the start, peak memory."""
        total = time.perf_counter() - self._start
        return entries.timings_entry({**self.seconds, **self._elapsed(), "total": total}, peak_memory_mb())


def reconstruct(
    request: ReconstructRequest, progress: Progress | None = None, cancel: Cancel | None = None
) -> ReconstructResult:
    """Make a head bundle from a photo.

    Parameters
    ----------
    request : what to make
    progress : called with the stage's name and the fraction (0 to 1) of the whole that is done
    cancel : asked between stages and while Blender runs; True stops

    Returns
    -------
    ReconstructResult

    Raises
    ------
    FaceError : see errors.py; nothing has been written and nothing that existed has changed
    """
    wanted = None if request.detail == NO_DETAIL else DetailSettings(
        request.detail_size, request.detail, request.age_years
    )  # fmt: skip
    clock = _Clock(progress, cancel, bool(request.exports), wanted is not None)
    if request.exports:
        require_blender()
    may_replace = refuse_unless_bundle if request.overwrite else refuse_existing
    with whole_folder(request.output, may_replace) as folder:
        record = _make(request, wanted, folder, clock)
    return ReconstructResult(
        request.output,
        record,
        record["timings"]["seconds"],
        record["timings"]["peak_memory_mb"],
        tuple(record["warnings"]),
    )


def _make(
    request: ReconstructRequest, wanted: DetailSettings | None, folder: Path, clock: _Clock
) -> dict[str, Any]:
    """Write the whole bundle into ``folder`` and return its head.json; ``wanted``: the detail, None for none."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        # The face model is read while the networks look at the photo.
        loading = pool.submit(load_face_model, request.model)
        with clock.stage("photo"):
            photo = load_photo(request.photo)
        with clock.stage("networks"):
            detector = LandmarkDetector(request.models_dir, request.threads, clock.step)
        with clock.stage("landmarks"):
            chosen = _choose_face(detector.faces(photo.pixels), request.face)
        del detector
        with clock.stage("face model"):
            model = loading.result()
    with clock.stage("fit"):
        fit, focal_source = _fit(request, photo, chosen.face, model)
    with clock.stage("head"):
        scale = estimate_scale(model, fit, chosen.face.iris)
        fit, head = _scaled(fit, model.head(fit.identity), scale.factor)
    with ThreadPoolExecutor(max_workers=1) as pool:
        # What needs no textures is drawn and written while they are made, and they are written during the detail.
        view = PhotoView(photo.pixels, fit.camera, fit.rotation, fit.translation_mm, fit.expression)
        settings = PreviewSettings(threads=request.threads)
        drawn = pool.submit(
            prepare_preview, view, model.topology, head, model.blendshape_names, model.ibug68, settings
        )
        shape_written = pool.submit(write_shape, folder, fit, model, head)
        with clock.stage("textures"):
            texture_settings = TextureSettings(size=request.texture_size)
            skin = _skin_in_photo(photo, fit, model, head, chosen.face, texture_settings)
            textures = make_textures(
                photo.pixels, fit, model.topology, head, chosen.face.landmarks, texture_settings, prepared=skin
            )
        skins = {material: getattr(textures, name) for material, name in MATERIAL_FILES.items()}
        images = {name: getattr(textures, name) for name in TEXTURES}
        shown = pool.submit(lambda: finish_preview(drawn.result(), skins))
        images_written = pool.submit(
            lambda: write_images(folder, photo.pixels, images, shown.result(), request.threads)
        )
        detail = _Detail()
        if wanted is not None:
            inputs = DetailInputs(
                skin, head, model.blendshape_names, fit.expression, textures.albedo, _seed(photo, chosen)
            )
            with clock.stage("detail"):
                detail = _detail(inputs, wanted, request.threads)
        with clock.stage("preview"):
            shown.result()
        with clock.stage("write"):
            shape_written.result()
            images_written.result()
            stages = {"fit": FitSettings(), "texture": texture_settings, **detail.settings}
            record = _record(request, photo, chosen, model, fit, focal_source, scale, textures, detail, stages)
            if detail.maps is not None:
                record["detail"] = write_detail(folder, detail.maps, request.threads)
            written = write_record(folder, record | {"timings": clock.timings()})
    if request.exports:
        with clock.stage("blender"):
            export_with_blender(folder, request.exports, clock.cancelled)
            written = write_record(folder, record | {"timings": clock.timings()})
    return written


def _skin_in_photo(
    photo: Photo, fit: Fit, model: FaceModel, head: HeadGeometry, face: Face, settings: TextureSettings
) -> SkinInPhoto:
    """What textures and detail both begin with: they look at the photo through the same eyes."""
    return skin_in_photo(
        photo.pixels, fit, model.topology, head, face.landmarks, settings.size, model.embedding,
        settings.unwrap, settings.mask,
    )  # fmt: skip


class _Detail(NamedTuple):
    """``maps``: None for a head without detail; ``settings``: of the stage, by its name, where it ran."""

    maps: DetailMaps | None = None
    settings: Mapping[str, DetailSettings] = MappingProxyType({})
    warnings: tuple[str, ...] = ()


def _detail(inputs: DetailInputs, wanted: DetailSettings, threads: int) -> _Detail:
    """The detail that was asked for, as far as the head can have any."""
    if not has_canonical_places(inputs.photo.surface.topology):
        return _Detail(warnings=(OTHER_TOPOLOGY,))
    maps = make_detail(inputs, wanted, threads)
    warnings = (AVERAGE_SKIN,) if maps.record["age"]["from"] == "average" else ()
    return _Detail(maps, {"detail": wanted}, warnings)


def _seed(photo: Photo, chosen: _Chosen) -> int:
    """Of chance in the detail: every face of every photo has its own, and always the same."""
    return int(photo.sha256[:8], 16) + chosen.number


def _scaled(fit: Fit, head: HeadGeometry, factor: float) -> tuple[Fit, HeadGeometry]:
    """The head at its real size. Farther away by the same factor, it looks the same in the photo."""
    return (
        fit._replace(translation_mm=fit.translation_mm * factor),
        HeadGeometry(head.neutral * factor, head.blendshapes * factor),
    )


class _Chosen(NamedTuple):
    """A face of the photo, its number counted from the largest, of how many, and what to say about the choice."""

    face: Face
    number: int
    faces: int
    warnings: tuple[str, ...]


def _choose_face(faces: Sequence[Face], wanted: int | None) -> _Chosen:
    """The face asked for. Raises SeveralFacesFound where there are fewer."""
    count = len(faces)
    if wanted is not None:
        if not 1 <= wanted <= count:
            there = "1 face" if count == 1 else f"{count} faces"
            raise SeveralFacesFound(f"Face {wanted} was asked for, but the photo holds {there}.")
        return _Chosen(faces[wanted - 1], wanted, count, ())
    if count == 1:
        return _Chosen(faces[0], 1, 1, ())
    places = ", ".join(
        f"{number} at x {face.box[0] + face.box[2] / 2:.0f}, y {face.box[1] + face.box[3] / 2:.0f}"
        for number, face in enumerate(faces, 1)
    )
    warning = f"The photo holds {count} faces; the largest was taken (--face chooses another: {places})."
    return _Chosen(faces[0], 1, count, (warning,))


def _fit(request: ReconstructRequest, photo: Photo, face: Face, model: FaceModel) -> tuple[Fit, str]:
    """The fit, and where its focal length comes from: "given", "photo" or "estimated"."""
    height, width = photo.pixels.shape[:2]
    focal_px, source = photo.focal_px, "photo"
    if request.focal_length_mm is not None:
        focal_px, source = focal_px_of(request.focal_length_mm, width, height), "given"
    fit = fit_landmarks(model, face.landmarks, face.iris, (width, height), focal_px)
    return fit, source if focal_px is not None else "estimated"


def _record(
    request: ReconstructRequest,
    photo: Photo,
    chosen: _Chosen,
    model: FaceModel,
    fit: Fit,
    focal_source: str,
    scale: HeadScale,
    textures: Textures,
    detail: _Detail,
    stages: Mapping[str, Any],
) -> dict[str, Any]:
    """head.json without timings and files."""
    height, width = photo.pixels.shape[:2]
    sources = (photo, chosen, model, fit, scale, textures, detail)
    seen = 100.0 * float(np.mean(textures.visibility)) / 255.0
    return {
        **entries.head_of_record(),
        "photo": {
            "name": request.photo.name,
            "sha256": photo.sha256,
            "width": width,
            "height": height,
            "original_size": list(photo.original_size),
            "focal_length_mm": photo.focal_length_mm,
            "face": chosen.number,
            "faces": chosen.faces,
            "box": entries.rounded(chosen.face.box, 1),
            "confidence": round(float(chosen.face.confidence), 4),
        },
        "model": {"name": model.name, "sha256": model.sha256, "metric": model.metric},
        "settings": {
            "face": request.face,
            "focal_length_mm": request.focal_length_mm,
            "texture_size": request.texture_size,
            **{name: entries.settings_entry(settings) for name, settings in stages.items()},
        },
        "camera": entries.camera_entry(fit.camera, focal_source),
        "pose": entries.pose_entry(fit.rotation, fit.translation_mm),
        "identity": entries.rounded(fit.identity, 5),
        "expression": entries.expression_entry(model.blendshape_names, fit.expression),
        "scale": entries.scale_entry(scale),
        "residual": entries.residual_entry(fit.residual_px, fit.residual_relative),
        "texture": {
            "size": int(textures.albedo.shape[0]),
            "effective_size": textures.effective_size,
            "seen_percent": round(seen, 1),
        },
        "warnings": [text for made in sources for text in getattr(made, "warnings", ())],
    }
