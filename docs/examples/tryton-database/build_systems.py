"""Builds the two systems of this example: a real Tryton 8.2 database on PostgreSQL (the ERP) and an OA on MariaDB.

    python build_systems.py [--home DIR] [--golden-only]

Both servers are on this machine. Ports and administrators are taken from POSTGRES_PORT (5432), POSTGRES_ADMIN
(postgres), PGPASSWORD, MARIADB_PORT (3306), MARIADB_ADMIN (root), MYSQL_PWD. What is made there is called
`erpoa_example…`, or as ERPOA_EXAMPLE_NAME says; every run makes it anew, but for the golden copy of the Tryton database, which takes some minutes the
first time. The company is the one of the example next door, `../tryton-sqlite`.

The roles that erpoa uses may do no more than it needs; their new passwords are put into `.erpoa-example/secrets.yml`.
Exit code 3: Tryton could not be installed.
"""

# ruff: noqa: INP001, T201  # a script: it stands alone and prints

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pymysql

HERE = Path(__file__).resolve().parent
SIBLING = HERE.parent / "tryton-sqlite"
sys.path.insert(0, str(SIBLING))
from build_erp import LANGUAGE, MODULES, Failed, locked, run, say  # noqa: E402

WORK = HERE / ".erpoa-example"
NAME = os.environ.get("ERPOA_EXAMPLE_NAME", "erpoa_example")
ERP, STATE, OA = f"{NAME}_erp", f"{NAME}_state", f"{NAME}_oa"
READ = (
    "party_party", '"party_party-party_category"', "party_category", "party_address", "party_identifier",
    "party_contact_mechanism", "country_country", "currency_currency", "currency_currency_rate", "ir_translation",
)  # fmt: skip
LEDGER = """create table erpoa_ledger (run_id varchar(64) not null, batch bigint not null,
    effects_digest varchar(80) not null, at timestamp not null default current_timestamp, primary key (run_id, batch))"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Builds the ERP and the OA database of this example.")
    add_home(parser)
    parser.add_argument("--golden-only", action="store_true", help="prepare the golden copy and nothing else")
    options = parser.parse_args(arguments)
    build(options.home)
    if options.golden_only:
        return
    passwords = {name: secrets.token_urlsafe(24) for name in ("erp", "oa", "state")}
    place_erp(passwords["erp"])
    place_state(passwords["state"])
    place_oa(passwords["oa"])
    keep(passwords)
    print(f"{ERP} and {STATE} are on PostgreSQL, {OA} is on MariaDB")


def add_home(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home",
        type=lambda text: Path(text).resolve(),
        default=Path(os.environ.get("ERPOA_EXAMPLE_HOME") or WORK).resolve(),
        help="where Tryton is kept (default: $ERPOA_EXAMPLE_HOME or .erpoa-example here)",
    )


# ------------------------------------------------------------------------------------------------ the servers


def postgres(database: str = "postgres") -> psycopg.Connection[Any]:
    """The server of the ERP and of the state, as its administrator."""
    user = os.environ.get("POSTGRES_ADMIN", "postgres")
    return psycopg.connect(
        host="127.0.0.1", port=postgres_port(), user=user, dbname=database, autocommit=True
    )


def mariadb(database: str | None = None) -> pymysql.Connection[Any]:
    """The server of the OA, as its administrator."""
    return pymysql.connect(
        host="127.0.0.1",
        port=int(os.environ.get("MARIADB_PORT", "3306")),
        user=os.environ.get("MARIADB_ADMIN", "root"),
        password=os.environ.get("MYSQL_PWD", ""),
        database=database,
        charset="utf8mb4",
        autocommit=True,
    )


def postgres_port() -> int:
    return int(os.environ.get("POSTGRES_PORT", "5432"))


# ----------------------------------------------------------------------------------------------- golden copy


def digest(*names: str) -> str:
    """Twelve hex digits over files of this example and of the one next door, and the version of Python."""
    total = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for name in names:
        total.update((HERE / name).read_bytes())
    return total.hexdigest()[:12]


def golden() -> str:
    """The name of the finished Tryton database; it says what it was made from."""
    made_from = ("requirements.txt", "../tryton-sqlite/requirements.txt", "../tryton-sqlite/tryton_data.py")
    return f"erpoa_example_golden_{digest(*made_from)}"


def environment(home: Path) -> Path:
    return home / f"venv-{digest('requirements.txt', '../tryton-sqlite/requirements.txt')}"


def python(home: Path) -> Path:
    """The Python that has Tryton."""
    return environment(home) / ("Scripts" if os.name == "nt" else "bin") / "python"


def build(home: Path) -> None:
    """Makes whatever is missing of Tryton and the golden copy; several processes may ask at once."""
    home.mkdir(parents=True, exist_ok=True)
    with locked(home / "lock"):
        if not (environment(home) / "complete").exists():
            install(home)
        with postgres() as server:
            there = server.execute("select 1 from pg_database where datname = %s", [golden()]).fetchone()
        if not there:
            fill(home)


def install(home: Path) -> None:
    say("installing Tryton")
    shutil.rmtree(environment(home), ignore_errors=True)
    run(sys.executable, "-m", "venv", environment(home))
    try:
        run(python(home), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--requirement", HERE / "requirements.txt")  # fmt: skip
    except Failed as failed:
        say(f"Tryton cannot be installed\n{failed}")
        sys.exit(3)
    (environment(home) / "complete").touch()


def fill(home: Path) -> None:
    unfinished = f"{golden()}_unfinished"
    with postgres() as server:
        server.execute(f"drop database if exists {unfinished} with (force)")
        server.execute(f"create database {unfinished} template template0 encoding 'UTF8'")
    with tempfile.TemporaryDirectory(dir=home, prefix="building-") as name:
        password = Path(name) / "password"
        password.write_text(secrets.token_urlsafe(24) + "\n", encoding="utf-8")  # nobody logs in
        admin = (
            python(home),
            python(home).with_name("trytond-admin"),
            "-c",
            configure(Path(name)),
            "-d",
            unfinished,
        )
        environment = {"TRYTONPASSFILE": str(password)}
        say("creating the Tryton database")
        run(*admin, "--all", "--email", "admin@example.test", extra=environment)
        say("activating " + ", ".join(MODULES))
        run(*admin, "-u", *MODULES, "--activate-dependencies", "-l", LANGUAGE, extra=environment)
        say("entering countries, currencies and parties")
        run_data(home, unfinished, "fill")
    with postgres() as server:
        server.execute(f"alter database {unfinished} rename to {golden()}")


def run_data(home: Path, database: str, step: str) -> str:
    """Runs `tryton_data.py` inside Tryton's environment on *database*; answers what it printed."""
    with tempfile.TemporaryDirectory(dir=home) as name:
        return run(python(home), SIBLING / "tryton_data.py", configure(Path(name)), step, database)


def configure(directory: Path) -> Path:
    """Tryton's configuration for the server."""
    user = os.environ.get("POSTGRES_ADMIN", "postgres")
    password = quote(os.environ.get("PGPASSWORD", ""), safe="")
    path = directory / "trytond.conf"
    path.touch(mode=0o600)
    uri = f"postgresql://{user}{':' if password else ''}{password}@127.0.0.1:{postgres_port()}/"
    path.write_text(f"[database]\nuri = {uri}\n", encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------- what erpoa is given


def place_erp(password: str) -> None:
    """A fresh copy of the Tryton database; erpoa may read ten tables and write one column."""
    with postgres() as server:
        server.execute(f"drop database if exists {ERP} with (force)")
        server.execute(f"create database {ERP} template {golden()}")
        role(server, ERP, password)
    with postgres(ERP) as erp:
        erp.execute(LEDGER)
        erp.execute(f"grant select on {', '.join(READ)} to {ERP}")
        erp.execute(f"grant update (attn) on party_address to {ERP}")
        erp.execute(f"grant select, insert on erpoa_ledger to {ERP}")


def place_state(password: str) -> None:
    """An empty database for the state; erpoa makes its schema there."""
    with postgres() as server:
        server.execute(f"drop database if exists {STATE} with (force)")
        server.execute(f"create database {STATE} template template0 encoding 'UTF8'")
        role(server, STATE, password)
        server.execute(f"grant create on database {STATE} to {STATE}")


def role(server: psycopg.Connection[Any], name: str, password: str) -> None:
    if not server.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone():
        server.execute(f"create role {name} login")
    server.execute(f"alter role {name} password '{password}'")


def place_oa(password: str) -> None:
    """The OA's own tables, as people filled them; erpoa may write their rows, not change the tables."""
    with mariadb() as server, server.cursor() as cursor:
        cursor.execute(f"drop database if exists {OA}")
        cursor.execute(f"create database {OA} character set utf8mb4 collate utf8mb4_unicode_ci")
        cursor.execute(f"use {OA}")
        for statement in (HERE / "oa.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        cursor.execute(LEDGER.replace(" at ", " `at` "))
        cursor.execute(f"create or replace user {OA} identified by '{password}'")
        for table in ("country", "currency", "supplier"):
            cursor.execute(f"grant select, insert, update, delete on {OA}.{table} to {OA}")
        cursor.execute(f"grant select, insert on {OA}.erpoa_ledger to {OA}")
        cursor.execute(f"grant create temporary tables on {OA}.* to {OA}")


def keep(passwords: dict[str, str]) -> None:
    """The passwords, and the key that seals tax numbers, for erpoa alone."""
    WORK.mkdir(exist_ok=True)
    state = f"postgresql://{STATE}:{passwords['state']}@127.0.0.1:{postgres_port()}/{STATE}"
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    kept = {
        "erp_password": passwords["erp"],
        "oa_password": passwords["oa"],
        "state_url": state,
        "erpoa_key": key,
    }
    file = WORK / "secrets.yml"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text("".join(f'{name}: "{value}"\n' for name, value in kept.items()), encoding="utf-8")


if __name__ == "__main__":
    main()
