"""A headless Chromium for the report page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--window-size=1400,1000"),
)
# Of the page itself and what is in it; anything else would be a request.
INSIDE = ("file:", "data:", "blob:")


class Browser:
    """A page in Chromium, with all that it asked for and complained of."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path) -> None:
        """Open a page; what earlier pages left is forgotten."""
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(path.as_uri())

    def js(self, code: str, *arguments: object) -> Any:
        """The value of an expression."""
        return self.driver.execute_script(f"return {code}", *arguments)

    def text(self, selector: str) -> str:
        """The text inside an element."""
        return str(self.js("document.querySelector(arguments[0]).textContent", selector))

    def count(self, selector: str) -> int:
        """How many elements there are."""
        return int(self.js("document.querySelectorAll(arguments[0]).length", selector))

    def wait(self, code: str) -> Any:
        """Wait until an expression is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 30, 0.05).until(lambda _: self.js(code), code)

    def press(self, key: str) -> None:
        """Press a key in the element that has the focus."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(key).perform()

    def click(self, selector: str, share: float) -> None:
        """Click into an element at a share of its width."""
        from selenium.webdriver import ActionChains

        element = self.driver.find_element("css selector", selector)
        self.js("arguments[0].scrollIntoView({block: 'center'})", element)
        offset = round(
            (share - 0.5) * self.js("arguments[0].getBoundingClientRect().width", element)
        )
        ActionChains(self.driver).move_to_element_with_offset(element, offset, 0).click().perform()

    def look(self, *, width: int = 1400, theme: str = "light") -> None:
        """Change the window's width in px, and the colours that the user prefers."""
        feature = {"name": "prefers-color-scheme", "value": theme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def requested(self) -> list[str]:
        """The addresses that the page asked for, less those inside it."""
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        addresses = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        assert addresses, "nothing was logged, not even the page"
        return [address for address in addresses if not address.startswith(INSIDE)]

    def complaints(self) -> list[str]:
        """What stands on the console, such as errors and what the page's policy blocked."""
        return [entry["message"] for entry in self._log("browser")]

    def _log(self, name: str) -> list[dict[str, Any]]:
        return list(self.driver.get_log(name))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium's driver; tests that need it are skipped, and say so, where there is none.

    It ends with a module's tests: an open page may keep a core busy.
    """
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="NO SELENIUM: pip install selenium"
    )
    from selenium.webdriver.chrome.service import Service

    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("NO CHROMIUM: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    running = webdriver.Chrome(options=options, service=Service(driver))
    yield running
    running.quit()


@pytest.fixture
def browser(chromium: Any) -> Browser:
    """A light window of 1400 px."""
    browser = Browser(chromium)
    browser.look()
    return browser
