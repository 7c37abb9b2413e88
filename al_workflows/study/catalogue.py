"""All studies by name."""

from __future__ import annotations

from al_workflows.errors import InputError
from al_workflows.study.minimum import MINIMUM
from al_workflows.study.peers import PEERS_STUDY
from al_workflows.study.study import Study
from al_workflows.study.table1 import TABLE1
from al_workflows.study.table2 import TABLE2

STUDIES: dict[str, Study] = {study.name: study for study in (TABLE1, TABLE2, PEERS_STUDY, MINIMUM)}


def study_of(name: str) -> Study:
    """The study of that name.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in STUDIES:
        raise InputError(f"study {name!r} is not known; give one of {', '.join(STUDIES)}, or `list`")
    return STUDIES[name]
