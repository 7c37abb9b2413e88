"""Converged as soon as DFT finds an energy below a threshold."""

from al_workflows.plugins import PluginSettings
from al_workflows.records import Verdict, VerdictKind
from al_workflows.termination import Progress


class EnergyBelow:
    """Any label of the cycle below ``energy`` (eV)."""

    class Settings(PluginSettings):
        """``energy`` eV."""

        energy: float

    def __init__(self, settings: Settings) -> None:
        self._energy = settings.energy

    def judge(self, progress: Progress) -> Verdict | None:
        for label in progress.labels:
            if label.energy is not None and label.energy < self._energy:
                evidence = {"energy_eV": label.energy, "threshold_eV": self._energy}
                reason = f"DFT energy {label.energy:.3f} eV is below {self._energy}"
                return Verdict(VerdictKind.CONVERGED, "energy_below", reason, evidence, label.key)
        return None
