"""Least squares over mini-batches, for data that no other trainer can hold: Adam under cosine annealing with restarts.

The cost is that of :mod:`.least_squares`: ½ Σ residual² + ½ |(w − w₀) / anchor|². All members of the ensemble are
trained at once, on the processor or on a CUDA device. Memory stays bounded: batches are kept while they fit the bound,
and made anew where they do not.

Kingma & Ba, arXiv 1412.6980 (Adam); Loshchilov & Hutter, arXiv 1608.03983 (cosine annealing with restarts).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from al_workflows.errors import TrainingError
from al_workflows.neighbors import IntArray
from al_workflows.potential import minibatch_networks as networks
from al_workflows.potential.least_squares import ANCHOR, GOAL
from al_workflows.potential.minibatch_data import assembled, grouped
from al_workflows.potential.network import Layout
from al_workflows.potential.prepare import Prepared
from al_workflows.records import FloatArray
from al_workflows.spec import MinibatchSpec
from al_workflows.step_checkpoint import NOWHERE, Checkpoint, Snapshot, random_state, set_random_state

#: steps in all where the user does not say how many epochs, and the least number of epochs
STEPS, LEAST_EPOCHS = 10_000, 20
#: each period between restarts is this much longer than the one before
GROWTH = 2
#: how the names of the optimizer's tensors begin in a checkpoint
ADAM = "adam."


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be fitted, by M members.

    ``starts`` [M, parameters]; ``energy_weights`` and ``force_weights`` [M, images] are 1/σ (1/eV and Å/eV).
    """

    data: Prepared
    layout: Layout
    starts: FloatArray
    energy_weights: FloatArray
    force_weights: FloatArray


@dataclass(frozen=True, eq=False)
class Result:
    """``parameters`` [M, parameters], epochs made, and whether each member came down to the goal [M].

    ``energy_errors`` eV [images] and ``force_errors`` eV/Å [Σ N, 3] are those of the members' mean, image by image.
    """

    parameters: FloatArray
    epochs: int
    reached: list[bool]
    energy_errors: FloatArray
    force_errors: FloatArray


def minibatch_fit(
    task: Task, spec: MinibatchSpec, rng: np.random.Generator, checkpoint: Checkpoint = NOWHERE
) -> Result:
    """The best weights found at the end of a period, for each member; ``rng`` orders the images.

    The same for the same state of ``rng`` on one device, gone on from ``checkpoint`` or not.

    Raises
    ------
    TrainingError
        ``spec.device`` asks for CUDA where there is none.
    """
    fit = _Fit(task, spec, rng)
    lengths = periods(spec, len(fit.batches))
    found = checkpoint.read()
    if found is not None:
        fit.resume(found)
    while fit.period < len(lengths) and not fit.reached.all():
        fit.anneal(lengths[fit.period], checkpoint)
        fit.keep_best()
        fit.period += 1
    epochs = sum(lengths[: fit.period])
    energy_errors, force_errors = fit.mean_errors()
    return Result(fit.best.cpu().numpy().astype(float), epochs, fit.reached.tolist(), energy_errors, force_errors)


def periods(spec: MinibatchSpec, n_batches: int) -> list[int]:
    """Epochs between restarts: each period twice as long as the one before it."""
    epochs = spec.epochs or max(LEAST_EPOCHS, math.ceil(STEPS / n_batches))
    shares = np.cumsum([0, *(GROWTH**n for n in range(spec.restarts + 1))])
    marks = np.round(epochs * shares / shares[-1]).astype(int)
    return [int(length) for length in np.diff(marks) if length > 0]


def device_of(spec: MinibatchSpec) -> torch.device:
    """Where to train: ``auto`` takes CUDA where there is a device for it."""
    if spec.device == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if spec.device == "cuda":
        raise TrainingError(
            "`training.device` is 'cuda' but PyTorch sees no CUDA device; install its CUDA build, or use 'auto'"
        )
    return torch.device("cpu")


class _Batches:
    """The batches of a training set on a device, kept up to a number of bytes."""

    def __init__(self, task: Task, spec: MinibatchSpec, rng: np.random.Generator) -> None:
        self._data, self._device = task.data, device_of(spec)
        self.dtype = torch.float64 if spec.precision == "float64" else torch.float32
        order: IntArray = rng.permutation(len(task.data.samples))
        self._groups = list(grouped(task.data, spec.batch_images, order))
        self._kept: dict[int, networks.Batch] = {}
        self._left = spec.memory * 2**30

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> networks.Batch:
        if index in self._kept:
            return self._kept[index]
        data = assembled(self._data, self._groups[index])
        batch = networks.on_device(data, self._device, self.dtype)
        if data.n_bytes <= self._left:
            self._left -= data.n_bytes
            self._kept[index] = batch
        return batch

    def numbers(self, array: FloatArray) -> Tensor:
        """``array`` as a tensor beside the batches."""
        return torch.tensor(array, dtype=self.dtype, device=self._device)


class _Fit:
    """The state of a training."""

    def __init__(self, task: Task, spec: MinibatchSpec, rng: np.random.Generator) -> None:
        self.batches = _Batches(task, spec, rng)
        self._task, self._rate, self._rng = task, spec.learning_rate, rng
        self._starts = self.batches.numbers(task.starts)
        self._weights = self._starts.clone()
        self._energy_weights = self.batches.numbers(task.energy_weights)
        self._force_weights = self.batches.numbers(task.force_weights)
        self._count = sum(1 + 3 * len(sample.species) for sample in task.data.samples)
        self.best, self._best_cost = self._weights.clone(), torch.full_like(self._weights[:, 0], math.inf)
        self.reached = torch.zeros(len(self._weights), dtype=torch.bool)
        self.period, self._step = 0, 0
        self._order: IntArray = np.arange(len(self.batches))
        self._moments: dict[str, Tensor] = {}
        self.keep_best()

    def resume(self, found: Snapshot) -> None:
        """Go on from what :meth:`_keep` has kept."""
        self.period, self._step = found.values["period"], found.values["step"]
        set_random_state(self._rng, found.values["random"])
        self._order = found.arrays["order"]
        tensors = {name: torch.from_numpy(array.copy()) for name, array in found.arrays.items()}
        for name, tensor in (("weights", self._weights), ("best", self.best), ("best_cost", self._best_cost)):
            tensor.copy_(tensors[name])
        self.reached.copy_(tensors["reached"])
        self._moments = {name.removeprefix(ADAM): tensor for name, tensor in tensors.items() if name.startswith(ADAM)}

    def _keep(self, adam: torch.optim.Adam, step: int, checkpoint: Checkpoint) -> None:
        """The state before ``step`` of the period; the schedule is a function of the step."""
        kept = {"weights": self._weights, "best": self.best, "best_cost": self._best_cost, "reached": self.reached}
        kept |= {ADAM + name: moment for name, moment in adam.state_dict()["state"].get(0, {}).items()}
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in kept.items()}
        values = {"period": self.period, "step": step, "random": random_state(self._rng)}
        checkpoint.write(values, arrays | {"order": self._order})

    def anneal(self, epochs: int, checkpoint: Checkpoint = NOWHERE) -> None:
        """One period: the step falls from the whole rate to nothing along half a cosine."""
        adam = torch.optim.Adam([self._weights], lr=self._rate)
        if self._moments:
            adam.load_state_dict({**adam.state_dict(), "state": {0: self._moments}})
        steps, first = epochs * len(self.batches), self._step
        self._step, self._moments = 0, {}
        for step in range(first, steps):
            if checkpoint.due:
                self._keep(adam, step, checkpoint)
            if step % len(self.batches) == 0:
                self._order = self._rng.permutation(len(self.batches))
            batch = self.batches[int(self._order[step % len(self.batches)])]
            _, gradient = networks.half_squares(
                self._task.layout, self._weights, batch, self._energy_weights, self._force_weights
            )
            gradient /= len(batch.energies) + batch.forces.numel()
            gradient += (self._weights - self._starts) / (self._count * ANCHOR**2)
            # a member that has blown up stands still; the weights kept are from before
            self._weights.grad = torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)
            adam.param_groups[0]["lr"] = self._rate * 0.5 * (1.0 + math.cos(math.pi * step / steps))
            adam.step()

    def keep_best(self) -> None:
        """Keep the weights of each member whose cost is lower than ever before."""
        squares = torch.zeros_like(self._best_cost)
        for n in range(len(self.batches)):
            batch = self.batches[n]
            energy, force = networks.errors(self._task.layout, self._weights, batch)
            squares += ((energy * self._energy_weights[:, batch.index]) ** 2).sum(dim=1)
            spread = self._force_weights[:, batch.index][:, batch.image].T[:, :, None]  # [A, M, 1]
            squares += ((force * spread) ** 2).sum(dim=(0, 2))
        cost = squares + (((self._weights - self._starts) / ANCHOR) ** 2).sum(dim=1)
        better = cost < self._best_cost
        self._best_cost[better], self.best[better] = cost[better], self._weights[better]
        self.reached[better.cpu()] = (squares <= GOAL**2 * self._count)[better].cpu()

    def mean_errors(self) -> tuple[FloatArray, FloatArray]:
        """Errors of the members' mean with the best weights: energies [images], forces [Σ N, 3], image by image."""
        sizes = [len(sample.species) for sample in self._task.data.samples]
        energies, forces = np.empty(len(sizes)), np.empty((sum(sizes), 3))
        starts = np.cumsum([0, *sizes[:-1]])
        for n in range(len(self.batches)):
            batch = self.batches[n]
            energy, force = networks.errors(self._task.layout, self.best, batch)
            index = batch.index.cpu().numpy()
            energies[index] = energy.mean(dim=0).cpu().numpy()
            rows = np.concatenate([np.arange(starts[k], starts[k] + sizes[k]) for k in index])
            forces[rows] = force.mean(dim=1).cpu().numpy()
        return energies, forces
