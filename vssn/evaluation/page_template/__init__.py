"""The report page's HTML, style and script, and how they become one file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib import resources
from typing import Any

SCRIPTS = ("page.js", "strips.js", "timeline.js")


def render(content: dict[str, Any], video: bytes = b"") -> str:
    """Fill in the page.

    Args:
        content: what the scripts show, for JSON, free of NaN.
        video: the file to play; empty where ``content`` names it by its address, or has none.

    Returns:
        The page as text. It loads nothing but files that ``content`` names.
    """
    style = _read("page.css")
    script = "".join(map(_read, SCRIPTS))
    linked = bool(content["video"] and content["video"]["source"])
    policy = [
        "default-src 'none'",
        f"style-src '{_hash(style)}'",
        f"script-src '{_hash(script)}'",
        f"img-src data: blob:{_beside(linked)}",
        f"media-src blob:{_beside(linked)}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    parts = {
        "policy": "; ".join(policy),
        "title": html.escape(content["title"]),
        "style": style,
        # In a script element "<" could begin the element's end or a comment.
        "data": json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "video": base64.b64encode(video).decode("ascii"),
        "script": script,
    }
    # Cut once at the marks, so that nothing filled in is taken for a mark.
    text, *rest = _read("page.html").split("{{")
    for part in rest:
        name, _, after = part.partition("}}")
        text += parts[name] + after
    return text


def render_static(title: str, body: str) -> str:
    """A page of the same look without scripts.

    Args:
        title: as plain text.
        body: what its ``main`` element holds, as HTML; what others chose in it is escaped.

    Returns:
        The page as text. It loads nothing.
    """
    style = _read("page.css")
    policy = f"default-src 'none'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="referrer" content="no-referrer">'
        f'<title>{html.escape(title)}</title><link rel="icon" href="data:,">'
        f"<style>{style}</style>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n'
        f"<header><h1>{html.escape(title)}</h1></header>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def _read(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _beside(linked: bool) -> str:
    return " 'self' file:" if linked else ""
