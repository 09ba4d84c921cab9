"""What a person at a terminal sees: a progress bar or plain lines on stderr, one line of JSON on stdout."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

BAR_CELLS = 28


class Terminal:
    """Progress, warnings and errors on stderr; ``result`` on stdout.

    ``progress`` is the callback that long functions take. A bar is drawn only where stderr is a terminal;
    elsewhere every new stage is one line with the seconds since the start.
    """

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._live = sys.stderr.isatty()
        self._stage = ""
        self._bar_open = False

    def progress(self, stage: str, fraction: float) -> None:
        """Show that ``stage`` is being worked on and that ``fraction`` (0 to 1) of the whole is done."""
        seconds = time.monotonic() - self._start
        if self._live:
            full = round(BAR_CELLS * min(max(fraction, 0.0), 1.0))
            bar = "█" * full + "·" * (BAR_CELLS - full)
            sys.stderr.write(f"\r\x1b[2K{bar} {fraction:4.0%}  {seconds:5.1f} s  {stage}")
            sys.stderr.flush()
            self._bar_open = True
        elif stage != self._stage:
            print(f"{seconds:6.2f} s  {stage}", file=sys.stderr, flush=True)
        self._stage = stage

    def say(self, text: str) -> None:
        """One line on stderr."""
        self.close()
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the bar's line, if one is open."""
        if self._bar_open:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._bar_open = False

    def result(self, values: dict[str, Any]) -> None:
        """One JSON line on stdout."""
        self.close()
        print(json.dumps(values, ensure_ascii=False, allow_nan=False), flush=True)
