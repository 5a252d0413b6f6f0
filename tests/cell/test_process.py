"""Children that step back."""

import os
import subprocess
import sys
import time
from pathlib import Path

from glaswerk.cell.process import spawn


def _weights(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    session = Path(f"/proc/{process.pid}/autogroup")
    return os.getpriority(os.PRIO_PROCESS, process.pid), session.read_text().split()[-1] if session.exists() else ""


def test_a_child_that_steps_back_does_so_with_its_whole_session(tmp_path: Path) -> None:
    """Linux weighs sessions first, so the niceness of the process alone would mean nothing beside other sessions."""
    own, known = os.getpriority(os.PRIO_PROCESS, 0), Path("/proc/self/autogroup").exists()
    for nice in (0, 3):
        log = tmp_path / f"{nice}.log"
        child = spawn(
            [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"], log=log, nice=nice
        )
        try:
            while child.poll() is None and not log.read_text():
                time.sleep(0.01)
            assert _weights(child) == (min(19, own + nice), (str(own + nice) if nice else "0") if known else "")
        finally:
            child.kill()
            child.wait()
