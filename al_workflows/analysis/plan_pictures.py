"""Pictures of a campaign's members, from above and from the side, on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from ase.visualize.plot import plot_atoms
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from al_workflows.analysis.style import LIGHT, image
from al_workflows.campaign.member import Member
from al_workflows.files import write_atomically

#: members in a row, each with two views
COLUMNS = 4
#: inches of one view
VIEW = 1.7
#: atoms are drawn with this share of their covalent radii
SHARE = 0.9
#: fixed atoms are so much nearer to white
PALE = 0.6
#: Å: what moves farther along a path is drawn at both ends
FAR = 0.3
#: more members make a sheet that nobody can read
MOST = 200


def write_pictures(members: Sequence[Member], path: Path) -> int:
    """Draw the first :data:`MOST` of ``members`` into the PNG ``path``; how many were drawn.

    Fixed atoms are pale. Of a path its start is drawn, with where the adsorbate ends. The cell is shifted so that
    adsorbates are in its middle.

    Raises
    ------
    EnvironmentProblem
        The file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn = members[:MOST]
    rows = -(-len(drawn) // COLUMNS)
    columns = min(COLUMNS, len(drawn))
    figure = Figure(figsize=(2 * VIEW * columns, VIEW * 1.25 * rows), layout="constrained", facecolor=LIGHT.paper)
    FigureCanvasAgg(figure)
    for cell, member in zip(figure.subfigures(rows, columns, squeeze=False).flat, drawn, strict=False):
        cell.suptitle(member.key, fontsize=6.5, color=LIGHT.ink)
        above, beside = cell.subplots(1, 2)
        shown = _shown(member)
        _draw(shown, above, "0x,0y,0z")
        _draw(shown, beside, "-90x,0y,0z")
    write_atomically(path, image(figure, "png"))
    return len(drawn)


def _shown(member: Member) -> Atoms:
    """What is drawn of a member: of a path both ends of what moves far; no empty space along the normal."""
    atoms = member.start.copy()
    if member.final is not None:
        far = np.linalg.norm(member.final.positions - atoms.positions, axis=1) > FAR
        atoms += member.final[far]
    if "bulk" not in member.tags:
        return atoms
    added = atoms.get_tags() == 0
    if added.any():
        middle = atoms.cell.scaled_positions(atoms.positions[added].mean(axis=0)[None])[0]
        atoms.positions += ([0.5, 0.5, 0.0] - middle * [1, 1, 0]) @ atoms.cell.array
        host = atoms[~added]
        host.wrap(pbc=(True, True, False))
        atoms.positions[~added] = host.positions
    atoms.positions[:, 2] -= atoms.positions[:, 2].min()
    atoms.cell[2, 2] = max(float(atoms.positions[:, 2].max()), 1.0)
    return atoms


def _draw(atoms: Atoms, axes: Axes, rotation: str) -> None:
    colours = jmol_colors[atoms.numbers].copy()
    for constraint in atoms.constraints:
        colours[constraint.index] += PALE * (1.0 - colours[constraint.index])
    radii = SHARE * covalent_radii[atoms.numbers]
    plot_atoms(atoms, axes, rotation=rotation, radii=radii, colors=colours, show_unit_cell=1)
    axes.set_axis_off()
