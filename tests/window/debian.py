"""A Debian system in a folder, with Blender in it: where the window tests run, whatever the machine itself has.

Commands in it get process, mount and (unless asked otherwise) network namespaces of their own. When the outermost
process ends, however it ends, the kernel ends all others and takes the mounts away, so nothing is left to clean up.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

# trixie: Blender 4.3 with Python 3.13, which takes the zip's wheels for that Python.
# sid: Blender 5.2 with Python 3.14, for which there are none, so that Debian's own packages stand in for them.
SUITES = ("trixie", "sid")
PACKAGES = (
    "blender xvfb xauth xdotool imagemagick libgl1-mesa-dri libegl1 libgl1 libglx-mesa0 libegl-mesa0 "
    "python3-numpy python3-zstandard python3-requests"
)
SID_PACKAGES = "python3-cattr python3-scipy python3-opencv python3-pil python3-onnxruntime"
# proc belongs to the new process namespace; a development system may have dev mounted already.
ENTER = (
    'mount -t proc proc "$0/proc" && { mountpoint -q "$0/dev" || mount -t devtmpfs dev "$0/dev"; } && '
    'chroot "$0" "$@"; exit $?'
)


class MachineUnsuitable(Exception):
    """This machine cannot run the window tests; the message says what is missing."""


def inside(root: Path, command: Sequence[str], network: bool = False) -> list[str]:
    """The command line that runs ``command`` in the system at ``root``.

    A shell is process 1 there, so that the command itself keeps the usual meaning of signals.
    """
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    if not network:
        unshare.append("--net")
    return [*unshare, "sh", "-c", ENTER, str(root), *command]


def run(root: Path, command: Sequence[str], network: bool = False, timeout: float = 600) -> str:
    """Run a command in the system at ``root`` and return what it printed.

    Raises MachineUnsuitable when it fails, with the end of its output, TimeoutExpired after ``timeout`` seconds.
    """
    done = subprocess.run(
        inside(root, command, network), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", timeout=timeout, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise MachineUnsuitable(f"{' '.join(command[:4])} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def prepare(root: Path, suite: str = SUITES[0]) -> str:
    """Make the system at ``root`` unless it is there already; return Blender's version line.

    Takes two to four minutes and 2 GB the first time. Raises MachineUnsuitable.
    """
    if os.geteuid() != 0:
        raise MachineUnsuitable("The window tests make a Debian system in a folder, which only root may do.")
    missing = [tool for tool in ("unshare", "chroot", "mount") if shutil.which(tool) is None]
    if missing:
        raise MachineUnsuitable(f"The window tests need {', '.join(missing)} (Debian package util-linux).")
    if not (root / "usr/bin/blender").is_file():
        _build(root, suite)
    return run(root, ["blender", "--version"]).splitlines()[0]


def _build(root: Path, suite: str) -> None:
    """Debootstrap beside ``root`` and rename, so that a system which was begun and not finished is never used."""
    if shutil.which("debootstrap") is None:
        raise MachineUnsuitable("The window tests need debootstrap: apt-get install debootstrap")
    unfinished = root.with_name(root.name + ".unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    mirror = _mirror()
    made = subprocess.run(
        ["unshare", "--mount", "debootstrap", "--variant=minbase", suite, str(unfinished), mirror],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        raise MachineUnsuitable(f"debootstrap of {suite} failed:\n{made.stdout[-3000:]}")
    # What this machine's apt needs to reach its mirror (a proxy, certificates), its packages need in there too.
    shutil.copytree("/etc/apt/apt.conf.d", unfinished / "etc/apt/apt.conf.d", dirs_exist_ok=True)
    for name in ("/etc/resolv.conf", "/etc/hosts"):
        if Path(name).is_file():
            shutil.copy(name, unfinished / "etc")
    mtab = unfinished / "etc/mtab"  # Blender's file selector lists the mounts
    if not mtab.is_symlink():
        mtab.symlink_to("/proc/self/mounts")
    packages = f"{PACKAGES} {SID_PACKAGES}" if suite == "sid" else PACKAGES
    script = (
        "export DEBIAN_FRONTEND=noninteractive; apt-get -o Acquire::Check-Valid-Until=false update -qq && "
        f"apt-get install -y -qq --no-install-recommends {packages}"
    )
    run(unfinished, ["sh", "-c", script], network=True, timeout=1800)
    unfinished.rename(root)


def _mirror() -> str:
    """The Debian mirror that this machine's own packages come from. Raises MachineUnsuitable."""
    sources = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in sources:
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            found = re.match(r"\s*(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)(https?://\S+?/debian/?)(?:\s|$)", line)
            if found:
                return found.group(1)
    raise MachineUnsuitable("No Debian mirror is named in this machine's /etc/apt; the window tests need one.")
