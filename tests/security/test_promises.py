"""SECURITY.md names a test for each promise, and the test is there."""

from __future__ import annotations

import re

from tests.test_layers import ROOT


def test_each_promise_names_a_test_that_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 9
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)`", row)
        assert named, row
        assert all((ROOT / name).is_file() for name in named), row
    named_anywhere = set(re.findall(r"tests/security/\w+\.py", text))
    there = {f"tests/security/{path.name}" for path in (ROOT / "tests" / "security").glob("test_*.py")}
    assert there - named_anywhere == {"tests/security/test_promises.py"}
