"""Is the uncertainty right: errors of a model's forces where DFT was asked, in units of what the model had expected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from al_workflows.records import FloatArray, Label


def largest_difference(one: FloatArray, other: FloatArray) -> float:
    """The largest difference of the force on an atom between ``one`` and ``other`` [N, 3], eV/Å."""
    return float(np.linalg.norm(one - other, axis=1).max())


def uncertainty_calibration(labels: Sequence[Label]) -> dict[str, float] | None:
    """Errors against uncertainties, both the largest over the atoms, of frames that were predicted and then answered.

    An uncertainty is a standard deviation, so that the root mean square of the ratio should be near 1, and nearly all
    ratios below 2. None without a frame, or where a single member has no uncertainty.
    """
    found = [
        (label.request.uncertainty, largest_difference(label.request.predicted_forces, label.forces))
        for label in labels
        if label.forces is not None and label.request.predicted_forces is not None and label.request.uncertainty
    ]
    if not found:
        return None
    expected, errors = np.array(found).T
    ratios = errors / expected
    return {
        "frames": len(found),
        "rms_error_over_uncertainty": float(np.sqrt(np.mean(ratios**2))),
        "median_error_over_uncertainty": float(np.median(ratios)),
        "share_within_2": float(np.mean(ratios <= 2.0)),
        "median_uncertainty_eV_per_A": float(np.median(expected)),
        "median_error_eV_per_A": float(np.median(errors)),
    }
