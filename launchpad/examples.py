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


def run_examples() -> list[str]:
    """Names of the examples that are a run's file; the others are a campaign's."""
    return [name for name in example_names() if "structure" in yaml.safe_load(_text(name))]


def copy_example(name: str, directory: Path) -> Path:
    """Copy the example's file and its structures into ``directory``; the path of the file.

    Raises
    ------
    InputError
        There is no example of that name, or a file of its would be overwritten.
    EnvironmentProblem
        The directory cannot be written.
    """
    if name not in example_names():
        raise InputError(f"example {name!r} does not exist; there are: {', '.join(example_names())}")
    text = _text(name)
    content = yaml.safe_load(text)
    structures = [str(content[key]) for key in ("structure", "final_structure") if key in content]
    copies = {f"{name}.yaml": text} | {file: (_files() / file).read_text() for file in structures}
    for file, text in copies.items():
        target = directory / file
        if target.exists() and target.read_text() != text:
            raise InputError(f"{target} exists and differs from the example; name another directory")
    for file, text in copies.items():
        write_atomically(directory / file, text)
    return directory / f"{name}.yaml"


def _text(name: str) -> str:
    return (_files() / f"{name}.yaml").read_text()


def _files() -> resources.abc.Traversable:
    return resources.files("launchpad").joinpath("example_files")
