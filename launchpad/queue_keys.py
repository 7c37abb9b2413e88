"""What a run file may ask of the queue: FireWorks leaves out a key that its template lacks, and tells nobody."""

from __future__ import annotations

import difflib
import re
from importlib import resources

from al_workflows.errors import InputError
from al_workflows.spec import ResourcesSpec
from fw_specs.ours import COMMANDS
from launchpad.init import template_text

_KEY = re.compile(r"\$\$\{([^}]+)\}")
#: FireWorks fills these in itself
_FILLED = {"launch_dir", *COMMANDS}


def queue_keys() -> set[str]:
    """The keys of our job script, and of those that come with FireWorks for other queues."""
    templates = resources.files("fireworks").joinpath("user_objects", "queue_adapters")
    texts = [entry.read_text() for entry in templates.iterdir() if entry.name.endswith("_template.txt")]
    return {key for text in (template_text(), *texts) for key in _KEY.findall(text)} - _FILLED


def check_resources(spec: ResourcesSpec) -> None:
    """Raise an InputError for a key or a value in a step's ``queue`` that cannot reach the job."""
    known = queue_keys()
    for step in type(spec).model_fields:
        for key, value in getattr(spec, step).queue.items():
            name = f"resources.{step}.queue.{key}"
            if key in COMMANDS:
                raise InputError(f"`{name}` is a command: it belongs into my_qadapter_<category>.yaml, not into a run")
            if key not in known:
                close = difflib.get_close_matches(key, known, 1)
                hint = f"; did you mean `{close[0]}`?" if close else "."
                raise InputError(
                    f"`{name}` is no key of a queue's template{hint} The keys are: {', '.join(sorted(known))}"
                )
            if not isinstance(value, str | int | float) or isinstance(value, bool) or "\n" in str(value):
                raise InputError(f"`{name}` is {value!r} but must be a number or one line of text")
