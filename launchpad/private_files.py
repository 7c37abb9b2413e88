"""Write files that hold secrets: readable by their owner only, from the first byte, and never half written."""

from __future__ import annotations

from pathlib import Path

from al_workflows.files import write_atomically


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step, with mode 600.

    Parameters
    ----------
    path
        The file to write; its directory must exist.
    text
        The whole content.
    """
    write_atomically(path, text, mode=0o600)


def open_to_others(path: Path) -> bool:
    """Tell whether the group or everybody may read or write `path`."""
    return bool(path.stat().st_mode & 0o066)
