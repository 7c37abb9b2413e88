"""Files that are seen whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
from pathlib import Path

from al_workflows.errors import EnvironmentProblem

_FULL = re.compile(r"No space left on device|[Dd]isk quota exceeded|\[Errno (28|122)\]")


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


def tells_full_disk(text: str) -> bool:
    """Whether an error's ``text`` is that a disk is full or a quota is used up."""
    return _FULL.search(text) is not None


def disk_is_full(directory: Path) -> bool:
    """Whether nothing can be written to ``directory`` now for want of space or quota."""
    probe = directory / f".alflow-probe-{secrets.token_hex(6)}"
    try:
        with probe.open("xb") as stream:
            stream.write(b"\0" * 4096)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    finally:
        probe.unlink(missing_ok=True)
    return False


def _flush_directory(directory: Path) -> None:
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
