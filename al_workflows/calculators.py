"""ASE calculators that a run file names by the import path of their class."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from al_workflows.dft.backend import one_line
from al_workflows.errors import EnvironmentProblem, InputError


def load_calculator(path: str, key: str) -> Any:
    """The class at the import path ``path``; ``key`` is the run file's section that names it.

    Raises
    ------
    InputError
        The path leads to no class of ASE's calculators.
    EnvironmentProblem
        Its package cannot be imported.
    """
    from ase.calculators.abc import GetPropertiesMixin
    from ase.calculators.calculator import BaseCalculator

    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise EnvironmentProblem(
            f"`{key}.calculator` is '{path}' but {module_name} cannot be imported ({one_line(str(error), 120)}); "
            "correct the path or install its package"
        ) from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, BaseCalculator | GetPropertiesMixin)):
        got = "does not exist" if found is None else "is not a class of ASE's Calculator"
        raise InputError(
            f"`{key}.calculator` is '{path}' but `{name}` {got} in {module_name}; "
            "give the import path of a calculator, e.g. ase.calculators.lj.LennardJones"
        )
    return found


def check_calculator(path: str, arguments: Mapping[str, Any], key: str) -> None:
    """Raise, as :func:`load_calculator` does, unless the class can be imported and takes ``arguments``.

    Nothing is constructed (a constructor may load a large model), so a keyword that a ``**kwargs`` swallows is not
    found out.
    """
    found = load_calculator(path, key)
    try:
        inspect.signature(found).bind(**arguments)
    except TypeError as error:
        raise InputError(
            f"`{key}.arguments` is {dict(arguments)!r} but {path} does not take it ({one_line(str(error), 160)}); "
            "give the keywords of its constructor"
        ) from error
