"""Which class answers which ``kind:`` of a run file."""

from __future__ import annotations

from al_workflows import spec
from al_workflows.path_ends import End
from al_workflows.plugins import QueryPlugin, SimulationPlugin
from al_workflows.queries import Query
from al_workflows.queries.band import Saddle, SaddleAndEnds
from al_workflows.queries.farthest import Farthest
from al_workflows.queries.final import Final
from al_workflows.queries.mixed import Mixed
from al_workflows.queries.parallel import Parallel
from al_workflows.queries.random import Random
from al_workflows.queries.uncertainty import FinalUncertainty, Uncertainty
from al_workflows.simulations import Simulation
from al_workflows.simulations.dynamics import Dynamics
from al_workflows.simulations.neb import NudgedBand
from al_workflows.simulations.relaxation import Relaxation
from al_workflows.step_checkpoint import NOWHERE, Checkpoint, Snapshot
from al_workflows.termination import Criterion
from al_workflows.termination.barrier import DftBarrier
from al_workflows.termination.budget import Budget
from al_workflows.termination.curvature import ConfirmedMinimum
from al_workflows.termination.detached import Detached
from al_workflows.termination.failure import DftFailure
from al_workflows.termination.force import DftForce
from al_workflows.termination.force_error import ForceError
from al_workflows.termination.nothing_new import NothingNew
from al_workflows.termination.stall import Stall


def simulation_of(
    run: spec.RunSpec,
    trust_radius: float | None,
    ends: tuple[End, End] | None = None,
    checkpoint: Checkpoint = NOWHERE,
    informed: bool = False,
    goes_on: Snapshot | None = None,
) -> Simulation:
    """The simulation that ``run`` asks for; ``trust_radius`` (Å) is what it is to keep to, ``ends`` are a path's.

    ``checkpoint`` is for those that may take minutes; ``informed``: the model has learned from other runs as well;
    ``goes_on`` is the state that online dynamics go on from.
    """
    online = run.loop if isinstance(run.loop, spec.OnlineSpec) else None
    match run.simulation:
        case spec.RelaxationSpec() as relaxation:
            return Relaxation(relaxation, run.dft.min_distance, trust_radius, informed, online)
        case spec.NebSpec() as neb:
            assert ends is not None, "a path has ends"
            return NudgedBand(neb, ends, min_distance=run.dft.min_distance, trust_radius=trust_radius)
        case spec.MdSpec() as dynamics:
            return Dynamics(dynamics, run.dft.min_distance, checkpoint, online, goes_on)
        case SimulationPlugin() as plugin:
            simulation: Simulation = plugin.build()
            return simulation


def query_of(run: spec.RunSpec) -> Query:
    """The query strategy that ``run`` asks for."""
    match run.query:
        case spec.FinalQuerySpec():
            return Final()
        case spec.RandomQuerySpec(batch=batch):
            return Random(batch, final=False)
        case spec.FinalRandomQuerySpec(batch=batch):
            return Random(batch, final=True)
        case spec.FinalUncertaintyQuerySpec(batch=batch):
            return FinalUncertainty(batch)
        case spec.FarthestQuerySpec(batch=batch):
            return Farthest(batch)
        case spec.ParallelQuerySpec(single_points=single_points):
            assert isinstance(run.simulation, spec.RelaxationSpec), "the run file is checked for it"
            return Parallel(single_points, run.simulation, run.dft.min_distance)
        case spec.SaddleQuerySpec():
            assert isinstance(run.simulation, spec.NebSpec), "the run file is checked for it"
            return Saddle(run.simulation.end_fmax)
        case spec.SaddleEndsQuerySpec():
            return SaddleAndEnds()
        case spec.UncertaintyQuerySpec(batch=batch):
            return Uncertainty(batch)
        case spec.MixedQuerySpec() as mixed:
            return Mixed(mixed)
        case QueryPlugin() as plugin:
            query: Query = plugin.build()
            return query


def criteria_of(run: spec.RunSpec) -> tuple[Criterion, ...]:
    """The criteria that ``run`` ends by, in the order in which they are asked."""
    limits = run.termination
    goal: tuple[Criterion, ...] = ()
    if run.target_fmax is not None:
        goal = (DftForce(run.target_fmax),)
        if run.confirm_minimum != "never":
            goal = (ConfirmedMinimum(run.target_fmax, limits, if_unsure=run.confirm_minimum == "if_unsure"),)
    stall: tuple[Criterion, ...] = (Stall(limits.stall_cycles),)
    if isinstance(run.simulation, spec.NebSpec):
        goal = (DftBarrier(run.simulation),)
    if isinstance(run.simulation, spec.MdSpec):
        # neither forces nor energies are to become lower
        goal = (ForceError(run.simulation, online=isinstance(run.loop, spec.OnlineSpec)),)
        stall = (NothingNew(limits.stall_cycles),)
    left: tuple[Criterion, ...] = () if isinstance(run.simulation, spec.NebSpec) else (Detached(),)
    own: tuple[Criterion, ...] = tuple(plugin.build() for plugin in limits.criteria)
    return (
        *goal,
        *own,
        *left,
        DftFailure(limits.max_failed_cycles),
        Budget(limits.max_cycles, limits.max_dft_calls),
        *stall,
    )
