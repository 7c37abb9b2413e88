"""The examples that ship with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml

from al_workflows.errors import InputError
from al_workflows.files import write_atomically


def example_names() -> list[str]:
    """Names of the examples, sorted."""
    return sorted(Path(entry.name).stem for entry in _files().iterdir() if entry.name.endswith(".yaml"))


def copy_example(name: str, directory: Path) -> Path:
    """Copy the example's run file and its structure into ``directory``; the path of the run file.

    Raises
    ------
    InputError
        There is no example of that name, or a file of its would be overwritten.
    EnvironmentProblem
        The directory cannot be written.
    """
    if name not in example_names():
        raise InputError(f"example {name!r} does not exist; there are: {', '.join(example_names())}")
    text = (_files() / f"{name}.yaml").read_text()
    structure = str(yaml.safe_load(text)["structure"])
    copies = {f"{name}.yaml": text, structure: (_files() / structure).read_text()}
    for file, content in copies.items():
        target = directory / file
        if target.exists() and target.read_text() != content:
            raise InputError(f"{target} exists and differs from the example; name another directory")
    for file, content in copies.items():
        write_atomically(directory / file, content)
    return directory / f"{name}.yaml"


def _files() -> resources.abc.Traversable:
    return resources.files("launchpad").joinpath("example_files")
