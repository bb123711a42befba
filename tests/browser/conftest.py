"""A real Chromium, without a window, that reaches only this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
    "--window-size=1360,1000", "--host-resolver-rules=MAP evil.example 127.0.0.1",
)  # fmt: skip
LOAD_SECONDS = 30


@pytest.fixture(scope="session")
def chrome() -> Iterator[Chrome]:
    with chromium() as made:
        yield made


@contextmanager
def chromium() -> Iterator[Chrome]:
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser and driver, "apt-get install chromium chromium-driver"
    options = ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = Chrome(options=options, service=ChromeService(driver))
    made.set_page_load_timeout(LOAD_SECONDS)
    try:
        yield made
    finally:
        made.quit()
