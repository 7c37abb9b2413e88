"""Arguments and options that the commands of `alflow campaign` share."""

from __future__ import annotations

from typing import Annotated

import typer

NameArgument = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.", show_default=False)]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="KEY=VALUE",
        help="Members of this tag (bulk, miller, adsorbate, site, …), key, role, state or run; * and ? stand for any "
        "letters. May be given several times: all must fit. By default all members.",
        show_default=False,
    ),
]


def selected(words: list[str] | None) -> dict[str, str]:
    """What ``--where`` selects.

    Raises
    ------
    InputError
        A word is not like ``bulk=Pt``, or a key comes twice.
    """
    from al_workflows.errors import InputError

    found: dict[str, str] = {}
    for word in words or []:
        key, equals, value = word.partition("=")
        if not (key and equals and value) or key.startswith("$") or "." in key or key in found:
            raise InputError(f"`--where {word}` must be like bulk=Pt, each key once; correct it")
        found[key] = value
    return found
