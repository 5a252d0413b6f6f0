"""The browser of the browser tests: the system's Chromium, else Playwright's own, else Debian's package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Chromium's sandbox needs a user of its own, and its background services look for hosts that tests must not reach.
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)
HOW_TO_GET_ONE: Final = (
    "No Chromium was found. Install the package chromium (apt-get install chromium), or run: "
    ".venv/bin/python -m playwright install chromium"
)


def find() -> str | None:
    """Return the path of a browser that is there, or None."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    caches = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    found = sorted(caches.glob("chromium*/chrome-*/*chrome*"))
    return next((str(path) for path in found if path.is_file() and os.access(path, os.X_OK)), None)


def find_or_install() -> str | None:
    """Return the path of a browser, installing one where there is none; None where none can be had."""
    found = find()
    if found:
        return found
    _try(sys.executable, "-m", "playwright", "install", "chromium")
    if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _try("apt-get", "update", "-qq")
        _try("apt-get", "install", "-y", "-qq", "chromium")
    return find()


def _try(*command: str) -> None:
    print("trying:", " ".join(command), flush=True)
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=600)
