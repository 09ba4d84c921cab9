"""Watches every Python process of the clean environment, where it is installed as ``sitecustomize``.

One JSON line per event in the file that FACEWRIGHT_TEST_GUARD names: processes that start, every file that Python
code opens (its own modules too), makes, moves or deletes, every compiled module, every use of the network (which is
refused). Files that compiled code writes are found by the tests in the folders that the processes have.
"""

import json
import os
import sys
import threading

_LOG = os.open(os.environ["FACEWRIGHT_TEST_GUARD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
# Events that change files: how many of their arguments are paths, and where their folders' descriptors follow.
_CHANGES = {
    "os.mkdir": (1, 2), "os.rename": (2, 2), "os.remove": (1, 1), "os.rmdir": (1, 1), "os.link": (2, 2),
    "os.symlink": (2, 2), "os.truncate": (1, None), "os.chmod": (1, 2), "os.utime": (1, 3),
    "shutil.rmtree": (1, None),
}  # fmt: skip
_NETWORK = {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_busy = threading.local()


def _say(event, **values):
    line = json.dumps({"event": event, "pid": os.getpid(), **values}) + "\n"
    os.write(_LOG, line.encode())


def _name(path, folder=-1):
    """The whole path of an argument, relative to the folder that a descriptor stands for; None for a descriptor."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    # Not pathlib: this runs inside imports, pathlib's own too.
    base = os.getcwd() if folder is None or folder < 0 else os.readlink(f"/proc/self/fd/{folder}")  # noqa: PTH109, PTH115
    return os.path.normpath(os.path.join(base, os.fsdecode(path)))  # noqa: PTH118


def _watch(event, arguments):
    if event not in _CHANGES and event not in _NETWORK and event not in ("open", "import"):
        return
    if getattr(_busy, "now", False):
        return
    _busy.now = True
    try:
        if event in _NETWORK:
            _say("network", what=event, how=repr(arguments[1:])[:200])
            raise OSError("the network is off in this test")
        if event == "open":
            path, _, flags = arguments
            writes = bool(flags & _WRITING) if isinstance(flags, int) else False
            if _name(path):
                _say("write" if writes else "read", path=_name(path))
        elif event == "import":
            if arguments[1]:  # only compiled modules say where they are
                _say("read", path=_name(arguments[1]))
        else:
            count, folders = _CHANGES[event]
            for k, path in enumerate(arguments[:count]):
                descriptors = arguments[folders:] if folders is not None else ()
                name = _name(path, descriptors[min(k, len(descriptors) - 1)] if descriptors else -1)
                if name:
                    _say("write", path=name)
    finally:
        _busy.now = False


_say("process", arguments=sys.orig_argv)
sys.addaudithook(_watch)
