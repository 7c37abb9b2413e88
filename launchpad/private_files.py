"""Write files that hold secrets: readable by their owner only, from the first byte, and never half written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step, with mode 600.

    Parameters
    ----------
    path
        The file to write; its directory must exist.
    text
        The whole content.
    """
    # mkstemp creates with mode 600 whatever the umask is
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def open_to_others(path: Path) -> bool:
    """Tell whether the group or everybody may read or write `path`."""
    return bool(path.stat().st_mode & 0o066)
