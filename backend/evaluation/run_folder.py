"""The folder of a run: what an earlier run left, what this one keeps, and the report, which appears at the end."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import OutputUnwritable
from ..head.output_folder import unwritable
from .predictions.files import write_whole
from .report.contents import file_stem

MARK = "evaluation.json"
FORMAT = "facewright evaluation"
PAIRS = "pairs"
PREDICTIONS = "predictions"
PARTIAL = ".report-"


class RunFolder:
    """OUT: pairs/, predictions/ of what the run makes itself, and the report's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def pairs(self) -> Path:
        """Folder of the pair store."""
        return self.folder / PAIRS

    def predictions(self, name: str) -> Path:
        """Folder of predictions that the run makes itself."""
        return self.folder / PREDICTIONS / file_stem(name)

    def open(self, resume: bool, overwrite: bool) -> None:
        """Make the folder, or take over one that an earlier run has left.

        Raises OutputUnwritable: there is something else, or it is neither to be resumed nor overwritten.
        """
        try:
            if self.folder.exists() and not (self.folder.is_dir() and not any(self.folder.iterdir())):
                self._take_over(resume, overwrite)
            self.folder.mkdir(parents=True, exist_ok=True)
            mark = {"format": FORMAT, "version": __version__}
            write_whole(self.folder / MARK, json.dumps(mark, indent=1).encode() + b"\n")
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def write(self, files: Mapping[str, str]) -> None:
        """Write texts by file name: all are written first, then each takes its name. Raises OutputUnwritable."""
        try:
            with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=self.folder) as partial:
                for name, text in files.items():
                    (Path(partial) / name).write_text(text, encoding="utf-8", newline="\n")
                for name in files:
                    (Path(partial) / name).replace(self.folder / name)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _take_over(self, resume: bool, overwrite: bool) -> None:
        if not self._is_ours():
            raise OutputUnwritable(f"{self.folder} exists and is no evaluation: choose another folder.")
        if resume:
            return
        if not overwrite:
            raise OutputUnwritable(
                f"{self.folder} holds an evaluation: --resume goes on with it, --overwrite begins anew."
            )
        for path in (self.pairs, self.folder / PREDICTIONS):
            if path.exists():
                shutil.rmtree(path)
        for path in self.folder.glob("report.*"):
            path.unlink()

    def _is_ours(self) -> bool:
        try:
            entry: Any = json.loads((self.folder / MARK).read_text("utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(entry, dict) and entry.get("format") == FORMAT
