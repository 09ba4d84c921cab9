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
_CHANGES = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "os.utime", "shutil.rmtree",
}  # fmt: skip
_NETWORK = {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_busy = threading.local()


def _say(event, **values):
    line = json.dumps({"event": event, "pid": os.getpid(), **values}) + "\n"
    os.write(_LOG, line.encode())


def _name(path):
    # Not pathlib: this runs inside imports, pathlib's own too.
    return os.path.abspath(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else None  # noqa: PTH100


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
            for path in arguments[: 2 if event in ("os.rename", "os.link", "os.symlink") else 1]:
                if _name(path):
                    _say("write", path=_name(path))
    finally:
        _busy.now = False


_say("process", arguments=sys.orig_argv)
sys.addaudithook(_watch)
