"""A Gaussian process on the symmetry functions: the potential for few labels, exact in one solve.

It is the network of Behler and Parrinello with one wide hidden layer whose weights are drawn once and never trained
(Rahimi & Recht, NIPS 2007: random Fourier features of a squared-exponential kernel between atoms' surroundings). What
is left to find, the output weights, is a linear problem with Gaussian prior and noise: one factorisation gives their
mean and their covariance, hence energies, forces, and how uncertain both are. The covariance of energies and forces of
whole structures follows from that of the weights, as in Bartók & Csányi, Int. J. Quantum Chem. 115, 1051 (2015).

Libraries for Gaussian processes take values at points, not sums over atoms and their derivatives along positions, which
is all that is specific here: the algebra is numpy's and scipy's.
"""

from al_workflows.potential.gaussian_process.model import GaussianProcess
from al_workflows.potential.gaussian_process.training import train_gaussian_process

__all__ = ["GaussianProcess", "train_gaussian_process"]
