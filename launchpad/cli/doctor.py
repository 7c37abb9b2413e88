"""`alflow doctor`: what stands between this machine and a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from launchpad.cli.options import JsonOption, LaunchpadOption

#: the exit code when something would keep a run from working
SOMETHING_FAILS = 1
COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    directory: Annotated[Path, typer.Option(help="Where runs will write.")] = Path("alflow-runs"),
    as_json: JsonOption = False,
    launchpad_file: LaunchpadOption = None,
) -> None:
    """Examine database, workers, programs, packages, DFT codes, caches and disks; change nothing.

    Each line says ok, warn or fail, and what to do. Exit code 1 if one says fail.
    """
    import os
    from collections import Counter
    from dataclasses import asdict

    from rich.console import Console
    from rich.text import Text

    from launchpad.cli.output import print_document
    from launchpad.doctor import examine

    console, counts = Console(highlight=False), Counter[str]()
    findings = []
    for finding in examine(launchpad_file, directory, os.environ):
        level = finding.level.value
        counts[level] += 1
        findings.append(asdict(finding) | {"level": level})
        if as_json:
            continue
        line = Text.assemble((f"{level:4}", COLOURS[level]), f"  {finding.subject}: {finding.text}")
        console.print(line, soft_wrap=True)
        if finding.remedy:
            console.print(Text(f"      → {finding.remedy}"), soft_wrap=True)
    if as_json:
        print_document({"counts": {level: counts[level] for level in COLOURS}, "findings": findings})
    else:
        console.print(f"{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} to mend")
    if counts["fail"]:
        raise typer.Exit(SOMETHING_FAILS)
