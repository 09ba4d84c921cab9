"""Work on many images at once, in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import TypeVar

from ..errors import FaceError

Item = TypeVar("Item")
Result = TypeVar("Result")

# One image is one process's work: libraries that start threads of their own would only take the cores from others.
ONE_THREAD = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "MKL_NUM_THREADS", "IGL_NUM_THREADS",
)  # fmt: skip


def in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int
) -> Generator[tuple[int, Result], None, None]:
    """(index, result) of every item, in the order in which they are done.

    Parameters
    ----------
    work : a function of a module, so that it can be sent to a process
    items : what it takes, one after another
    jobs : how many processes; with 1 everything happens in this one

    Raises
    ------
    FaceError : a process was ended from outside, or for lack of memory; whatever ``work`` raises is passed on
    """
    if jobs <= 1 or len(items) <= 1:
        for index, item in enumerate(items):
            yield index, work(item)
        return
    # "spawn": a forked copy of a process that has threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(items)), context, initializer=_begin)
    try:
        futures = {pool.submit(work, item): index for index, item in enumerate(items)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise FaceError(
            "A process that worked on images was ended, perhaps for lack of memory: use fewer --jobs, and --resume."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def in_order(work: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Generator[Result, None, None]:
    """Results of ``in_processes`` in the order of the items; once it is closed, nothing more is begun."""
    waiting: dict[int, Result] = {}
    following = 0
    with closing(in_processes(work, items, jobs)) as done:
        for index, result in done:
            waiting[index] = result
            while following in waiting:
                yield waiting.pop(following)
                following += 1


def _begin() -> None:
    """In a new process: Ctrl-C is the caller's to handle, who waits for what is being worked on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # read when numpy and igl are first imported: not yet
    import cv2

    cv2.setNumThreads(1)
