"""Random sequences in the windowed Blender: modal jobs, undo by its own keys' operators, every panel drawn.

    python tests/window/random_sequences.py --chroot ROOT --sequences 10
    python tests/window/random_sequences.py --chroot ROOT --first 7 --sequences 1

The counterpart of ``tests/blender/random_sequences.py``, which runs the many; this one looks at what only a window
has. A sequence fails where an exception was printed (by an operator, a handler or a panel), a worker stayed, or
Blender crashed. Its number repeats its steps; when a job ends between them depends on the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
import tempfile
from pathlib import Path

import debian
from desktop import BlenderGone
from run import CACHE, build_zip, demo_photo, run_script

CLICKS = Path(__file__).with_name("random_clicks.py")
TROUBLE = re.compile(r"Traceback|Fatal Python error|Segmentation fault|SEQUENCE FAILED|Error in bpy")


def sequence(root: Path, zip_file: Path, photo: Path, seed: int, steps: int, timeout_s: float) -> tuple[bool, str]:
    """Whether it held, and everything that Blender printed."""
    text = CLICKS.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / f"clicks{seed}.py"
        script.write_text(text.replace("SEED, STEPS = 0, 15", f"SEED, STEPS = {seed}, {steps}"), encoding="utf-8")
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                run_script(root, zip_file, script, photo, Path(folder) / "out", timeout_s)
        except BlenderGone as error:
            return False, f"{printed.getvalue()}\n{error}"
    said = printed.getvalue()
    return "SEQUENCE OK" in said and not TROUBLE.search(said), said


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=debian.SUITES, default=debian.SUITES[0], help="Debian's name")
    parser.add_argument("--chroot", type=Path, help="a Debian system of that suite with Blender in it")
    parser.add_argument("--zip", type=Path, help="a built extension (default: build it now)")
    parser.add_argument("--sequences", type=int, default=10, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--steps", type=int, default=15, help="steps of each")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for each")
    options = parser.parse_args()
    root = (options.chroot or CACHE / options.suite).resolve()
    try:
        print(debian.prepare(root, options.suite))
        zip_file, photo = options.zip or build_zip(), demo_photo()
    except debian.MachineUnsuitable as error:
        print(error, file=sys.stderr)
        return 1
    failed = []
    for seed in range(options.first, options.first + options.sequences):
        held, said = sequence(root, zip_file, photo, seed, options.steps, options.timeout)
        print(f"sequence {seed}: {'ok' if held else 'FAILED'}", flush=True)
        if not held:
            failed.append(seed)
        if not held or options.sequences == 1:
            print(said)
    print(f"failed: {failed}" if failed else "all sequences held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
