"""Whoever acts is one value: the lock, runs, edits and the audit trail record it."""

import os
import socket

from erpoa_cli.core.operator import Operator
from erpoa_cli.state import current_operator
from erpoa_cli.usecase.authorship import author
from tests.unit.state.samples import SEALER, make_plan

CLERK = Operator("王芳", "oa-gateway", "elsewhere/1", 4711)


def test_this_process_is_the_operator(monkeypatch):
    monkeypatch.setenv("LOGNAME", "陈杰")
    here = current_operator()
    assert (here.name, here.host, here.pid) == ("陈杰", socket.gethostname(), os.getpid())
    assert here.machine == current_operator().machine


def test_what_is_written_tells_the_operator(place, tmp_path):
    with place.writer(operator=CLERK) as state:
        state.protect("suppliers", {"{}": ""})
        state.open_run(make_plan(tmp_path / "p1.erpoaplan", lineage=state.lineage), SEALER)
        holder = state.lock_holder()
        assert holder is not None
        assert (holder.who, holder.host, holder.pid) == (CLERK.name, CLERK.host, CLERK.pid)
        assert {record.who for record in state.audit()} == {CLERK.name}
        assert [row.who for row in state.protected()] == [CLERK.name]
        assert [run.who for run in state.runs()] == [CLERK.name]


def test_a_plan_is_signed_by_the_pipeline_else_by_git_else_by_the_user(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ERPOA_AUTHOR", "pipeline@huaxin.example")
    assert author(CLERK) == "pipeline@huaxin.example"
    monkeypatch.delenv("ERPOA_AUTHOR")
    monkeypatch.setattr("erpoa_cli.usecase.authorship._git", lambda *_: b"li@huaxin.example")
    assert author(CLERK) == "li@huaxin.example"
    monkeypatch.setattr("erpoa_cli.usecase.authorship._git", lambda *_: b"")
    assert author(CLERK) == CLERK.name
