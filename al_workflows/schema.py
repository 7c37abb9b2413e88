"""The JSON schema of a run file, for editors that complete and check it as it is written."""

from __future__ import annotations

from typing import Any

from al_workflows.spec import RunSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def run_schema() -> dict[str, Any]:
    """The schema of :class:`~al_workflows.spec.RunSpec`, every object and variant with its description.

    It says what keys there are and what they may hold; rules across keys, and whether files, elements and codes are
    there, are for ``alflow validate``.
    """
    schema = RunSpec.model_json_schema()
    schema["properties"]["structure"].pop("format", None)  # "path" is no format that JSON schema knows
    return {"$schema": DIALECT, **schema, "title": "al-workflows run file"}
