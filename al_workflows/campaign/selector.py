"""Which members of a campaign an entry is for, by their tags."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from al_workflows.campaign.facet import facet_name
from al_workflows.strict import Strict


def _texts(value: Any) -> Any:
    """One value or several as texts: YAML reads 111 as a number."""
    values = value if isinstance(value, list | tuple) else [value]
    if any(isinstance(one, bool) for one in values):
        raise ValueError("must be texts: YAML reads NO as false, so write 'NO' in quotation marks")
    return [str(one) if isinstance(one, int | float) else one for one in values]


def _facets(value: Any) -> Any:
    """As :func:`_texts`; a facet may be a list of its indices."""
    if not isinstance(value, list) or not value:
        return _texts(value)
    digits = len(value) in (3, 4) and all(isinstance(one, int) and abs(one) < 10 for one in value)
    values = [value] if digits else value
    return [
        facet_name(one) if isinstance(one, list) and all(isinstance(n, int) for n in one) else one for one in values
    ]


Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
#: as members' tags have them: 111, 1-10, 10.1.0
Facets = Annotated[tuple[str, ...], BeforeValidator(_texts), BeforeValidator(_facets)]


class SelectorSpec(Strict):
    """Selects members all of whose named tags are among the values; ``*`` and ``?`` stand for any letters.

    A key that is not given selects all; a tag that a member lacks is never selected by a key that is.
    """

    role: Texts | None = Field(None, description="adsorption, slab, molecule, path, dynamics")
    key: Texts | None = None
    bulk: Texts | None = None
    miller: Facets | None = Field(None, description='"111" or [1, 1, 1]')
    termination: Texts | None = None
    adsorbate: Texts | None = None
    site: Texts | None = Field(None, description="hollow1, or hollow*")
    coverage: Texts | None = None
    seed: Texts | None = None

    def selects(self, tags: Mapping[str, str]) -> bool:
        """Whether it selects a member of these tags, ``role`` and ``key`` among them."""
        for name in type(self).model_fields:
            wanted = getattr(self, name)
            if wanted is not None and not any(fnmatchcase(tags.get(name, ""), pattern) for pattern in wanted):
                return False
        return True
