"""Files that are seen whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from al_workflows.errors import EnvironmentProblem


def write_atomically(path: Path, content: str | bytes, *, durable: bool = True, mode: int = 0o666) -> None:
    """Replace ``path`` by ``content``: a temporary file beside it, then renamed over it.

    Parameters
    ----------
    path
        Its directory is made if it is missing.
    durable
        Whether file and directory are on the disk when this returns.
    mode
        Of the file, less what the process' umask takes away.

    Raises
    ------
    EnvironmentProblem
        The file cannot be written; what ``path`` held is still there, and nothing else is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content.encode() if isinstance(content, str) else content)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
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
