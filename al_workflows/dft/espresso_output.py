"""What pw.x wrote, read for everything that decides whether its numbers count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from al_workflows.dft.backend import one_line

_RULE = "%%%%%%%%%%"
#: routines and words with which pw.x refuses a structure
_GEOMETRY = ("check_atoms", "overlap", "too close", "same position")


@dataclass(frozen=True)
class PwOutput:
    """The facts of an output file.

    ``accuracy`` is the last estimated SCF accuracy (Ry), ``iterations`` the last SCF step, ``pseudopotentials`` what
    was read, as file and MD5 sum ("" where pw.x printed none), ``error`` its own message.
    """

    done: bool
    converged: bool
    accuracy: float | None
    iterations: int
    pseudopotentials: tuple[tuple[str, str], ...]
    error: str
    out_of_time: bool
    last_line: str

    @property
    def geometry_refused(self) -> bool:
        """Whether its error is one about the structure."""
        return any(word in self.error.lower() for word in _GEOMETRY)

    @property
    def scf_failed(self) -> bool:
        """Whether pw.x itself says that SCF did not converge."""
        return "convergence NOT achieved" in self.error

    def scf_state(self) -> str:
        """One clause on where SCF stood."""
        accuracy = "unknown" if self.accuracy is None else f"{self.accuracy:.1e} Ry"
        return f"{self.iterations} steps, estimated accuracy {accuracy}"


def parse_output(text: str) -> PwOutput:
    """The facts in ``text``; whatever is not there is empty, None or False."""
    accuracies = re.findall(r"estimated scf accuracy\s*<\s*(\S+) Ry", text)
    steps = re.findall(r"^\s*iteration #\s*(\d+)", text, flags=re.MULTILINE)
    files = re.findall(r"PseudoPot\. #.*read from file:\s*(\S[^\n]*?)\s*\n(?:\s*MD5 check sum:\s*(\w+))?", text)
    not_achieved = re.search(r"convergence NOT achieved[^\n]*", text)
    lines = [line for line in text.splitlines() if line.strip()]
    return PwOutput(
        done="JOB DONE." in text,
        converged="convergence has been achieved" in text and not_achieved is None,
        accuracy=_number(accuracies[-1]) if accuracies else None,
        iterations=int(steps[-1]) if steps else 0,
        pseudopotentials=tuple((str(name), str(md5)) for name, md5 in files),
        error=one_line(not_achieved.group()) if not_achieved else _error(lines),
        out_of_time="Maximum CPU time exceeded" in text,
        last_line=one_line(lines[-1]) if lines else "",
    )


def read_output(path: Path) -> PwOutput:
    """:func:`parse_output` of a file; of nothing if it is not there."""
    return parse_output(path.read_text(errors="replace") if path.is_file() else "")


def _error(lines: list[str]) -> str:
    """The text between pw.x's rules of per cent signs: ``Error in routine readpp (2): file … not found``."""
    rules = [i for i, line in enumerate(lines) if line.strip().startswith(_RULE)]
    if not rules:
        return ""
    end = rules[1] if len(rules) > 1 else len(lines)
    return one_line(" ".join(lines[rules[0] + 1 : end]))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # Fortran writes stars for what does not fit
        return None
