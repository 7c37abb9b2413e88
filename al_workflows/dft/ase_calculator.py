"""Any ASE calculator, by the import path of its class and its keyword arguments."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from al_workflows.dft.backend import Computed, Rung, distribution_version, evaluate, one_line
from al_workflows.errors import EnvironmentProblem, InputError

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True)
class AseBackend:
    """``calculator`` is ``package.module.Class``; ``arguments`` are its keywords."""

    calculator: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def check(self, elements: Collection[str]) -> None:
        """The class can be imported, is a calculator, and takes the arguments.

        Nothing is constructed (a constructor may load a large model), so a keyword that a ``**kwargs`` swallows is
        not found out.
        """
        found = self.load()
        try:
            inspect.signature(found).bind(**self.arguments)
        except TypeError as error:
            raise InputError(
                f"`dft.arguments` is {self.arguments!r} but {self.calculator} does not take it "
                f"({one_line(str(error), 160)}); give the keywords of its constructor"
            ) from error

    def load(self) -> Any:
        """The class; InputError if the path leads to none, EnvironmentProblem if its package cannot be imported."""
        from ase.calculators.abc import GetPropertiesMixin
        from ase.calculators.calculator import BaseCalculator

        module_name, _, name = self.calculator.rpartition(".")
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise EnvironmentProblem(
                f"`dft.calculator` is '{self.calculator}' but {module_name} cannot be imported "
                f"({one_line(str(error), 120)}); correct the path or install its package"
            ) from error
        found = getattr(module, name, None)
        if not (isinstance(found, type) and issubclass(found, BaseCalculator | GetPropertiesMixin)):
            got = "does not exist" if found is None else "is not a class of ASE's Calculator"
            raise InputError(
                f"`dft.calculator` is '{self.calculator}' but `{name}` {got} in {module_name}; "
                "give the import path of a calculator, e.g. ase.calculators.lj.LennardJones"
            )
        return found

    def settings(self) -> dict[str, Any]:
        """The class and what it is called with."""
        return {"calculator": self.calculator, "arguments": self.arguments}

    def code(self) -> str:
        """E.g. ``ase.calculators.lj.LennardJones (ase 3.29.0)``.

        The version is that of the distribution named like the path's first part; that of an executable behind the
        calculator is not known.
        """
        package = self.calculator.partition(".")[0]
        version = distribution_version(package)
        return f"{self.calculator} ({package} {version})" if version else self.calculator

    def ladder(self) -> tuple[Rung, ...]:
        """None."""
        return ()

    def compute(self, atoms: Atoms, directory: Path) -> Computed:
        """Energy and raw forces; a calculator that writes files does so in its working directory."""
        return evaluate(atoms, self.load()(**self.arguments))
