"""The schema of a run file agrees with what the program accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from al_workflows.schema import run_schema
from launchpad.examples import copy_example, run_examples
from tests.launchpad.test_bad_input import BAD_VALUES

MINIMAL: dict[str, Any] = {"structure": "a.xyz", "simulation": {"kind": "relaxation"}, "dft": {"kind": "emt"}}


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = run_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", run_examples())
def test_every_example_is_valid(name: str, validator: Any, tmp_path: Path) -> None:
    validator.validate(yaml.safe_load(copy_example(name, tmp_path).read_text()))


def test_the_shortest_file_is_valid(validator: Any) -> None:
    validator.validate(MINIMAL)


@pytest.mark.parametrize(
    "changes",
    [
        {"simulaton": {}},
        {"simulation": {"kind": "relaxation", "fmx": 0.1}},
        {"dft": {"kind": "emt", "tmeout": 1}},
        {"potential": {"training": {"kind": "auto", "epochs": 3}}},
        {"query": {"kind": "final", "batch": 3}},
        {"resources": {"dft": {"category": "a", "nodes": 2}}},
    ],
    ids=str,
)
def test_unknown_keys_and_variants_fail(changes: dict[str, Any], validator: Any) -> None:
    assert not validator.is_valid(MINIMAL | changes)


def test_it_finds_most_of_what_the_program_refuses(validator: Any) -> None:
    """It cannot know of files, calculators, other packages' kinds, and that .nan is no number to JSON."""
    unseen = [changes for changes, _ in BAD_VALUES if validator.is_valid(MINIMAL | changes)]
    seen = len(BAD_VALUES) - len(unseen)
    assert seen >= len(BAD_VALUES) - 17, unseen


def test_objects_and_variants_say_what_they_are() -> None:
    schema = run_schema()
    assert all(entry.get("description") for entry in schema["$defs"].values())
    assert schema["title"]
    assert schema["description"]
    for key in ("name", "seed", "structure"):
        assert schema["properties"][key]["description"], key
    assert set(schema["required"]) == {"structure", "simulation", "dft"}
