"""Random sequences of what a person may do, on the real operators, the real worker and real files.

    python tests/blender/random_sequences.py --sequences 200   # all that the project promises: half an hour
    python tests/blender/random_sequences.py --first 117 --sequences 1   # sequence 117 again, step by step

After each step nothing may have raised or printed an exception, no worker may be left behind, and no driver may be
broken or read from another head; a cancelled or killed reconstruction must have changed nothing. At the end of a
sequence everything that is left of a head must be repairable: Rebuild makes it complete.

A sequence is its number: the same number takes the same steps (only the moment at which a job is cancelled depends
on the machine). Undo and redo are real ones, Blender's own, which work without a window. Where a sequence fails its
steps are printed, and the others go on; the exit code is 1 then. Linux: processes are looked up in /proc.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "blender"), str(ROOT / "benchmarks")]

import bpy  # noqa: E402
from live_link_takes import speech, take_lines, write_take  # noqa: E402
from random_checks import (  # noqa: E402
    Broken,
    check_complete,
    check_drivers,
    check_output,
    check_workers,
)
from random_steps import STEPS, Walk, local_heads, reconstruct, use_photo  # noqa: E402

import blender_addon  # noqa: E402
from blender_addon.backend_door import cache_dir  # noqa: E402
from blender_addon.heads import PART, RECORD, heads_in_file, is_head, parts_of  # noqa: E402
from blender_addon.job import session  # noqa: E402
from blender_addon.scene.add import add_head, prepare  # noqa: E402

STEP_COUNT = 20
FROM_EMPTY = 0.15  # how many sequences begin with an empty file; the others with one head


@contextlib.contextmanager
def captured(log: Path) -> Iterator[None]:
    """Everything that Blender and Python print goes to ``log`` meanwhile: what C writes, and Python's own."""
    sys.stdout.flush(), sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with log.open("a", encoding="utf-8", buffering=1) as file:
        file.truncate(0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
                yield
        finally:
            for number, descriptor in enumerate(kept, 1):
                os.dup2(descriptor, number)
                os.close(descriptor)


def start_file(folder: Path, photo: Path, bundle: Path | None) -> Path:
    """A file with one head, made by the real operator; every sequence but those from empty begins with it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    walk = Walk(random.Random(0), folder, photo, folder)
    use_photo(walk)
    if bundle is not None:
        add_head(bpy.context, prepare(bundle.absolute()), photo)
    elif "FINISHED" not in (line := reconstruct(walk)):
        raise SystemExit(f"The first head could not be made: {line}")
    path = folder / "start.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def run(seed: int, folder: Path, photo: Path, take: Path, start: Path, steps: int) -> tuple[list[str], str | None]:
    """One sequence: its steps, and what went wrong or None."""
    numbers = random.Random(seed)
    folder.mkdir()
    walk = Walk(numbers, folder, photo, take)
    done: list[str] = []
    log = folder / "output.txt"
    try:
        with captured(log):
            bpy.ops.wm.read_factory_settings(use_empty=True)
            if numbers.random() >= FROM_EMPTY:
                bpy.ops.wm.open_mainfile(filepath=str(start))
            bpy.ops.ed.undo_push(message="start")
        check_output(log.read_text(errors="replace"))
        kinds, weights = list(STEPS), list(STEPS.values())
        while len(done) < steps:
            step = numbers.choices(kinds, weights)[0]
            done.append(f"{step.__name__} ...")
            (folder / "steps.txt").write_text("\n".join(done))  # a crash leaves this
            with captured(log):
                line = step(walk)
                check_workers()
                check_drivers()
            check_output(log.read_text(errors="replace"))
            if line is None:
                done.pop()
                numbers.random()  # a step that was not possible is another draw, not the same again
                continue
            done[-1] = f"{step.__name__}: {line}"
        with captured(log):
            repair(done)
        check_output(log.read_text(errors="replace"))
    except Broken as error:
        return done, str(error)
    except Exception:
        return done, traceback.format_exc()
    finally:
        session.stop()
    return done, None


def repair(done: list[str]) -> None:
    """Rebuild whatever is left of every head; it must be complete then."""
    to_object_mode()
    layer = bpy.context.view_layer
    belonging = {part for head in heads_in_file() for part in parts_of(head) if part is not None}
    remnants = [o for o in layer.objects if PART in o and RECORD in o and o not in belonging and o.library is None]
    for name in [obj.name for obj in (*local_heads(), *remnants)]:
        part = layer.objects.get(name)
        if part is None or part.override_library is not None:
            continue
        if is_head(part) and (part.data.library or part.data.override_library):
            continue
        layer.objects.active = part
        to_object_mode()  # undo brings modes back, too
        done.append(f"at the end: rebuild from {name}")
        try:
            bpy.ops.facewright.rebuild("EXEC_DEFAULT", True)
        except RuntimeError as error:
            if not is_head(part) and "is linked from another file" in str(error):
                continue  # a copy of an overridden head's camera: the sentence says what to do
            raise Broken(f"what is left of {name} cannot be repaired: {error}") from error
        head = layer.objects.active
        check_complete(head)
        check_drivers()


def to_object_mode() -> None:
    """What a person does when Rebuild says so."""
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")


def resolved(text: str) -> Path:
    """A path that holds wherever Blender thinks it stands, for argparse."""
    return Path(text).resolve()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=4, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--steps", type=int, default=STEP_COUNT, help="steps of each")
    parser.add_argument("--photo", type=resolved, help="a photo of a face (default: the demo photo)")
    parser.add_argument("--bundle", type=resolved, help="begin with this head where there is no worker")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no sequence after so many seconds")
    options = parser.parse_args()
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="facewright-sequences-"))
    try:
        return walk_all(options, folder, began)
    finally:
        blender_addon.unregister()
        shutil.rmtree(folder, ignore_errors=True)


def walk_all(options: argparse.Namespace, folder: Path, began: float) -> int:
    """Run the sequences and report; the exit code."""
    photo = options.photo
    if photo is None:
        import demo_photo

        photo = ROOT / ".cache" / "demo_photo" / "astronaut.png"
        demo_photo.fetch(photo)
    models = cache_dir() / "models"
    # Heads and logs go to a folder of this run's own; the landmark networks are the user's, fetched before.
    os.environ["FACEWRIGHT_CACHE"] = str(folder / "cache")
    (folder / "cache").mkdir()
    if models.is_dir():
        (folder / "cache" / "models").symlink_to(models)
    take = write_take(folder / "Slate_1_iPhone.csv", take_lines(*speech(2.0)))
    blender_addon.register()
    start = start_file(folder, photo, options.bundle)
    failed, counts = [], Counter()
    numbers = range(options.first, options.first + options.sequences)
    for done_before, seed in enumerate(numbers):
        if time.monotonic() - began > options.seconds:
            print(f"time is up after {done_before} sequences", flush=True)
            break
        since = time.monotonic()
        place = folder / f"s{seed}"
        steps, wrong = run(seed, place, photo, take, start, options.steps)
        counts.update(step.partition(":")[0] for step in steps)
        shutil.rmtree(place, ignore_errors=True)
        print(f"sequence {seed}: {'FAILED' if wrong else 'ok'}, {time.monotonic() - since:.1f} s", flush=True)
        if wrong:
            failed.append(seed)
        if wrong or options.sequences == 1:
            print("\n".join(f"    {k + 1}. {step}" for k, step in enumerate(steps)), flush=True)
        if wrong:
            print(f"    {wrong.strip()}\n    again: --first {seed} --sequences 1", flush=True)
    print("steps:", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    print(f"{len(failed)} of {options.sequences} failed: {failed}" if failed else "all sequences held", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # some versions of Blender's module crash while the interpreter shuts down
