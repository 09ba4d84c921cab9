"""``python -m blender_addon DIR --blend --fbx --glb``: files from a head bundle, where bpy is installed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from .backend_door import FaceError, MissingDependency, read_head

KINDS = ("blend", "fbx", "glb")
EXAMPLES = """examples:
  python -m blender_addon heads/anna --blend
  python -m blender_addon heads/anna --fbx --glb --output-dir /tmp/export
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; one JSON line on stdout, one sentence and exit code 1 for an error."""
    parser = argparse.ArgumentParser(
        prog="python -m blender_addon",
        description="Build the Blender scene of a head bundle and save it as .blend, FBX or glTF.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, metavar="DIR", help="the head bundle: a folder with head.json")
    for kind in KINDS:
        parser.add_argument(f"--{kind}", action="store_true", help=f"write head.{kind}")
    parser.add_argument("--output-dir", type=Path, help="folder for the files (default: the bundle itself)")
    parser.add_argument("--name", default="Head", help="name of the head's object (default: Head)")
    parser.add_argument("--no-verify", action="store_true", help="do not check the bundle's files by their hashes")
    options = parser.parse_args(arguments)
    kinds = [kind for kind in KINDS if getattr(options, kind)]
    if not kinds:
        parser.error("choose at least one of --blend, --fbx, --glb")
    try:
        output = options.output_dir or options.bundle
        result = run(options.bundle, kinds, output, options.name, verify=not options.no_verify)
    except FaceError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


def run(
    bundle: Path, kinds: Sequence[str], output: Path, name: str = "Head", verify: bool = True
) -> dict[str, object]:
    """Build the scene in an empty Blender file and write ``kinds``; paths and seconds of what was done.

    Raises FaceError. Whatever was open in this Blender session is lost.
    """
    try:
        import bpy
    except ImportError as error:
        raise MissingDependency(
            "Blender's Python module is not installed; run this with a Python that has it (pip install bpy)."
        ) from error
    from .export import export_fbx, export_glb, save_blend
    from .scene.build import build_scene

    seconds: dict[str, float] = {}
    paths: dict[str, str] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        with _stdout_to_stderr():
            made = work()
        seconds[stage] = round(time.perf_counter() - started, 3)
        return made

    head = timed("read", lambda: read_head(bundle, verify))
    timed("start", lambda: bpy.ops.wm.read_factory_settings(use_empty=True))
    objects = timed("build", lambda: build_scene(head, name))
    for kind in kinds:
        path = output / f"head.{kind}"
        writers = {
            "blend": partial(save_blend, path),
            "fbx": partial(export_fbx, path, objects),
            "glb": partial(export_glb, path, objects),
        }
        timed(kind, writers[kind])
        paths[kind] = str(path)
    return {"paths": paths, "seconds": seconds, "blender": bpy.app.version_string}


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Keep stdout for the result: Blender and its exporters chat on file descriptor 1."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Blender's module can crash while the interpreter shuts down, after all work is done and written.
    os._exit(code)
