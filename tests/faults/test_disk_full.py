"""The disk fills up while a plan is applied: a clear error, a consistent state, and resume finishes."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.program import ERPOA, Ended, Forks, environment, erpoa
from tests.faults.scene import Scene

LIMITED = """
import os, resource, signal, sys
size = int(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
os.execv(sys.argv[2], sys.argv[2:])
"""


def apply_limited(scene: Scene, size: int) -> Ended:
    """`erpoa apply` that cannot write beyond *size* bytes in any file: every write there fails, as on a full disk
    (EFBIG for ENOSPC; SQLite calls both an I/O error or a full disk)."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(size), ERPOA, "apply", scene.plan.name, "--no-input"],
        cwd=scene.root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
