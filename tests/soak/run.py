"""A soak test: an office approves, changes and revokes requisitions, erpoa keeps the orders of an ERP in agreement through
every fault and is killed at random moments; in the end each requisition has the one document it should have.

    python -m tests.soak --documents 100000

prints its seed; `--seed` repeats the work of the office and the faults that are drawn (when the kills strike depends on the
machine)."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.soak.erp import FAULTS, Erp, Judgement, erp, judge
from tests.soak.office import Office

ERPOA = Path(sys.executable).with_name("erpoa")
PROJECT = Path(__file__).parent / "project"
SETTLED = frozenset({0, 5, 9})  # nothing is left of the run
KILLED = -signal.SIGKILL
PATIENCE = 3600.0  # seconds for one command
ROUNDS_TO_CALM = 8  # plans without new faults until nothing is left to do
TRIES = 60  # of one run, killed and failed ones included


@dataclass
class Soak:
    """What came of it. `asides`: references that erpoa names with a reason in its last plan; `resolved`: that needed a
    person."""

    seed: int
    documents: int
    kills: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    asides: dict[str, str] = field(default_factory=dict)
    judgement: Judgement | None = None
    seconds: float = 0.0

    @property
    def unexplained(self) -> dict[str, str]:
        """References that are wrong in the ERP and that erpoa does not name."""
        assert self.judgement is not None
        return {no: why for no, why in self.judgement.bad.items() if no not in self.asides}

    @property
    def doubled(self) -> list[str]:
        assert self.judgement is not None
        return [*self.judgement.duplicated, *self.judgement.repeated]

    @property
    def touchless(self) -> float:
        """The share of documents that are right without a person."""
        assert self.judgement is not None
        return 1 - len(self.judgement.bad.keys() | self.asides.keys()) / max(1, self.documents)


def soak(
    place: Path,
    *,
    seed: int,
    documents: int,
    rounds: int,
    kills: float,
    unrest: float,
    safety: str = "key",
    tell: Callable[[str], None] = print,
) -> Soak:
    """Work in the empty directory *place*. *kills*: the share of commands that are killed on the way; *unrest*: the
    share of requisitions that change in a round, and of those that are revoked or approved again."""
    began = time.monotonic()
    done, chance = Soak(seed, documents), random.Random(seed)
    shutil.copytree(PROJECT, place, dirs_exist_ok=True)
    office = Office(place / "office.db", seed)
    with erp(ERPOA, place / "erp.db", seed, safety) as there:
        there.masters()
        program = _Program(place, there, done, chance, kills, safety)
        program.run("init", ".")
        for number in range(rounds):
            office.work(documents // rounds, unrest=unrest)
            there.faults(FAULTS)
            program.agree()
            done.faults.update(there.met())
            told = ", ".join(f"{n} {name}" for name, n in done.commands.most_common())
            tell(
                f"round {number + 1} of {rounds}: {len(office.requisitions)} requisitions; {told}; {done.kills} kills"
            )
        there.faults({})
        program.kills = 0
        for _ in range(ROUNDS_TO_CALM):
            if not program.agree():
                break
        done.asides = program.asides()
    done.judgement = judge(place / "erp.db", office)
    done.seconds = time.monotonic() - began
    return done


@dataclass
class _Program:
    """The installed `erpoa`, killed now and then."""

    place: Path
    there: Erp
    done: Soak
    chance: random.Random
    kills: float
    safety: str
    longest: dict[str, float] = field(default_factory=dict)  # of a command that was not killed

    def agree(self) -> bool:
        """Plan until a plan is made, then apply and resume until the run is over; False when nothing was to do."""
        plan = self.place / "soak.erpoaplan"
        for _ in range(TRIES):
            plan.unlink(missing_ok=True)
            if self.run("plan", "--detailed-exitcode", "-o", plan.name) in {0, 2, 4}:
                break
        else:
            raise AssertionError(f"no plan after {TRIES} tries")
        if not json.loads(self.answer("show", plan.name))["plan"]["applyable"]:
            return False
        ended = self.run("apply", plan.name, "--yes")
        for _ in range(TRIES):
            if ended in SETTLED or (ended == 8 and not self._unfinished()):
                return True
            if ended == 6:  # the plan is stale or was applied
                return True
            ended = self.run("resume") if self._unfinished() else self.run("apply", plan.name, "--yes")
        raise AssertionError(f"a run is not over after {TRIES} tries (exit {ended})")

    def _unfinished(self) -> bool:
        runs = json.loads(self.answer("runs", "ls"))
        return any(run["status"] in {"running", "interrupted", "in_doubt"} for run in runs["runs"])

    def run(self, *arguments: str) -> int:
        """The exit code of one command; it may be killed."""
        command, verb = [str(ERPOA), *arguments], arguments[0]
        self.done.commands[verb] += 1
        with subprocess.Popen(
            command,
            cwd=self.place,
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            began = time.monotonic()
            wait = self.chance.uniform(0.3, self.longest.get(verb, 3.0)) if self._strikes(verb) else PATIENCE
            try:
                _, words = process.communicate(timeout=wait)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                if wait == PATIENCE:
                    raise
                self.done.kills += 1
                return KILLED
            self.longest[verb] = max(self.longest.get(verb, 0.5), time.monotonic() - began)
        if process.returncode not in {0, 1, 2, 4, 5, 6, 8, 9}:
            raise AssertionError(f"{command}: exit {process.returncode}\n{words}")
        return process.returncode

    def answer(self, *arguments: str) -> str:
        """The JSON of a command that is not killed."""
        ended = subprocess.run(
            [ERPOA, *arguments, "--format", "json"], cwd=self.place, env=self._environment(),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return ended.stdout

    def _strikes(self, verb: str) -> bool:
        return verb != "init" and self.chance.random() < self.kills

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ERPOA_")}
        return {
            **kept,
            "TWIN_URL": self.there.url,
            "TWIN_SAFETY": self.safety,
            "ERPOA_SECRET_TWIN": "twin-secret",
        }

    def asides(self) -> dict[str, str]:
        """Reference → why, of everything that a last plan names and does not write."""
        report: dict[str, Any] = json.loads(self.answer("plan", "--full"))
        return {
            row["key"]["no"]: f"{row.get('code', '')} {row.get('reason', '')}".strip()
            for member in ("held", "withheld", "tasks", "drift", "conflicts")
            for row in report.get(member, [])
        }
