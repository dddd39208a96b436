"""The operator that this process is."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from pathlib import Path

from erpoa_cli.core.operator import Operator


def current_operator() -> Operator:
    """Who runs this process, as far as the operating system says."""
    return Operator(_user(), socket.gethostname(), _machine(), os.getpid())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _machine() -> str:
    """Containers share host names and boot, but not the space of process numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - Path follows the link to nowhere
    except OSError:
        return f"{socket.gethostname()}/{uuid.getnode():x}"
