"""Files that are seen whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from al_workflows.errors import EnvironmentProblem


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True, mode: int = 0o644) -> None:
    """Replace ``path`` by ``content``: a temporary file beside it, then renamed over it.

    Parameters
    ----------
    path
        Its directory is made if it is missing.
    durable
        Whether file and directory are on the disk when this returns.
    mode
        Of the file; until it is complete, only its owner can read it.

    Raises
    ------
    EnvironmentProblem
        The file cannot be written; what ``path`` held is still there, and nothing else is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 600 whatever the umask is
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content.encode() if isinstance(content, str) else content)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            _flush_directory(path.parent)
    except OSError as error:
        raise EnvironmentProblem(
            f"{path} cannot be written ({error.strerror}); give a writable directory with free space"
        ) from error


def _flush_directory(directory: Path) -> None:
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
