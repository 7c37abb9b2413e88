"""The keys that README and docs show are keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from al_workflows.campaign.file import parse_campaign
from launchpad.examples import copy_example
from tests.campaign.plans import campaign

ROOT = Path(__file__).parents[2]


def blocks(path: Path) -> list[dict[str, Any]]:
    """The YAML blocks of a page that are of campaigns."""
    found = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL)]
    keys = {"bulks", "adsorbates", "overrides"}
    return [block for block in found if isinstance(block, dict) and block.keys() & keys]


def test_pages() -> None:
    given = campaign().spec.model_dump(mode="json")
    for page, number in ((ROOT / "docs" / "campaigns.md", 3), (ROOT / "README.md", 1)):
        found = blocks(page)
        assert len(found) == number
        for block in found:
            parse_campaign(given | block)


def test_the_example_shows_defaults_where_it_says_nothing_else(tmp_path: Path) -> None:
    data = yaml.safe_load(copy_example("campaign", tmp_path).read_text())
    shown = parse_campaign(data | {"name": "test"})
    default = parse_campaign(
        {key: data[key] for key in ("bulks", "adsorbates", "run")}
        | {
            "name": "test",
            "slabs": {"miller": data["slabs"]["miller"], "min_lateral": 4.9},
            "sites": {"positions": ["hollow"]},
        }
    )
    assert shown == default
