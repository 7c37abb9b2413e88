"""A real Chromium, and what a page must not do in it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

CHROMIUM = shutil.which("chromium")
#: axe's words for what must not be found
SERIOUS = ("serious", "critical")


@dataclass
class Watched:
    """A page in the browser; ``base`` is the dashboard's address. ``complaints`` is what the console said."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen from now on."""
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        address = message.location.get("url", "")
        if address.endswith("/icon.svg") and "net::ERR_" in message.text:
            return  # a browser asks for it when it likes, after the server's end as well
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({address})")

    def open(self, path: str, status: int = 200) -> Page:
        """Go to ``path`` of the dashboard, which must answer so; a page that is refused may be said in the console."""
        answer = self.page.goto(self.base + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}"
        if status >= 400:
            self.complaints = [one for one in self.complaints if "Failed to load resource" not in one]
        return self.page

    def draw_figures(self) -> int:
        """Scroll through the page until each figure is drawn or says why it is not; how many are drawn."""
        figures = self.page.locator("figure[data-figure]")
        for place in range(figures.count()):
            figures.nth(place).scroll_into_view_if_needed()
            figures.nth(place).locator("[data-drawn], [data-empty]").first.wait_for(timeout=20_000)
        return self.page.locator("figure [data-drawn]").count()

    def serious(self) -> list[str]:
        """What axe finds on the page as it is that is serious or worse."""
        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']} ({one['nodes'][0]['html'][:160]})" for one in found if one["impact"] in SERIOUS
        ]

    def wide(self) -> bool:
        """Whether the page is wider than the window."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
        )
