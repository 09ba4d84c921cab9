"""Synthetic heads with known detail on disk: one folder a head, one array a file, read without loading.

samples.json        how they were made, and how many
0000/ 0001/ ...     a head each; written beside its place and renamed, so that it is there whole or not at all
    texture.npy     (S, S, 3) uint8       trust.npy      (S, S) uint8
    static.npy, pores.npy, compressed.npy, stretched.npy   (S, S) int16
    dynamic.npy     (19, S, S) int16      deforming.npy  (20, 6, S / 4, S / 4) float16
    tension.npy     (19, V) float16       neutral.npy, source.npy   (V, 3) float32
    head.json       everything that was drawn at random, and the split
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileInvalid, OutputUnwritable

Float32 = NDArray[np.float32]

FORMAT = 1
STEP_MM = 0.00025
"""Of the displacement that is stored as int16."""
DISPLACEMENTS = ("static", "pores", "dynamic", "compressed", "stretched")
SPLITS = ("train", "held_out")


class DetailSample(NamedTuple):
    """One synthetic head; maps have row 0 at v = 1, displacement is in mm.

    texture, trust   (S, S, 3) uint8 and (S, S) uint8: what the product would have of a photo of the head
    static           (S, S) F_0 without pores;  pores (S, S)
    dynamic          (19, S, S) F_i - F_0, as intense as this person performs the expression
    compressed, stretched   (S, S) D_com, D_str that explain ``dynamic`` best by ``tension``
    deforming        (20, 6, S / 4, S / 4) from the photo's expression to neutral and the 19 others
    tension          (19, V) HiFace Eq. (8), neutral to these expressions
    neutral, source  (V, 3) mm: at rest, and as the photo shows the head
    about            what was drawn at random: "identity" (I,), "split", "skin" (SkinSettings), "source_weights" and
                     "key_weights" (52,), (19, 52), "mm_per_pixel"
    """

    texture: NDArray[np.uint8]
    trust: NDArray[np.uint8]
    static: Float32
    pores: Float32
    dynamic: Float32
    compressed: Float32
    stretched: Float32
    deforming: Float32
    tension: Float32
    neutral: Float32
    source: Float32
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Samples:
    """A folder of samples; arrays are mapped, not loaded, and displacement is int16 in steps of STEP_MM.

    numbers  folder numbers of the heads, in order
    splits   "train" or "held_out" for each
    """

    folder: Path
    size: int
    numbers: tuple[int, ...]
    splits: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    def part(self, split: str) -> Samples:
        """The heads of one split ("train" or "held_out"); identities are never in both."""
        kept = [k for k, name in enumerate(self.splits) if name == split]
        return Samples(
            self.folder, self.size, tuple(self.numbers[k] for k in kept), tuple(self.splits[k] for k in kept)
        )

    def raw(self, index: int, name: str) -> NDArray[Any]:
        """One array of one head as it is stored, mapped: a crop of it reads only the crop."""
        return np.asanyarray(np.load(_folder(self.folder, self.numbers[index]) / f"{name}.npy", mmap_mode="r"))

    def displacement(self, index: int, name: str) -> Float32:
        """One of DISPLACEMENTS in mm, float32."""
        return np.asarray(self.raw(index, name), np.float32) * np.float32(STEP_MM)

    def about(self, index: int) -> dict[str, Any]:
        """What was drawn at random for one head."""
        text = (_folder(self.folder, self.numbers[index]) / "head.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found

    def __getitem__(self, index: int) -> DetailSample:
        """One head in memory."""
        arrays: dict[str, Any] = {
            name: self.displacement(index, name)
            if name in DISPLACEMENTS
            else _widened(np.array(self.raw(index, name)))
            for name in DetailSample._fields
            if name != "about"
        }
        return DetailSample(**arrays, about=self.about(index))


def open_samples(folder: Path) -> Samples:
    """The samples in a folder. Raises ModelFileInvalid where there are none."""
    folder = Path(folder)
    try:
        record = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
        numbers = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
        splits = [
            json.loads((_folder(folder, number) / "head.json").read_text(encoding="utf-8"))["split"]
            for number in numbers
        ]
        if record["format"] != FORMAT or not numbers:
            raise ValueError("it holds none of this version")
        return Samples(folder, int(record["size"]), tuple(numbers), tuple(splits))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileInvalid(f"There are no detail samples in {folder}: {error}.") from error


def begin(folder: Path, settings: Mapping[str, Any], size: int) -> None:
    """Start or go on with a folder of samples.

    Raises OutputUnwritable where the folder holds samples that were made with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = {"format": FORMAT, "size": size, "settings": dict(settings)}
    path = folder / "samples.json"
    if path.is_file():
        if json.loads(path.read_text(encoding="utf-8")) != json.loads(json.dumps(record)):
            raise OutputUnwritable(f"{folder} holds detail samples that were made with other settings.")
        return
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")


def is_stored(folder: Path, number: int) -> bool:
    """Whether a head is there."""
    return _folder(folder, number).is_dir()


def store(folder: Path, number: int, sample: DetailSample) -> None:
    """Write one head."""
    place = _folder(folder, number)
    beside = place.with_name(f"{place.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    for name, values in sample._asdict().items():
        if name == "about":
            (beside / "head.json").write_text(json.dumps(values, indent=1), encoding="utf-8")
        elif name in DISPLACEMENTS:
            steps = np.clip(np.round(values / STEP_MM), -32767, 32767)
            np.save(beside / f"{name}.npy", steps.astype(np.int16))
        elif name in ("deforming", "tension"):
            np.save(beside / f"{name}.npy", np.asarray(values, np.float16))
        else:
            np.save(beside / f"{name}.npy", values)
    beside.rename(place)


def _folder(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}"


def _widened(values: NDArray[Any]) -> NDArray[Any]:
    """float16 as float32, anything else as it is."""
    return values.astype(np.float32) if values.dtype == np.float16 else values
