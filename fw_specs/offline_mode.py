"""FireWorks' offline mode, mended: `rlaunch --offline` of FireWorks 2.1.4 does not run beside a monty of 2026.

It opens ``FW_offline.json`` by ``zopen(path)``, and monty has demanded a mode since 2026.2 (its pull request 752); the
pymatgen of today demands such a monty. FireWorks reads the Firework, and with it imports its tasks' module, before it
opens that file, so that the module can put it right for a plain `rlaunch`.
"""

from __future__ import annotations

import inspect
from typing import Any

from fireworks.core import rocket


def mend() -> None:
    """Give the ``zopen`` that FireWorks' rocket calls its default mode back; nothing where it has one."""
    original = rocket.zopen
    if inspect.signature(original).parameters["mode"].default is not inspect.Parameter.empty:
        return

    def zopen(filename: Any, mode: str = "rt", **options: Any) -> Any:
        return original(filename, mode, **options)

    rocket.zopen = zopen
