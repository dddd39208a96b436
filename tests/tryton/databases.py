"""The databases that tests copy: of the connector's tests on SQLite and on PostgreSQL, and of each example.

Each is a file, named by what it was made from, that is there whole or not at all.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests import postgres
from tests.tryton import environment
from tests.tryton.environment import EXAMPLES, digest, home, program

PASSWORD = "Adm1n-erpoa-test"
CLERK = {"user": "erpoa", "password": "Erp0a-erpoa-test"}
LANGUAGE = "zh_CN"
MODULES = [
    "party", "company", "country", "currency", "product", "purchase", "purchase_request", "purchase_requisition",
]  # fmt: skip
COMPANY = Path(__file__).with_name("company.py")


@dataclass(frozen=True, slots=True)
class Kept:
    """A database that is kept as *file*; `make` fills the file that it is given."""

    what: str
    file: Path
    make: Callable[[Path], None]


def all_of_them() -> list[Kept]:
    """The longest to make first. Without PostgreSQL's programs, those on SQLite."""
    on_sqlite = [
        Kept("the connector's on SQLite", of_connector("sqlite"), _filled_on_sqlite),
        Kept("the example's on Tryton's API", of_api_example(), _of_api_example),
        Kept("the example's on SQLite", of_sqlite_example(), _of_sqlite_example),
    ]
    on_postgres = [
        Kept("the connector's on PostgreSQL", of_connector("pgdump"), _filled_on_postgres),
        Kept("the example's on PostgreSQL", of_database_example(), _of_database_example),
    ]
    return [*on_postgres, *on_sqlite] if postgres.binaries() else on_sqlite


# ------------------------------------------------------------------------------------------------ the connector's


def of_connector(kind: str) -> Path:
    """A company and a clerk in Tryton with all MODULES."""
    made_from = repr((PASSWORD, CLERK, LANGUAGE, MODULES))
    return home() / f"connector-{digest(made_from, inspect.getsource(_fill), COMPANY)}.{kind}"


def _filled_on_sqlite(file: Path) -> None:
    database = file.with_name("erp.sqlite")
    database.touch()
    _fill(configured(file.parent, "sqlite://"), "erp")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "VACUUM INTO ?", [str(file)]
        )  # whole, also where Tryton left its last pages in a log


def _filled_on_postgres(file: Path) -> None:
    with postgres.server(_programs(), postgres.QUICK) as cluster, postgres.database(cluster.url) as database:
        _fill(configured(file.parent, server_of(database)), name_of(database))
        _dump(database, file)


def _fill(configuration: Path, database: str) -> None:
    password = configuration.with_name("password")
    password.write_text(PASSWORD + "\n")
    admin: list[str | Path] = [program("trytond-admin"), "-c", configuration, "-d", database, "-l", LANGUAGE]
    for more in (["--all", "--email", "admin@example.test"], ["--activate-dependencies", "-u", *MODULES]):
        _run(*admin, *more, TRYTONPASSFILE=str(password))
    _run(program("python"), COMPANY, configuration, database, *CLERK.values())


def configured(folder: Path, uri: str, more: str = "") -> Path:
    """Tryton's configuration for databases in *folder* or at the PostgreSQL of *uri*."""
    path = folder / "trytond.conf"
    path.write_text(f"[database]\nuri = {uri}\npath = {folder}\n{more}")
    return path


# ------------------------------------------------------------------------------------------------- the examples'
# By their own scripts, which find the shared environment where they would make theirs.


def home_of_examples() -> Path:
    """What `ERPOA_EXAMPLE_HOME` is for tests."""
    return home() / "examples"


def lend_environment() -> None:
    """Put the shared environment where each of the examples looks for its own."""
    home_of_examples().mkdir(exist_ok=True)
    own = (
        _script("tryton-sqlite", "build_erp").Home(home_of_examples()).environment,
        _script("tryton-database", "build_systems").environment(home_of_examples()),
        home_of_examples() / _script("tryton-api", "erp").ENVIRONMENT.name,
    )
    for path in own:
        if not path.is_symlink():
            path.symlink_to(os.path.relpath(environment.environment(), path.parent))


def of_sqlite_example() -> Path:
    golden: Path = _script("tryton-sqlite", "build_erp").Home(home_of_examples()).golden
    return golden


def of_api_example() -> Path:
    return home_of_examples() / str(_script("tryton-api", "erp").GOLDEN.name)


def of_database_example() -> Path:
    made_by = digest(
        EXAMPLES / "tryton-database" / "build_systems.py", EXAMPLES / "tryton-sqlite" / "build_erp.py"
    )
    return home_of_examples() / f"{golden_of_database_example()}-{made_by}.pgdump"


def golden_of_database_example() -> str:
    """The name of the database from which the example copies."""
    return str(_script("tryton-database", "build_systems").golden())


def _of_sqlite_example(file: Path) -> None:
    _run(
        sys.executable,
        EXAMPLES / "tryton-sqlite" / "build_erp.py",
        "--golden-only",
        "--home",
        home_of_examples(),
    )
    assert of_sqlite_example().exists()


def _of_api_example(file: Path) -> None:
    """As its README says, in a copy: it builds its systems too."""
    copy = file.parent / "example"
    shutil.copytree(EXAMPLES / "tryton-api", copy, ignore=shutil.ignore_patterns(".erpoa*", "__pycache__"))
    _run(sys.executable, copy / "erp.py", "build", ERPOA_EXAMPLE_HOME=str(home_of_examples()))
    assert of_api_example().exists()


def _of_database_example(file: Path) -> None:
    script = EXAMPLES / "tryton-database" / "build_systems.py"
    with postgres.server(_programs(), postgres.QUICK) as cluster:
        there = {"POSTGRES_PORT": str(cluster.port), "POSTGRES_ADMIN": "postgres", "PGPASSWORD": ""}
        _run(sys.executable, script, "--golden-only", "--home", home_of_examples(), **there)
        _dump(make_conninfo(cluster.url, dbname=golden_of_database_example()), file)


def _script(example: str, name: str) -> Any:
    """The script *name* of *example* as a module."""
    found = importlib.util.spec_from_file_location(f"{example}.{name}", EXAMPLES / example / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses look there
    found.loader.exec_module(module)
    return module


# ---------------------------------------------------------------------------------------------------- PostgreSQL


def restore(file: Path, database: str) -> None:
    """Fill the empty *database* with what was dumped into *file*."""
    _run(_programs() / "pg_restore", "--no-owner", "--jobs=2", "-d", database, file)


def offer(url: str) -> None:
    """Put the database from which the example copies at the PostgreSQL of *url*, where it is not there yet."""
    name = golden_of_database_example()
    there = "SELECT 1 FROM pg_database WHERE datname = %s"
    with psycopg.connect(url, autocommit=True) as admin:
        if admin.execute(there, [name]).fetchone():
            return
        unfinished = f"erpoa_test_{secrets.token_hex(4)}"
        admin.execute(f"CREATE DATABASE {unfinished} TEMPLATE template0 ENCODING 'UTF8'")
        restore(of_database_example(), make_conninfo(url, dbname=unfinished))
        try:
            admin.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")
        except psycopg.errors.DuplicateDatabase:  # another worker was quicker
            admin.execute(f"DROP DATABASE {unfinished}")


def _dump(database: str, file: Path) -> None:
    _run(_programs() / "pg_dump", "-Fc", "-Z0", "-f", file, database)


def server_of(conninfo: str) -> str:
    """The server of *conninfo* as Tryton spells it; after its slash the name of a database may stand."""
    known = conninfo_to_dict(conninfo)
    login = f"{known.get('user', '')}:{known.get('password', '')}".rstrip(":")
    return f"postgresql://{login}@{known.get('host', '127.0.0.1')}:{known.get('port', 5432)}/"


def name_of(conninfo: str) -> str:
    return str(conninfo_to_dict(conninfo)["dbname"])


def _programs() -> Path:
    programs = postgres.binaries()
    assert programs is not None
    return programs


def _run(*command: str | Path, **more: str) -> None:
    known: Mapping[str, str] = {**os.environ, **more}
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, command))}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )


def make(kept: Kept) -> None:
    """Make what is missing, beside its place, and put it there when it is whole."""
    with tempfile.TemporaryDirectory(dir=home(), prefix="making-") as work:
        made = Path(work) / kept.file.name
        kept.make(made)
        if made.exists():
            made.rename(kept.file)
