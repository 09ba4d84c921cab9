"""HTML and SVG elements as strings, escaped unless they are markup already: text from data cannot break a page."""

from __future__ import annotations

import html

VOID = frozenset({"img", "meta", "br", "input", "col", "link"})


class Markup(str):
    """Text that is markup already; everything else is escaped where it enters an element."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """Text as markup: ``<`` and its like become entities; markup stays as it is."""
    return text if isinstance(text, Markup) else Markup(html.escape(text))


def joined(*parts: str) -> Markup:
    """Parts one after another, each escaped unless it is markup."""
    return Markup("".join(escaped(part) for part in parts))


def element(tag: str, *children: str, **attributes: str | float | bool | None) -> Markup:
    """``<tag attributes>children</tag>``.

    Parameters
    ----------
    children : text, which is escaped, or markup
    attributes : "_" at the end is dropped (``class_``), any other becomes "-" (``stroke_width``); numbers are
        written with at most two decimals, True as an attribute without a value, None and False not at all
    """
    written = "".join(
        f" {_attribute_name(name)}" + ("" if value is True else f'="{_attribute_value(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(*children)}</{tag}>")


def _attribute_name(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _attribute_value(value: str | float) -> str:
    return html.escape(value) if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """A coordinate with at most two decimals and no minus before zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
