"""The same inputs give the same effects digest, whatever the machine is set to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.faults.scene import Scene
from tests.program import ERPOA, Ended, environment

pytestmark = pytest.mark.in_turn("inputs", of=2, seconds=30)

AS_OF = "2026-11-30T18:00:00+08:00"
SETTINGS = {
    "far east": {"TZ": "Pacific/Kiritimati", "LC_ALL": "C"},
    "far west": {"TZ": "America/Anchorage", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"},
    "half hours": {
        "TZ": "Asia/Kathmandu",
        "LANG": "zh_CN.GB18030",
        "LC_ALL": "zh_CN.GB18030",
        "PYTHONUTF8": "0",
    },
    "a comma as decimal point": {"TZ": "Europe/Berlin", "LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"},
    "Turkish letters": {"TZ": "Europe/Istanbul", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "4294967295"},
}
ONE_CORE = "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); os.execv(sys.argv[1], sys.argv[1:])"


def planned(scene: Scene, settings: dict[str, str], *before: str) -> Ended:
    done = subprocess.run(
        [*before, ERPOA, "plan", "--as-of", AS_OF, "--format", "json", "-o", "again.erpoaplan"],
        cwd=scene.root,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
    )
    (scene.root / "again.erpoaplan").unlink(missing_ok=True)
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def digest(ended: Ended) -> str:
    assert ended.exit == 0, ended
    found: str = ended.json()["plan"]["effects_digest"]
    assert len(found) == 64
    return found


@pytest.mark.slow
def test_zone_locale_and_threads_change_nothing(scene: Scene):
    first = digest(planned(scene, {}))
    digests = {name: digest(planned(scene, settings)) for name, settings in SETTINGS.items()}
    if hasattr(os, "sched_setaffinity"):  # DuckDB takes as many threads as it may have cores
        digests["one thread"] = digest(planned(scene, {}, sys.executable, "-c", ONE_CORE))
    assert digests == dict.fromkeys(digests, first)


def test_other_rows_change_it(scene: Scene):
    """The test above can fail: one changed letter is another digest."""
    first = digest(planned(scene, {}))
    scene.sql("erp", "UPDATE employee SET phone = '+86 139 ' WHERE code = 'E001'")
    assert digest(planned(scene, {})) != first
