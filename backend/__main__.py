"""The command line, ``facewright VERB ...``: results on stdout, all else on stderr, exit code 1 on errors."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from . import __version__
from .cli_evaluate import add_evaluate
from .cli_inspect import add_inspect, add_inspect_model
from .cli_make_benchmark import add_make_benchmark
from .cli_preview import add_preview
from .cli_pseudo_pairs import add_make_pseudo_pairs
from .cli_reconstruct import add_reconstruct
from .cli_terminal import Terminal
from .cli_train import add_build_detector_error, add_build_face_model, add_fetch_models, add_train_displacement
from .cli_train_bases import add_train_bases
from .errors import FaceError

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

# Our matrices are small: threads of the linear algebra library wait for each other ten times longer than they
# compute, and they take the cores from our own threads. Set before numpy is first imported, by the verb.
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "MKL_NUM_THREADS")

EPILOG = """\
examples:
  facewright reconstruct portrait.jpg -o head                    a head bundle in the folder "head"
  facewright reconstruct portrait.jpg -o head --blend --glb      and the Blender scene and glTF in it
  facewright inspect head                                        what is in it, in plain text
  facewright preview --expressions head -o sheet.png             its expressions, without and with detail
  facewright evaluate --data heads --pred ours=bundles --report report   how accurate heads are, side by side
"""


def parser() -> argparse.ArgumentParser:
    """The parser of all verbs; every verb sets ``run``, a function of the parsed arguments and the terminal."""
    top = argparse.ArgumentParser(
        prog="facewright",
        description="One photo of a face to an animatable head.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"facewright {__version__}")
    verbs = top.add_subparsers(title="verbs", metavar="VERB", required=True)
    add_reconstruct(verbs)
    add_inspect(verbs)
    add_inspect_model(verbs)
    add_preview(verbs)
    add_evaluate(verbs)
    add_make_benchmark(verbs)
    add_make_pseudo_pairs(verbs)
    add_build_face_model(verbs)
    add_build_detector_error(verbs)
    add_train_bases(verbs)
    add_train_displacement(verbs)
    add_fetch_models(verbs)
    return top


def _terminate(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends the program like Ctrl-C does: what was begun is cleaned up."""
    sys.exit(EXIT_TERMINATED)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, 1 for an error that a person can act on, 130 for Ctrl-C."""
    options = parser().parse_args(arguments)
    for variable in BLAS_THREADS:
        os.environ.setdefault(variable, "1")
    terminal = Terminal()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        options.run(options, terminal)
    except FaceError as error:
        terminal.say(f"facewright: {error}")
        return EXIT_ERROR
    except MemoryError:
        terminal.say("facewright: There is not enough memory; a smaller photo or --texture-size needs less.")
        return EXIT_ERROR
    except KeyboardInterrupt as error:
        terminal.say(f"facewright: {str(error) or 'Stopped; nothing was written.'}")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (``facewright inspect x | head``): nothing is left to say or to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
