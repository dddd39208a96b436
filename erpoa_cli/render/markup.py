"""HTML that cannot be anything but what was meant: text becomes markup here and nowhere else.

A page is one file: no script, nothing fetched, and a policy that forbids both whatever the data says.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, NewType

from erpoa_cli.render import clean

Markup = NewType("Markup", str)
NOTHING = Markup("")


def text(raw: str) -> Markup:
    """*raw*, or text that was cleaned already, as markup that shows exactly it."""
    return Markup(clean.html(raw))


def element(name: str, *children: Markup, css: str = "", **attributes: str) -> Markup:
    """`<name …>children</name>`. *css*: its classes; an attribute that is empty stands without a value."""
    given = {"class": css, **attributes} if css else attributes
    told = "".join(f' {n.rstrip("_")}="{clean.html(v)}"' if v else f" {n}" for n, v in given.items())
    return Markup(f"<{name}{told}>{''.join(children)}</{name}>")


def table(headings: Iterable[str], bodies: Iterable[Markup], *, css: str = "") -> Markup:
    """A table of *bodies* (`tbody` elements) that scrolls by itself where it is too wide."""
    head = element("tr", *(element("th", text(word), scope="col") for word in headings))
    return element("div", element("table", element("thead", head), *bodies, css=css), css="wide")


def row(*cells: Markup, css: str = "") -> Markup:
    """A `tr` of cells; what is no cell yet is made one."""
    made = [c if c.startswith(("<td", "<th")) else element("td", c) for c in cells]
    return element("tr", *made, css=css)


def number(value: Any) -> Markup:
    """A cell with a number of rows; empty for None."""
    shown = f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)
    return element("td", text(shown), css="number")


def page(title: str, body: Iterable[Markup], rules: str = "") -> str:
    """The whole document; *rules* are further CSS of this page."""
    style = _css() + rules
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body>\n</html>\n"
    )


@cache
def _css() -> str:
    return files("erpoa_cli.render").joinpath("page.css").read_text(encoding="utf-8")
