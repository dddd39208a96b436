"""Near misses on the command line, and hints for habits from Terraform, dbt and Meltano."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

HABITS = {
    # Terraform
    "destroy": "There is no destroy: take rows out of a target's source, or set `on_source_gone`, and plan.",
    "refresh": "State is refreshed by every plan; `erpoa drift` shows what others changed.",
    "import": "Existing rows are adopted: `erpoa plan --adopt` shows them, `erpoa apply` records them.",
    "taint": "`erpoa state forget ADDRESS` makes the next plan look at a row anew.",
    "output": "`erpoa show FILE --format json` gives a plan to programs.",
    "fmt": "Project files are formatted by any YAML formatter.",
    "force-unlock": "Write `erpoa lock release`.",
    "workspace": "Environments are chosen with -e/--env and declared in erpoa.yml.",
    "login": "Credentials come from secrets declared in erpoa.yml; `erpoa doctor` checks them.",
    # dbt
    "run-operation": "There are no operations: what should hold is declared in targets/ and written by `erpoa apply`.",
    "build": "Write `erpoa test` to build and test the models, `erpoa plan` to see what would be written.",
    "compile": "`erpoa validate` compiles every model; `erpoa explain ADDRESS` shows the SQL behind a row.",
    "parse": "Write `erpoa validate`.",
    "debug": "Write `erpoa doctor`.",
    "seed": "Seeds are loaded by every plan; `erpoa query 'select * from model.NAME'` shows one.",
    "snapshot": "Snapshots are kept by every read; `erpoa extract` makes one now.",
    "source": "Write `erpoa ls -s kind:source`, or `erpoa extract` to read them.",
    "deps": "Connectors are Python packages: install them with pip; `erpoa plugin list` shows them.",
    "list": "Write `erpoa ls`.",
    "retry-failed": "Write `erpoa retry`.",
    # Meltano
    "add": "Connectors are Python packages: install them with pip, then declare a system in systems/.",
    "install": "Connectors are Python packages: install them with pip; `erpoa plugin list` shows them.",
    "elt": "Write `erpoa apply`: it plans, shows the plan, asks, and applies that same plan.",
    "el": "Write `erpoa apply`: it plans, shows the plan, asks, and applies that same plan.",
    "invoke": "Connectors are used through plan and apply; `erpoa discover SYSTEM` asks one what it offers.",
    "schedule": "A target's `schedule:` is declared in targets/.",
    "sync": "Write `erpoa plan`, then `erpoa apply`.",
    "diff": "Write `erpoa plan`.",
    "status": "Write `erpoa plan` for what is to do, `erpoa runs ls` for what was done.",
    "check": "Write `erpoa validate` (files, offline) or `erpoa doctor` (connections).",
    "version": "Write `erpoa --version`.",
    "help": "Write `erpoa --help` or `erpoa COMMAND --help`.",
}
"""Commands other tools have → what to do here."""

OPTIONS = {
    "-target": "Terraform's -target is -s/--select here: `erpoa plan -s NAME`.",
    "--target": "Write -s/--select NAME for a target, -e/--env NAME for an environment.",
    "-t": "Write -s/--select NAME for a target, -e/--env NAME for an environment.",
    "-var": "Write --var NAME=VALUE (two dashes).",
    "-var-file": "Write --var NAME=VALUE; values per environment belong in erpoa.yml.",
    "-out": "Write -o FILE or --output FILE.",
    "--out": "Write -o FILE or --output FILE.",
    "-json": "Write --format json.",
    "--json": "Write --format json.",
    "-auto-approve": "Write --yes: `erpoa apply FILE --yes`.",
    "--auto-approve": "Write --yes: `erpoa apply FILE --yes`.",
    "-y": "Write --yes in full: it lets a plan write without a question.",
    "-f": 'There is no --force. A guard is passed by --waive TARGET.GUARD=COUNT --reason "…", for one plan.',
    "--force": 'There is no --force. A guard is passed by --waive TARGET.GUARD=COUNT --reason "…", for one plan.',
    "-refresh-only": "Write `erpoa drift`.",
    "-refresh": "Every plan reads both sides; `erpoa plan --offline` uses the last snapshots.",
    "-destroy": "There is no destroy: take rows out of the source and plan.",
    "-lock": "Planning needs no lock; applying always takes it.",
    "-detailed-exitcode": "Write --detailed-exitcode (two dashes).",
    "-chdir": "Write -C DIR or --project-dir DIR.",
    "--project": "Write -C DIR or --project-dir DIR.",
    "--profiles-dir": "Connections are declared in systems/, secrets in the chain that erpoa.yml names.",
    "--profile": "Environments are chosen with -e/--env NAME.",
    "--environment": "Write -e/--env NAME.",
    "--vars": "Write --var NAME=VALUE, once per variable.",
    "-m": "Write -s/--select NAME.",
    "--models": "Write -s/--select NAME.",
    "--model": "Write -s/--select NAME.",
    "--full-refresh": "`erpoa extract --full` reads sources completely; targets are never rebuilt.",
    "--dry-run": "`erpoa plan` is the dry run: it writes nothing but the plan file.",
    "--fail-fast": "`on_stale: abort` in a target stops at the first surprise.",
}


def near(word: str, known: Iterable[str]) -> str:
    """The one of *known* that *word* was probably meant to be; empty when none is near."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else ""


def command_hint(word: str, commands: Sequence[str], path: str = "erpoa") -> str:
    """What to say to somebody who typed the unknown command *word* after *path*."""
    if word in HABITS and path == "erpoa":
        return HABITS[word]
    close = near(word, commands)
    return f"Did you mean `{path} {close}`?" if close else f"`{path} --help` lists the commands."


def option_hint(word: str, options: Sequence[str], arguments: Sequence[str] = ()) -> str:
    """What to say to somebody who typed the unknown option *word*; *arguments* as typed, for `-target=x`."""
    for typed in (*(a.partition("=")[0] for a in arguments), word.partition("=")[0]):
        if typed in OPTIONS and typed not in options and (typed == word or typed.startswith(word)):
            return OPTIONS[typed]
    close = near(word, options)
    return f"Did you mean {close}?" if close else ""
