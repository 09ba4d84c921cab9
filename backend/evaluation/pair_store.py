"""Finished pairs on disk, so that a run that was stopped goes on: OUT/pairs/<name>/<id>.npz and .json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from ..head.npz import npz_bytes
from ..head.output_folder import unwritable
from .pair import PairResult
from .predictions.files import write_whole
from .report.contents import file_stem


class StoredPair(NamedTuple):
    """Scores, and protocol -> why it could not score, of a pair that is on disk."""

    scores: dict[str, float]
    left_out: dict[str, str]


class PairStore:
    """The pairs of one run.

    Parameters
    ----------
    folder : OUT/pairs
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def arrays_file(self, name: str, case_id: str) -> Path:
        """Where a pair's arrays are."""
        return self.folder / file_stem(name) / f"{file_stem(case_id)}.npz"

    def read(self, name: str, case_id: str, key: str) -> StoredPair | None:
        """A pair that was finished with the same key, else None."""
        arrays, scores = self._files(name, case_id)
        try:
            entry = json.loads(scores.read_text("utf-8"))
            if entry["key"] != key or not arrays.is_file():
                return None
            return StoredPair(dict(entry["scores"]), dict(entry["left_out"]))
        except (OSError, ValueError, KeyError, TypeError):
            # Missing, or damaged by whatever ended an earlier run: it is measured again.
            return None

    def write(self, name: str, case_id: str, key: str, result: PairResult) -> None:
        """Keep a pair. The scores come last: without them the pair is not finished. Raises OutputUnwritable."""
        arrays, scores = self._files(name, case_id)
        entry = {"key": key, "scores": result.scores, "left_out": result.left_out}
        try:
            scores.unlink(missing_ok=True)
            write_whole(arrays, npz_bytes(result.arrays))
            write_whole(scores, json.dumps(entry, indent=1).encode())
        except OSError as error:
            raise unwritable(arrays, error) from error

    def _files(self, name: str, case_id: str) -> tuple[Path, Path]:
        arrays = self.arrays_file(name, case_id)
        return arrays, arrays.with_name(f"{file_stem(case_id)}.json")
