"""A real Chromium without a window, driven by its own chromedriver through Selenium."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SIZE = (1400, 900)
_QUIET = (
    "--headless=new",
    "--no-sandbox",  # a container's root has none
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
    "--lang=en-GB",
)


def why_not() -> str:
    """What keeps the browser from being started; "" if nothing does."""
    if find_spec("selenium") is None:
        return "selenium is not installed; pip install -e '.[test]'"
    if not (_program() and shutil.which("chromedriver")):
        return "there is no Chromium with its chromedriver; apt-get install chromium chromium-driver"
    return ""


def _program() -> str | None:
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Any]:
    """A Selenium driver with a window of `SIZE`. folder: for its profile, which is new."""
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = _program() or ""
    for argument in (*_QUIET, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    environment = {**os.environ, "HOME": str(folder), "TZ": "UTC"}
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver"), env=environment))
    try:
        # The size of what is seen, whatever the window has around it.
        device = {"width": SIZE[0], "height": SIZE[1], "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
        driver.set_page_load_timeout(30)
        driver.set_script_timeout(30)
        yield driver
    finally:
        driver.quit()
