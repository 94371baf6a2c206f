"""Screenshots, kept for people to look at."""

import os
from pathlib import Path

from playwright.async_api import Page, ViewportSize

PICTURES = Path(os.environ.get("COUNTERSIGN_TEST_ARTIFACTS", "test-artifacts"))
DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)


async def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"console-{name}.png", full_page=True)
