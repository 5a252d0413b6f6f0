"""Logs: JSON lines that operators may read, without a single personal value."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CANARIES = ("canary@example.org", "CaptionCanary", "1987654", "LibraryCanary", "MessageCanary", "LastCanary")
PROGRAM = """
import logging, threading, warnings
import structlog
from glaswerk.cell import logs
logs.configure()
ours = structlog.get_logger("glaswerk.test")
ours.info("person added", email="canary@example.org", caption="CaptionCanary", birth_year=1987654, count=3)
ours.bind(email="canary@example.org").warning("bound", sequence=7)
try:
    raise ValueError("Key (email)=(canary@example.org) already exists")
except ValueError as error:
    ours.error("by hand", exc_info=error)
    ours.exception("by itself", text="MessageCanary")
    logging.getLogger("django.request").error("Internal Server Error: %s", "/@LibraryCanary", exc_info=True)
# Loggers of libraries that nobody listed, and one below a listed one.
for name in ("some.library", "django.db.backends", "allauth.account.internal", "nats.aio.client"):
    logging.getLogger(name).warning("sent to %s about %(x)s" if False else "sent to %s", "canary@example.org")
logging.getLogger("django.security.DisallowedHost").error("Invalid HTTP_HOST header: 'LibraryCanary'.")
def die():
    raise RuntimeError("MessageCanary")
thread = threading.Thread(target=die); thread.start(); thread.join()
raise LookupError("LastCanary canary@example.org")
"""


def _lines() -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    for canary in CANARIES:
        assert canary not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_no_value_passes_and_what_helps_an_operator_does() -> None:
    lines = _lines()
    assert [line["event"] for line in lines] == [
        "person added",
        "bound",
        "by hand",
        "by itself",
        "Internal Server Error: %s",
        *["sent to %s"] * 4,
        "[withheld]",
        "uncaught exception",
        "uncaught exception",
    ]
    added, bound, by_hand = lines[:3]
    assert (added["email"], added["caption"], added["birth_year"]) == ("[withheld]",) * 3
    assert (added["count"], added["level"], added["logger"]) == (3, "info", "glaswerk.test")
    assert bound["sequence"] == 7
    assert by_hand["exception"]["type"] == "ValueError"
    assert lines[4]["exception"]["type"] == "ValueError"
    assert [line["exception"]["type"] for line in lines[-2:]] == ["RuntimeError", "LookupError"]
    assert (
        lines[-1]["exception"]["frames"] == ["<string>:28 <module>"]
        or "<module>" in lines[-1]["exception"]["frames"][0]
    )
