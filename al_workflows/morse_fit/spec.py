"""What a user writes for a fit: the DFT section of a run, and what an element needs besides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError

from al_workflows.errors import InputError
from al_workflows.spec import AseSpec, DftSpec, EspressoSpec, GpawSpec, ResourcesSpec, RunSpec, Strict, VaspSpec
from al_workflows.spec_file import first_problem, read_yaml


class ElementSpec(Strict):
    """One element's own values. Multiplicities are 2 S + 1; ``r_e`` (Å) is where the dimer is looked for first."""

    atom: PositiveInt | None = None
    dimer: PositiveInt | None = None
    r_e: PositiveFloat | None = None


class MorseFitSpec(Strict):
    """How the atoms and dimers are computed.

    ``dft`` is a run's section. A lone molecule wants other sampling than a slab: for GPAW the Γ point and narrow
    Fermi-Dirac occupations at fixed spin replace what it says of ``kpts`` and ``occupations``. ``overrides`` go over
    that, and are what other codes need: they replace entries of ``dft.parameters``, ``dft.arguments`` or
    ``dft.input_data``.
    """

    dft: DftSpec
    box: float = Field(8.0, ge=4.0, description="distance of a lone atom from its periodic images, Å")
    overrides: dict[str, Any] = Field(default_factory=dict)
    elements: dict[str, ElementSpec] = Field(default_factory=dict)
    resources: ResourcesSpec = ResourcesSpec()

    def element(self, symbol: str) -> ElementSpec:
        """What the user said of an element."""
        return self.elements.get(symbol, ElementSpec())


def load_fit_spec(path: Path) -> MorseFitSpec:
    """The settings in the YAML file ``path``, which may be a run's: a run's other keys are passed over.

    Raises
    ------
    InputError
        The file is missing, no YAML, or breaks a rule.
    """
    data = read_yaml(path)
    if "dft" not in data:
        raise InputError(f"{path} has no `dft:` section but must have one, as a run's; see `alflow example gpaw`")
    passed_over = set(RunSpec.model_fields) - set(MorseFitSpec.model_fields)
    return parse_fit_spec({key: value for key, value in data.items() if key not in passed_over}, str(path))


def parse_fit_spec(data: dict[str, Any], source: str = "fit") -> MorseFitSpec:
    """A :class:`MorseFitSpec` from plain data; an :class:`InputError` names the first broken key in one line."""
    try:
        return MorseFitSpec.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{source}: {first_problem(error)}") from error


#: eV: keeps degenerate open shells from swapping levels between SCF steps; its entropy is some 0.01 eV an atom
WIDTH = 0.02


def isolated(spec: MorseFitSpec, polarised: bool) -> DftSpec:
    """The DFT settings for a lone atom or dimer; ``polarised`` if it has unpaired electrons."""
    if isinstance(spec.dft, GpawSpec):
        occupations: dict[str, Any] = {"name": "fermi-dirac", "width": WIDTH}
        if polarised:
            occupations["fixmagmom"] = True  # the spin is that of the initial magnetic moments
        ours = {"kpts": {"size": [1, 1, 1], "gamma": True}, "occupations": occupations}
        return spec.dft.model_copy(update={"parameters": {**spec.dft.parameters, **ours, **spec.overrides}})
    if isinstance(spec.dft, AseSpec):
        return spec.dft.model_copy(update={"arguments": {**spec.dft.arguments, **spec.overrides}})
    if isinstance(spec.dft, VaspSpec):
        return spec.dft.model_copy(update={"parameters": {**spec.dft.parameters, **spec.overrides}})
    if isinstance(spec.dft, EspressoSpec):
        return spec.dft.model_copy(update={"input_data": {**spec.dft.input_data, **spec.overrides}})
    if spec.overrides:
        raise InputError(f"`overrides` is {spec.overrides!r} but `dft.kind` {spec.dft.kind} has no settings; remove it")
    return spec.dft
