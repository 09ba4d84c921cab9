"""Run by ``task.py`` as a program of its own, by Blender or by a Python that has bpy: becomes the export's worker.

    blender --background --factory-startup --python launch.py -- JOB.json
    python launch.py JOB.json
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    package = Path(__file__).resolve().parent.parent
    job = Path(sys.argv[-1])
    # This folder's modules have plain names; only the package is to be found. The rest is what the caller has.
    sys.path[:] = [folder for folder in sys.path if folder and Path(folder) != package / "exporting"]
    known = [str(package.parent), *json.loads(job.read_text(encoding="utf-8"))["search"]]
    sys.path.extend(folder for folder in known if folder not in sys.path)
    code = import_module(f"{package.name}.exporting.worker").main(job)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # Blender's module can crash while the interpreter shuts down, after all is done and written
