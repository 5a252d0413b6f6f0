"""The data folder of one test process, chosen before anything reads the settings (a plugin: `-p tests.environment`)."""

import os
import shutil
import tempfile
from pathlib import Path

_FOLDER = Path(tempfile.mkdtemp(prefix="glaswerk-tests-"))
os.environ["GLASWERK_DATA"] = str(_FOLDER / "cell")
os.environ["DJANGO_SETTINGS_MODULE"] = "glaswerk.cell.settings"
# Every pytest that starts takes the common folder of temporary folders away from other users, and with it from the
# PostgreSQL (which root runs as another user) of a test process beside it; so each process has a folder of its own.
os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_FOLDER)
for _name in ("DATABASE_URL", "NATS_URL", "GLASWERK_PORT"):
    os.environ.pop(_name, None)


def pytest_unconfigure() -> None:
    """Remove what the tests made."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
