"""Addresses with a query, as tables use to be sorted, filtered and turned: every view has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

from flask import request
from werkzeug.exceptions import BadRequest


def here(**changes: object) -> str:
    """This page's address with ``changes`` to its query; None takes a key out."""
    query: dict[str, object] = {**request.args.to_dict()}
    query.update(changes)
    known = {name: str(value) for name, value in query.items() if value not in (None, "")}
    # not by url_for, which takes some names (_scheme, _external) for its own
    return request.script_root + quote(request.path) + (f"?{urlencode(known)}" if known else "")


def chosen_sort(keys: Mapping[str, object], default: str) -> tuple[str, bool]:
    """By what ``?sort=`` asks to sort (``-`` before the key: downwards).

    Raises
    ------
    BadRequest
        There is no such column.
    """
    said = request.args.get("sort") or default
    key = said.removeprefix("-")
    if key not in keys:
        raise BadRequest(f"`sort` is {said[:60]!r} but must be one of {', '.join(keys)}, with - before it to go down")
    return key, said.startswith("-")


def chosen_page(items: int, size: int) -> tuple[int, int]:
    """The page that ``?page=`` asks for, within those that there are, and their number.

    Raises
    ------
    BadRequest
        It is no number.
    """
    said, pages = request.args.get("page") or "1", max(1, -(-items // size))
    if not said.isdecimal() or len(said) > 9:
        raise BadRequest(f"`page` is {said[:60]!r} but must be a whole number from 1 to {pages}")
    return min(max(1, int(said)), pages), pages


Link = Callable[..., str]
