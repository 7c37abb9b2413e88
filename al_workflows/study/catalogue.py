"""All studies by name."""

from __future__ import annotations

from al_workflows.errors import InputError
from al_workflows.study.figure1 import FIGURE1
from al_workflows.study.figure3 import FIGURE3
from al_workflows.study.figure4 import FIGURE4, FIGURE_S1
from al_workflows.study.figure_s2 import FIGURE_S2
from al_workflows.study.figure_s3 import FIGURE_S3
from al_workflows.study.minimum import MINIMUM
from al_workflows.study.peers import PEERS_STUDY
from al_workflows.study.study import Study
from al_workflows.study.table1 import TABLE1
from al_workflows.study.table2 import TABLE2

_ALL = (TABLE1, TABLE2, FIGURE1, FIGURE3, FIGURE4, FIGURE_S1, FIGURE_S2, FIGURE_S3, PEERS_STUDY, MINIMUM)
STUDIES: dict[str, Study] = {study.name: study for study in _ALL}


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
