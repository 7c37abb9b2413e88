"""`alflow campaign`: one question asked of many surfaces."""

from __future__ import annotations

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Ask one question of many surfaces: plan, submit and watch campaigns, and collect their results.",
    short_help="Ask one question of many surfaces.",
)
