"""In the place of VASP, which is not there: reads its input, writes its output files in miniature.

``python fake_vasp.py MODE`` in a directory with INCAR, KPOINTS, POSCAR and POTCAR. The energy is ½ Σ x² and the forces
are −x of the positions, in the order of POSCAR; the text around them has VASP's form. What is tested with it is how
output is read and judged: say "replayed", never "tested on VASP".
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from ase import Atoms
from ase.io import read

UNCONVERGED = "EDIFF was not reached (unconverged)"


def main(mode: str) -> None:
    keywords = dict(line.split("=", 1) for line in Path("INCAR").read_text().upper().splitlines() if "=" in line)
    incar = {key.strip(): value.strip() for key, value in keywords.items()}
    with Path("runs").open("a") as stream:
        stream.write(f"ALGO {incar.get('ALGO', '-')}\n")
    say(" running on    1 total cores\n POSCAR, INCAR and KPOINTS ok, starting setup")
    if mode == "stops":
        say(" ERROR: there must be 1 or 3 items on line 2 of POSCAR")
        sys.exit(1)
    if mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "terminated":
        os.kill(os.getpid(), signal.SIGTERM)
    if mode == "hangs":
        Path("pid").write_text(str(os.getpid()))
        time.sleep(600)
    if mode == "silent":
        return
    if mode == "subspace" and incar.get("ALGO") != "NORMAL":
        say(" ERROR in subspace rotation PSSYEVX: not enough eigenvalues found")
    converged = not (mode == "unconverged" or (mode == "needs_all" and incar.get("ALGO") != "ALL"))
    write(read("POSCAR"), "because EDIFF is reached" if converged else UNCONVERGED)
    if mode == "cut":
        Path("OUTCAR").write_text(Path("OUTCAR").read_text().partition(" General timing")[0])
    if mode == "half_xml":
        text = Path("vasprun.xml").read_text()
        Path("vasprun.xml").write_text(text[: text.index('<varray name="forces"')])
    Path("WAVECAR").write_bytes(b"\0" * 100)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write(atoms: Atoms, loop: str) -> None:
    energy = 0.5 * (atoms.positions**2).sum()
    cell = "".join(vector(row) for row in atoms.cell.array)
    scaled = "".join(vector(row) for row in atoms.get_scaled_positions(wrap=False))
    structure = (
        f'<crystal><varray name="basis">{cell}</varray></crystal><varray name="positions">{scaled}</varray></structure>'
    )
    names = "".join(f"<rc><c>{symbol:2}</c><c>1</c></rc>" for symbol in atoms.symbols)
    forces = "".join(vector(-row) for row in atoms.positions)
    energies = f'<energy><i name="e_fr_energy">{energy:.8f}</i><i name="e_0_energy">{energy + 0.5:.8f}</i></energy>'
    Path("vasprun.xml").write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>'
        '<kpoints><varray name="kpointlist"><v>0 0 0</v></varray><varray name="weights"><v>1</v></varray></kpoints>'
        '<parameters><i name="NELM" type="int">60</i></parameters>'
        f'<atominfo><array name="atoms"><set>{names}</set></array></atominfo>'
        f'<structure name="initialpos">{structure}'
        f"<calculation><scstep>{energies}</scstep><structure>{structure}"
        f'<varray name="forces">{forces}</varray>{energies}</calculation></modeling>\n'
    )
    Path("OUTCAR").write_text(
        " vasp.6.4.2 20Jul23 (build Oct 01 2023 12:00:00) complex\n\n"
        "   k-points           NKPTS =      1   k-points in BZ     NKDIM =      1   number of bands    NBANDS=     20\n"
        f"------------------------ aborting loop {loop} ----------------------------------------\n"
        "\n General timing and accounting informations for this job:\n ========================================\n"
    )
    Path("CONTCAR").write_text(Path("POSCAR").read_text())
    Path("OSZICAR").write_text(f"   1 F= {energy:.8E} E0= {energy + 0.5:.8E}  d E =0.000000E+00\n")


def vector(row) -> str:
    return "<v>" + " ".join(f"{value:.10f}" for value in row) + "</v>"


if __name__ == "__main__":
    main(sys.argv[1])
