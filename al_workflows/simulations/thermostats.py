"""The integrators of molecular dynamics, from ASE, with the right number of degrees of freedom under constraints."""

from __future__ import annotations

from typing import assert_never

import numpy as np
from ase import Atoms, units
from ase.constraints import FixCom
from ase.md.langevin import Langevin
from ase.md.md import MolecularDynamics
from ase.md.nose_hoover_chain import NoseHooverChainThermostat
from ase.md.nvtberendsen import NVTBerendsen
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from al_workflows.md_spec import BerendsenSpec, LangevinSpec, NoseHooverSpec, NveSpec, ThermostatSpec
from al_workflows.records import FloatArray
from al_workflows.step_checkpoint import Arrays


def set_in_motion(atoms: Atoms, temperature: float, rng: np.random.Generator) -> Atoms:
    """A copy of ``atoms`` with velocities of ``temperature`` (K); where nothing is held, its centre of mass is."""
    moving = _held_together(atoms)
    thermalize_momenta(moving, temperature, rng=rng)
    return moving


def degrees_of_freedom(atoms: Atoms) -> int:
    """How many of them have a temperature in dynamics of ``atoms``.

    Raises
    ------
    NotImplementedError
        ASE does not know how many a constraint takes away.
    """
    return int(_held_together(atoms).get_number_of_degrees_of_freedom())


def _held_together(atoms: Atoms) -> Atoms:
    """A copy of ``atoms``; where nothing is held, its centre of mass is."""
    copy = atoms.copy()
    if not copy.constraints:
        copy.set_constraint(FixCom())
    return copy


def integrator(
    atoms: Atoms, spec: ThermostatSpec, timestep: float, temperature: float, rng: np.random.Generator
) -> MolecularDynamics:
    """What moves ``atoms`` by ``timestep`` (fs) a step, at ``temperature`` (K) where ``spec`` has a thermostat."""
    step = timestep * units.fs
    match spec:
        case LangevinSpec(friction=friction):
            return Langevin(atoms, step, temperature_K=temperature, friction=friction / units.fs, rng=rng, fixcm=False)
        case BerendsenSpec(tau=tau):
            return NVTBerendsen(atoms, step, temperature_K=temperature, taut=tau * units.fs, fixcm=False)
        case NoseHooverSpec(tau=tau, chain=chain):
            return NoseHooverChain(atoms, step, temperature, tau * units.fs, chain)
        case NveSpec():
            return VelocityVerlet(atoms, step)
        case _:
            assert_never(spec)


def memory_of(dynamics: MolecularDynamics) -> Arrays:
    """What decides the next step beside positions, momenta and random numbers; views that may be written to."""
    return dynamics.memory if isinstance(dynamics, NoseHooverChain) else {}


class NoseHooverChain(VelocityVerlet):  # type: ignore[misc]  # ase is untyped
    """ASE's Nosé-Hoover chain around ASE's velocity Verlet, which knows constraints.

    (ASE's own NoseHooverChainNVT counts 3N degrees of freedom whatever is fixed, and lets fixed atoms gather momentum.)
    Times are in ASE's units, ``temperature`` in K.
    """

    def __init__(self, atoms: Atoms, timestep: float, temperature: float, tau: float, chain: int) -> None:
        super().__init__(atoms, timestep)
        free = atoms.get_number_of_degrees_of_freedom()
        self._chain = NoseHooverChainThermostat(free / 3, self.masses, temperature, tau, chain)

    def step(self, forces: FloatArray | None = None) -> FloatArray:
        """See ASE."""
        self._thermalise()
        forces = super().step(forces)
        self._thermalise()
        return forces

    @property
    def memory(self) -> Arrays:
        """What the chain knows beside the momenta; views that may be written to."""
        return {"eta": self._chain._eta, "p_eta": self._chain._p_eta}  # ASE has no other way to them

    def _thermalise(self) -> None:
        """Half a step of the chain, which scales all momenta alike."""
        self.atoms.set_momenta(self._chain.integrate_nhc(self.atoms.get_momenta(), self.dt / 2))

    def get_conserved_energy(self) -> float:
        """Of atoms and chain together, eV."""
        return float(self.atoms.get_total_energy() + self._chain.get_thermostat_energy())


def equilibrating(spec: ThermostatSpec) -> ThermostatSpec:
    """The thermostat of the equilibration before a run with ``spec``."""
    return LangevinSpec() if isinstance(spec, NveSpec) else spec
