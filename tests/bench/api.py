"""An API behind a stub: creates through the connector and through a whole apply, the rate limit, memory of long lists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from tests.bench.measure import ERPOA, Row, Section, Spent, interleaved, process

ROOT = Path(__file__).parents[2]
CREATES, CONCURRENCY, RATE = 5_000, 16, 200
_HAND, _WHOLE = "by hand: aiohttp, POST", "by hand: aiohttp, POST and GET each"

SYSTEM = """
systems:
  data: {plugin: files, config: {path: data}}
  api:
    plugin: http
    limits: {concurrency: %d}
    config:
      url: %s
      auth: {type: bearer, token: "{{ secret('api') }}"}
      records: items
      paging: {type: offset, total: total, size: {limit: 1000}}
      objects:
        things:
          collection: /things
          key: [code]
          enforces_key: true
          fields: {id: {type: integer, read_only: true}, code: string, name: string, amount: string}
"""
REST = """
sources:
  things: {system: data, object: things.csv, key: [code], fields: {code: string, name: string, amount: string}}
targets:
  things: {from: things, system: api, object: things, key: [code], fields: [code, name, amount]}
"""


@contextmanager
def stub(documents: int = 0) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.api_stub", str(documents)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.terminate()


def rows(folder: Path, count: int) -> str:
    file = folder / "things.csv"
    lines = "".join(f"C{n:08},华鑫钢材 {n},{n}.50\n" for n in range(count))
    file.write_text(f"code,name,amount\n{lines}", encoding="utf-8")
    return str(file)


def creating(times: int) -> Section:
    """Single-row creates at the same concurrency."""
    with TemporaryDirectory() as folder, stub() as url:
        file, many = rows(Path(folder), CREATES), str(CONCURRENCY)
        hand = [sys.executable, "-m", "tests.bench.api_by_hand", url, file, many]
        spent = interleaved(
            {
                _HAND: lambda: process([*hand, "create"], ROOT),
                "connector.write": lambda: process(
                    [sys.executable, "-m", "tests.bench.api_by_connector", "create", url, file, many], ROOT
                ),
                _WHOLE: lambda: process([*hand, "verify"], ROOT),
                "erpoa apply": lambda: applied(Path(folder)),
            },
            times,
        )
        facts = paced(Path(folder))
    limits = {"connector.write": _HAND, "erpoa apply": _WHOLE}
    return Section(
        f"{CREATES:,} creates through an API, {CONCURRENCY} at once",
        "A stub that costs next to nothing, so that all time is the client's: a real API answers a hundred times slower. Whole processes, their start with them. "
        f"`erpoa apply` journals, reads every record back and compares it; by hand each is read back too. {facts}",
        [Row(n, s, limits.get(n, ""), "≤ 1.25 ×" if n in limits else "") for n, s in spent.items()],
    )


def applied(folder: Path) -> Spent:
    """One `erpoa apply` of a plan that was made before, in a project and with a stub of its own."""
    with TemporaryDirectory(dir=folder) as place, stub() as url:
        project = Path(place) / "p"
        env = {"ERPOA_SECRET_API": "x"}
        subprocess.run([ERPOA, "init", "--template", "empty", str(project)], check=True, capture_output=True)
        (project / "data").mkdir()
        rows(project / "data", CREATES)
        for kind, text in (
            ("systems", SYSTEM % (CONCURRENCY, url)),
            ("sources", REST.partition("targets:")[0]),
        ):
            (project / kind).mkdir(exist_ok=True)
            (project / kind / "api.yml").write_text(text, encoding="utf-8")
        (project / "targets").mkdir(exist_ok=True)
        (project / "targets/api.yml").write_text("targets:" + REST.partition("targets:")[2], encoding="utf-8")
        plan = [ERPOA, "plan", "-o", "p.erpoaplan"]
        subprocess.run(plan, check=True, capture_output=True, cwd=project, env={**os.environ, **env})
        return process([ERPOA, "apply", "p.erpoaplan"], project, env=env)


def paced(folder: Path) -> str:
    """The most calls of any second under a rate limit, by the stub's own clock."""
    count = 1000
    with stub() as url:
        file = rows(folder, count)
        process(
            [sys.executable, "-m", "tests.bench.api_by_connector", "create", url, file, "16", str(RATE)], ROOT
        )
        with urlopen(f"{url}/pace") as answer:
            moments = json.load(answer)
    most = max(
        sum(1 for other in moments[n:] if other < at + 1) for n, at in enumerate(moments[: count - RATE])
    )
    per_second = (count - 1) / (moments[-1] - moments[0])
    return f"With `requests_per_second: {RATE}`: {most} calls at most in any second, {per_second:.0f} on average."


def reading(times: int) -> Section:
    """Memory of long lists: ten times the documents, the same resident set."""
    with stub(10_000) as few, stub(100_000) as many:
        program = [sys.executable, "-m", "tests.bench.api_by_connector", "read"]
        runs = {
            "10,000 documents": lambda: process([*program, few], ROOT),
            "100,000 documents": lambda: process([*program, many], ROOT),
        }
        spent = interleaved(runs, times)
    return Section(
        "Reading documents with five lines each from an API, thrown away",
        "Pages of 200. The limit is the peak of the smaller read: memory does not grow with the list.",
        [
            Row(name, one, "" if name == "10,000 documents" else "10,000 documents")
            for name, one in spent.items()
        ],
    )
