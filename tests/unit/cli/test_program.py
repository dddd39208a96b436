"""Reading the command line: options on both sides, near misses, habits of other tools, the end of a command."""

import errno
import json
import logging
import os
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from erpoa_cli.cli import ending, interrupt, log, outlet
from erpoa_cli.cli.commands import ENTRIES
from erpoa_cli.cli.options import Color, Format, Options, merged, no_color
from erpoa_cli.cli.plan import instant, waivers
from erpoa_cli.cli.program import format_asked, main
from erpoa_cli.cli.suggest import HABITS, OPTIONS, command_hint, option_hint
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.render.mask import Masker


def test_options_after_the_command_win_and_variables_add_up():
    before = merged(
        Options(), {"format": Format.CSV, "variables": ["a=1", "b=x=y"], "verbose": 1, "quiet": False}
    )
    after = merged(
        before, {"format": Format.JSON, "variables": ["a=2"], "verbose": 1, "quiet": True, "output": None}
    )
    assert after.variables == (("a", "1"), ("b", "x=y"), ("a", "2"))
    assert (after.format, after.verbose, after.quiet, after.output) == (Format.JSON, 2, True, None)


@pytest.mark.parametrize("text", ["a", "=1", ""])
def test_a_variable_is_name_and_value(text):
    with pytest.raises(Failure) as caught:
        merged(Options(), {"variables": [text]})
    assert caught.value.kind is FailureKind.INVALID


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plan", "--format", "json"], Format.JSON),
        (["--format=json", "nonsense"], Format.JSON),
        (["--format", "csv", "x", "--format", "json"], Format.JSON),
        (["plan", "--format"], Format.TEXT),
        (["plan", "--format", "xml"], Format.TEXT),
        ([], Format.TEXT),
    ],
)
def test_the_format_is_found_even_if_the_rest_cannot_be_read(arguments, expected):
    assert format_asked(arguments) is expected


def test_habits_name_no_command_of_ours_and_hints_name_only_ours():
    assert not set(HABITS) & set(ENTRIES)
    import re

    hints = " ".join([*HABITS.values(), *OPTIONS.values()])
    for name in re.findall(r"`erpoa ([a-z]\w*)", hints):
        assert name in ENTRIES, name


def test_hints():
    assert command_hint("aply", list(ENTRIES)) == "Did you mean `erpoa apply`?"
    assert "dry run" in option_hint("--dry-run", ["--select"])
    assert option_hint("--selct", ["--select", "--exclude"]) == "Did you mean --select?"
    assert option_hint("-t", ["-s"], ["-target=x"]).startswith("Terraform's -target")
    assert option_hint("--zzz", ["--select"]) == ""


@pytest.mark.parametrize("text", ["2026-11-30T18:00:00+08:00", "2026-11-30T10:00:00Z", "2026-11-30T10:00:00"])
def test_an_instant_is_utc(text):
    assert instant(text) == datetime(2026, 11, 30, 10, tzinfo=UTC)
    assert instant(None) is None


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["a.max_delete=1"], None),
        (["a.max_delete=1"], "  "),
        (["a.max_delete"], "x"),
        (["a.max_delete=-1"], "x"),
        (["=1"], "x"),
    ],
)
def test_waivers_that_cannot_be_read(texts, reason):
    with pytest.raises(Failure) as caught:
        waivers(texts, reason)
    assert caught.value.diagnostics[0].code == "E0607"


def test_waivers():
    one, whole = waivers(["erp_orders.lines.max_delete=3", "max_calls=9"], "月末")
    assert (one.target, one.guard, one.count, one.reason) == ("erp_orders.lines", "max_delete", 3, "月末")
    assert (whole.target, whole.guard) == ("", "max_calls")


@pytest.mark.parametrize(
    ("color", "terminal", "environment", "plain"),
    [
        (Color.AUTO, True, {}, False),
        (Color.AUTO, False, {}, True),
        (Color.AUTO, True, {"NO_COLOR": "1"}, True),
        (Color.AUTO, True, {"TERM": "dumb"}, True),
        (Color.ALWAYS, False, {"NO_COLOR": "1"}, False),
        (Color.NEVER, True, {}, True),
    ],
)
def test_colour(monkeypatch, color, terminal, environment, plain):
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert no_color(Options(color=color), terminal=terminal) is plain


@pytest.fixture
def masker(monkeypatch):
    fresh = Masker()
    monkeypatch.setattr(log, "MASKER", fresh)
    monkeypatch.setattr(ending, "MASKER", fresh)
    return fresh


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_may_not_be_used_is_named(capsys, tmp_path, number):
    """Whoever runs the tests may be allowed everything: the refusal is made by hand."""
    refused = OSError(number, os.strerror(number), str(tmp_path / "华信" / "control.db"))
    options = Options(command="plan", format=Format.JSON, directory=tmp_path)
    assert ending.stop(options, refused) == 1
    (told,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert (told["code"], "华信/control.db" in told["summary"]) == ("E0615", True)
    assert told["remedy"]


def test_an_unexpected_error_shows_neither_secrets_nor_values(masker, capsys, tmp_path):
    secret = "hunter2-秘密"
    masker.learn([secret])

    def broken(password):
        raise RuntimeError(f"cannot log in as {password}\x1b[2J")

    (tmp_path / ".erpoa").mkdir()
    options = Options(command="plan", format=Format.JSON, directory=tmp_path, verbose=2)
    with pytest.raises(RuntimeError) as caught:
        broken(secret)
    assert ending.stop(options, caught.value) == 1
    said = capsys.readouterr()
    assert secret not in said.out + said.err
    assert "\x1b" not in said.err
    content = json.loads(said.out)
    assert content["exit_code"] == 1
    assert content["diagnostics"][0]["code"] == "E0600"
    (kept,) = (tmp_path / ".erpoa" / "logs").iterdir()
    assert str(kept) in content["diagnostics"][0]["remedy"]
    assert kept.stat().st_mode & 0o077 == 0
    assert secret not in kept.read_text(encoding="utf-8")
    assert "cannot log in" in kept.read_text(encoding="utf-8")


def test_the_log_masks_arguments_and_errors(masker, capsys, monkeypatch):
    masker.learn(["hunter2-秘密"])
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log.set_up(Options(verbose=2))
    error = ValueError("token hunter2-秘密")
    logging.getLogger("erpoa_cli.x").error("login with %s\x1b[2J", "hunter2-秘密", exc_info=error)
    told = capsys.readouterr().err
    assert "login with (secret)\\e[2J (ValueError: token (secret))" in told


def test_quiet_leaves_only_errors(capsys):
    from erpoa_cli.core.diagnostic import Severity

    warning = Diagnostic("W0101", "no owner", severity=Severity.WARNING)
    ending.tell(Options(quiet=True), [warning])
    assert capsys.readouterr().err == ""
    ending.tell(Options(quiet=True), [warning, Diagnostic("E0101", "no key")])
    told = capsys.readouterr().err
    assert "E0101" in told
    assert "W0101" not in told


def test_the_first_signal_asks_and_the_second_stops(capsys, monkeypatch):
    monkeypatch.setattr("erpoa_cli.core.interrupt._struck", [])
    before = signal.getsignal(signal.SIGINT)
    with interrupt.stopping() as stop:
        assert isinstance(stop, threading.Event)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(interrupt.Terminated):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before
    assert "after the current batch" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (interrupt.Terminated(), 143)])
def test_interrupted_exit_codes(error, code, capsys):
    assert ending.stop(replace(Options(), command="apply"), error) == code
    assert "E0608" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["plan", "--help"], [], ["-h"], ["runs", "ls", "-h"]])
def test_help_ends_well(arguments, capsys):
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("Usage: erpoa")


def test_a_snippet_has_its_caret_under_the_column_even_after_wide_characters(capsys):
    from erpoa_cli.core.diagnostic import Location

    at = Location("targets/供应商.yml", 12, 5)
    ending.tell(
        Options(color=Color.NEVER), [Diagnostic("E0101", "unknown key", at=at, snippet="  名称: [x]")]
    )
    told = capsys.readouterr().err.splitlines()
    line = next(text for text in told if "名称" in text)
    caret = next(text for text in told if "^" in text)
    from erpoa_cli.render.layout import width

    assert width(line[: line.index(":", 10)]) == caret.index("^")


@pytest.mark.parametrize("before", ["\u3000\u3000", "名称\u3000: ", "\x1b[2J", "a\tb\u202e", "x" * 300])
def test_a_caret_stands_under_what_is_shown_of_the_place(before, capsys):
    """Whatever has to be spelled out before it, and where a long line is cut."""
    from erpoa_cli.core.diagnostic import Location
    from erpoa_cli.render.layout import width

    at = Location("erpoa.yml", 3, len(before) + 1)
    found = Diagnostic("E0101", "unknown key", at=at, snippet=f"{before}§ and more")
    ending.tell(Options(color=Color.NEVER), [found])
    line, caret = capsys.readouterr().err.splitlines()[2:4]
    assert width(line[: line.index("§")]) == caret.index("^")
    assert "\x1b" not in line


@pytest.mark.parametrize(
    "form", [Format.JSON, Format.NDJSON, Format.CSV, Format.HTML, Format.MARKDOWN, Format.TEXT]
)
def test_the_door_lets_nothing_out_that_steers(form, capsys):
    """Headings, values and ready-made texts alike."""
    from erpoa_cli.core.report import Answer, Table

    steering = "\x1b\x07\x9b\u202e\u2066\u2028"
    told = Answer(
        data={f"k{steering}": [steering]},
        tables=(Table((f"a{steering}",), ((steering,),)),),
        text=f"x{steering}y",
    )
    ending.finish(Options(command="ls", format=form), ending.Ending(told))
    out = capsys.readouterr().out
    assert out
    assert not set(out) & set(steering)
    if form is Format.JSON:
        assert json.loads(out)[f"k{steering}"] == [steering]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_outlet_never_fails_and_remembers_what_was_lost(monkeypatch, capsys):
    with Path("/dev/full").open("wb") as nowhere:
        stream = outlet.Outlet(nowhere, "utf-8", "backslashreplace")
        monkeypatch.setattr("sys.stdout", stream)
        assert stream.write("x" * 100_000) == 100_000
        assert outlet.told(0) == 1
        assert outlet.told(5) == 1
        assert outlet.told(130) == 130
    assert stream.lost is not None
    assert "E0621" in capsys.readouterr().err


def test_output_files_are_private(tmp_path, capsys):
    from erpoa_cli.core.report import Answer

    path = tmp_path / "out.json"
    options = Options(command="ls", format=Format.JSON, output=path)
    assert ending.finish(options, ending.Ending(Answer(data={"nodes": []}))) == 0
    assert json.loads(path.read_text())["nodes"] == []
    assert path.stat().st_mode & 0o077 == 0
    assert capsys.readouterr().out == ""
    assert Path(path).exists()
