"""A screen that nobody sees, a mouse and a keyboard for it, and Blender on it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import debian

WIDTH, HEIGHT = 1400, 900
PATIENCE_S = 180  # software OpenGL compiles the shaders of a material preview for a minute
OBSERVER = Path(__file__).with_name("observer.py")


class BlenderGone(Exception):
    """Blender ended or does not answer; the message holds the end of its output."""


class Desktop:
    """An X server in the Debian system at ``root``, with a folder of its own; use it as a context manager."""

    def __init__(self, root: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.root, self.width, self.height = root, width, height
        self._processes: list[subprocess.Popen[Any]] = []
        self._number = ""
        self.settled: Callable[[], None] = lambda: None
        """Called after each movement of mouse or key: returns when the program on the screen has digested it."""

    def __enter__(self) -> Desktop:
        self.folder = Path(tempfile.mkdtemp(prefix="facewright-window-", dir=self.root / "tmp"))
        screen = ["-screen", "0", f"{self.width}x{self.height}x24", "+extension", "GLX", "-nolisten", "tcp"]
        server = subprocess.Popen(
            debian.inside(self.root, ["Xvfb", "-displayfd", "1", *screen]),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._processes.append(server)
        assert server.stdout is not None
        self._number = server.stdout.readline().strip()
        if not self._number:
            self.__exit__()
            raise debian.MachineUnsuitable("The X server did not start.")
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.kill()  # unshare --kill-child takes everything below it along
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def inner(self, path: Path) -> str:
        """A path of this machine as the system inside sees it."""
        return "/" + str(path.relative_to(self.root))

    def start(self, command: Sequence[str], log: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[Any]:
        """Start a program on the screen; it ends with the desktop."""
        values = {"DISPLAY": f":{self._number}", "LIBGL_ALWAYS_SOFTWARE": "1", **environment}
        pairs = [f"{name}={value}" for name, value in values.items()]
        process = subprocess.Popen(
            debian.inside(self.root, ["env", *pairs, *command]),
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._processes.append(process)
        return process

    def _tool(self, *command: str) -> bytes:
        display = f"DISPLAY=:{self._number}"
        return subprocess.run(
            ["chroot", str(self.root), "env", display, *command], stdin=subprocess.DEVNULL, check=True,
            capture_output=True, timeout=60,
        ).stdout  # fmt: skip

    def picture(self) -> bytes:
        """The whole screen as PNG."""
        return self._tool("import", "-window", "root", "png:-")

    def _act(self, *command: str) -> None:
        self._tool("xdotool", *command)
        self.settled()

    def move(self, x: float, y: float) -> None:
        """Bring the pointer to a pixel, in two moves, so that Blender sees it move and highlights what is there."""
        self._act("mousemove", str(round(x) - 3), str(round(y) - 2))
        self._act("mousemove", str(round(x)), str(round(y)))

    def click(self, x: float, y: float, button: int = 1) -> None:
        """Click a pixel."""
        self.move(x, y)
        self._act("click", str(button))

    def scroll(self, x: float, y: float, steps: int) -> None:
        """Turn the wheel over a pixel, down for positive ``steps``."""
        self.move(x, y)
        self._act("click", "--repeat", str(abs(steps)), "--delay", "40", "5" if steps > 0 else "4")

    def drag(self, start: tuple[float, float], by: tuple[float, float], steps: int = 12) -> None:
        """Press at a pixel, move, release."""
        self.move(*start)
        self._act("mousedown", "1")
        for step in range(1, steps + 1):
            x, y = (start[axis] + by[axis] * step / steps for axis in (0, 1))
            self._act("mousemove", str(round(x)), str(round(y)))
        self._act("mouseup", "1")

    def key(self, *keys: str) -> None:
        """Press keys one after the other, in xdotool's names (``ctrl+z``)."""
        for name in keys:
            self._act("key", "--clearmodifiers", name)

    def type(self, text: str) -> None:
        """Type a text."""
        self._act("type", "--delay", "30", text)


class Blender:
    """Blender in a window that fills a desktop, with an observer inside that answers questions."""

    def __init__(self, desktop: Desktop, log: Path) -> None:
        self.desktop, self._log = desktop, log
        self._asked = 0
        self.resources = desktop.folder / "resources"
        home, temporary = desktop.folder / "home", desktop.folder / "tmp"
        for folder in (self.resources, home, temporary):
            folder.mkdir()
        self.environment = {
            "FACEWRIGHT_WINDOW": desktop.inner(desktop.folder),
            "BLENDER_USER_RESOURCES": desktop.inner(self.resources),
            "HOME": desktop.inner(home),
            "TMPDIR": desktop.inner(temporary),
            "OMP_NUM_THREADS": "2",
        }

    def install(self, zip_file: Path) -> None:
        """Install and enable the extension the way Blender's command line does, without a network."""
        copy = self.desktop.folder / zip_file.name
        shutil.copy(zip_file, copy)
        pairs = [f"{name}={value}" for name, value in self.environment.items()]
        command = ["blender", "--command", "extension", "install-file", "-r", "user_default", "-e"]
        print(debian.run(self.desktop.root, ["env", *pairs, *command, self.desktop.inner(copy)]).strip())
        copy.unlink()

    def start(self, scripts: Sequence[Path] = ()) -> None:
        """Open the window and wait until the observer answers."""
        d = self.desktop
        # Vulkan, newer versions' first choice, has no software driver here; 4.3 knows OpenGL by the same name.
        command = ["blender", "--offline-mode", "--gpu-backend", "opengl"]
        command += ["-p", "0", "0", str(d.width), str(d.height)]
        for script in (OBSERVER, *scripts):
            shutil.copy(script, d.folder / script.name)
            command += ["--python", d.inner(d.folder / script.name)]
        # Unbuffered, so that a crash does not swallow what led to it.
        environment = {**self.environment, "PYTHONUNBUFFERED": "1"}
        with self._log.open("ab") as log:
            self._process = d.start(command, log, environment)
        self.ask("True", timeout=90)
        d.settled = self._settle

    def _settle(self) -> None:
        """Two rounds of Blender's main loop: what was done before them has been handled and drawn."""
        for _ in range(2):
            if self.running():
                self.ask("None")

    def running(self) -> bool:
        """Whether Blender still runs."""
        return self._process.poll() is None

    def exit_code(self) -> int:
        """How Blender ended; waits for the end."""
        return self._process.wait()

    def output(self) -> str:
        """Everything that Blender has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def ask(self, code: str, timeout: float = PATIENCE_S) -> Any:
        """The value of a Python expression in Blender, in the observer's names. Raises BlenderGone, ValueError."""
        return self._ask("eval", code, timeout)

    def set_stage(self, code: str, timeout: float = PATIENCE_S) -> None:
        """Run Python statements in Blender: for what the person's screen looks like, never for what is tested."""
        self._ask("exec", code, timeout)

    def _ask(self, kind: str, code: str, timeout: float) -> Any:
        self._asked += 1
        question, reply = self.desktop.folder / "question.json", self.desktop.folder / "answer.json"
        reply.unlink(missing_ok=True)
        made = question.with_suffix(".tmp")
        made.write_text(json.dumps({"id": self._asked, "kind": kind, "code": code}), encoding="utf-8")
        made.rename(question)
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if reply.exists():
                answer = json.loads(reply.read_text(encoding="utf-8"))
                if answer["id"] == self._asked:
                    if "error" in answer:
                        raise ValueError(f"{code}\n{answer['error']}")
                    return answer.get("value")
            if not self.running():
                break
            time.sleep(0.02)
        state = "does not answer" if self.running() else "has ended"
        raise BlenderGone(f"Blender {state} (asked: {code}):\n{self.output()[-3000:]}")

    def wait(self, code: str, timeout: float, every: float = 0.2) -> Any:
        """Ask until the answer is true; return it. Raises TimeoutError."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            value = self.ask(code)
            if value:
                return value
            time.sleep(every)
        raise TimeoutError(f"not within {timeout:.0f} s: {code}")
