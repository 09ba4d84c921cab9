"""The start and the end of a test run: the landmark networks are there, and Blender's module lets it end."""

from __future__ import annotations

import os
import sys

import pytest
from facewright.__main__ import BLAS_THREADS
from facewright.errors import MissingDependency
from facewright.photo.model_files import find_models

_status = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Before tests are collected: one thread for linear algebra, and the networks, without which some skip."""
    # As the command line does it: sums depend on the number of threads in the last bits. numpy is not imported yet.
    os.environ.update(dict.fromkeys(BLAS_THREADS, "1"))
    try:
        find_models()
    except MissingDependency as error:
        print(f"Tests on real photos will skip: {error}", file=sys.stderr)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_status] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """bpy 4.5 can wait forever, and 4.2 crash, while the interpreter shuts down: all is reported, so just go.

    (A thread of bpy's still waits on a condition variable that the library's own destructor destroys.)
    """
    if "bpy" in sys.modules and _status in config.stash:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[_status])
