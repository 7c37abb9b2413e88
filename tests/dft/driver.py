"""A process that asks for one point that hangs: ``python -m tests.dft.driver DIRECTORY PIDS [raise]``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from al_workflows.dft.single_point import single_point
from al_workflows.records import Request
from al_workflows.spec import AseSpec
from tests.dft.common import slab


def main() -> None:
    if "raise" in sys.argv:

        def stop(number: int, frame: Any) -> NoReturn:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, stop)
    spec = AseSpec(calculator="tests.dft.misbehaving.Hangs", arguments={"pids": sys.argv[2]})
    single_point(Request(key="run/0/0", atoms=slab(), strategy="test", reason="test"), spec, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
