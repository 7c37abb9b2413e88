"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LaunchpadOption = Annotated[
    Path | None,
    typer.Option(
        "--launchpad",
        "-l",
        metavar="FILE",
        help="FireWorks' my_launchpad.yaml of the database to use. Without it: AL_WORKFLOWS_MONGODB_URI, "
        "AL_WORKFLOWS_MONGODB_URI_FILE, FireWorks' own configuration, the local database.",
        show_default=False,
    ),
]

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Directory of the local database; by default AL_WORKFLOWS_DATA/mongo, else "
        "~/.local/share/al-workflows/mongo.",
        show_default=False,
    ),
]

JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document in place of the text; docs/terminal.md has its keys.")
]
