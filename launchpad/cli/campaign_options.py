"""Arguments and options that the commands of `alflow campaign` share."""

from __future__ import annotations

from typing import Annotated

import typer

from launchpad.member_selection import selected as selected

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
