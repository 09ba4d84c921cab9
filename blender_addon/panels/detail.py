"""The place of dynamic detail (wrinkles that come and go with the expressions) among the panels: ``bl_order`` 4.

Heads carry none in this version, so there is nothing to draw, and a panel without contents would only promise.
"""

from __future__ import annotations


def register() -> None:
    """Nothing to register while no head carries detail."""


def unregister() -> None:
    """Nothing to take back."""
