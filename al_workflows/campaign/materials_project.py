"""Crystals from the Materials Project: one request each, by the user's own key, kept beside the campaign file.

The project's interface is described at https://api.materialsproject.org/docs. Kept replies make a plan the same
tomorrow, when the project's own structure may be another, and on machines without a network.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms

from al_workflows.errors import InputError
from al_workflows.files import write_atomically

URL = "https://api.materialsproject.org/materials/summary/?material_ids={mp_id}&_fields=material_id,structure"
#: s
TIMEOUT = 30.0
#: bytes of a reply that are read
LARGEST = 20_000_000
#: where `alflow` looks for the key
KEY_VARIABLES = ("MP_API_KEY", "PMG_MAPI_KEY")
#: answers a request: URL and headers → text
Get = Callable[[str, dict[str, str]], str]


def get(url: str, headers: dict[str, str]) -> str:
    """The text that a web server gives."""
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:
        content: bytes = reply.read(LARGEST)
    return content.decode()


@dataclass(frozen=True)
class MaterialsProject:
    """Fetches crystals with ``key`` into ``directory``; None: there is no key. The key is never written."""

    key: str | None
    directory: Path
    get: Get = get

    def __call__(self, mp_id: str) -> Atoms:
        """The crystal of ``mp_id``, from ``<directory>/<mp_id>.json`` if it is there.

        Raises
        ------
        InputError
            There is no key, or it is refused; there is no such material; or the reply cannot be used.
        EnvironmentProblem
            The reply cannot be kept.
        """
        kept = self.directory / f"{mp_id}.json"
        if kept.exists():
            return _crystal(kept.read_text(errors="replace"), mp_id, str(kept))
        text = self._ask(mp_id)
        atoms = _crystal(text, mp_id, "the Materials Project's reply")
        write_atomically(kept, text)
        return atoms

    def _ask(self, mp_id: str) -> str:
        if not self.key:
            raise InputError(
                f"{mp_id} is of the Materials Project, which asks for a key, but {' and '.join(KEY_VARIABLES)} are not "
                "set; set one to your key of materialsproject.org, or give the structure's `file`"
            )
        headers = {"X-API-KEY": self.key, "Accept": "application/json", "User-Agent": "al-workflows"}
        try:
            return self.get(URL.format(mp_id=mp_id), headers)
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise InputError(
                    f"{mp_id}: the Materials Project refuses the key (HTTP {error.code}); check it"
                ) from None
            raise InputError(f"{mp_id}: the Materials Project answers HTTP {error.code}; try again later") from None
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "reason", None) or error
            raise InputError(
                f"{mp_id}: the Materials Project cannot be reached ({reason}); try again, or give the structure's "
                "`file`"
            ) from None


def _crystal(text: str, mp_id: str, where: str) -> Atoms:
    try:
        data = json.loads(text)["data"]
        if data == []:
            raise InputError(f"{mp_id}: the Materials Project has no such material; check the id")
        structure: dict[str, Any] = next(one for one in data if one["material_id"] == mp_id)["structure"]
        sites = structure["sites"]
        symbols = [_element(site) for site in sites]
        positions = [site["abc"] for site in sites]
        return Atoms(symbols, scaled_positions=positions, cell=structure["lattice"]["matrix"], pbc=True)
    except (ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        raise InputError(
            f"{mp_id}: {where} holds no structure of it ({type(error).__name__}: {error}); give the structure's `file`"
        ) from error


def _element(site: dict[str, Any]) -> str:
    """The element on a site; a ValueError if several share it."""
    if len(site["species"]) != 1 or abs(float(site["species"][0]["occu"]) - 1.0) > 1e-3:
        raise ValueError("a site is occupied by several elements or in part")
    element = site["species"][0]["element"]
    return "".join(letter for letter in str(element) if letter.isalpha())  # without an oxidation state
