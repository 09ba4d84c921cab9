"""Run by ``process.py`` as a program of its own: finds the backend and becomes its worker.

    python -I -u launch.py MODULE FOLDER...

Isolated mode knows neither the extension's folder nor that of its wheels, so both are handed over.
"""

from __future__ import annotations

import runpy
import sys

if __name__ == "__main__":
    module, *folders = sys.argv[1:]
    sys.path.extend(folder for folder in folders if folder not in sys.path)
    del sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
