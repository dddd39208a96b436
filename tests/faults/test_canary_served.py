"""Secrets and sensitive values appear nowhere when the ERP is on PostgreSQL and the OA on MariaDB: not in what the
drivers say when a password is wrong, not in what the servers say of the rows they refuse, not in the ledgers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from erpoa_cli.cli.exits import Exit
from tests.faults.kept import files, pieces
from tests.faults.served import LEDGER, Served
from tests.faults.test_canary import UNPARSABLE, append, leaks, replace
from tests.program import Ended, Forks, forks

pytestmark = pytest.mark.slow

ERP_PASSWORD = "pä\"ss/wörd+密码 '\\7QX@canary-erp"
OA_PASSWORD = "ñ%:密@'\\\"7QX#canary-oa"
WRONG = "wrong?canary&passphrase=密'\\"
USER = "erpoa_leaky"

SYSTEMS = """systems:
  erp:
    {{plugin: postgres, role: erp, description: The ERP, owner: tests@huaxin.example,
     config: {{host: 127.0.0.1, port: {erp}, database: leaky, user: {user}, password: "{{{{ secret('erp_password') }}}}", schema: erp}}}}
  oa:
    {{plugin: mysql, role: oa, description: The OA, owner: tests@huaxin.example,
     config: {{host: 127.0.0.1, port: {oa}, database: leaky, user: {user}, password: "{{{{ secret('oa_password') }}}}"}}}}
  lost_erp:
    {{plugin: postgres, role: other, description: Refuses us, owner: tests@huaxin.example,
     config: {{host: 127.0.0.1, port: {erp}, database: leaky, user: {user}, password: "{{{{ secret('wrong') }}}}"}}}}
  lost_oa:
    {{plugin: mysql, role: other, description: Refuses us, owner: tests@huaxin.example,
     config: {{host: 127.0.0.1, port: {oa}, database: leaky, user: {user}, password: "{{{{ secret('wrong') }}}}"}}}}
"""
LOST = """
  {name}_things: {{description: Nobody may read them, owner: tests@huaxin.example, system: {name}, object: thing, key: [id], fields: {{id: string}}}}
"""

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("validate", "--online"), ("doctor",), ("discover", "erp"), ("discover", "oa"), ("discover", "lost_erp"), ("discover", "lost_oa"),
    ("extract",), ("query", "SELECT * FROM source.erp_employees"), ("query", "SELECT * FROM source.oa_requisitions"),
    ("query", "SELECT CAST(id_card AS DATE) FROM source.erp_employees"),
    ("plan", "-o", "p.erpoaplan", "--full"), ("show", "p.erpoaplan", "--full"), ("show", "p.erpoaplan", "--format", "html", "--full"),
    ("explain", "oa_employees/code=E003", "--plan", "p.erpoaplan"), ("apply", "p.erpoaplan"), ("resume",), ("runs", "show", "{run}"), ("drift",),
    ("retry", "-o", "r.erpoaplan"), ("plan", "-o", "n.erpoaplan", "--full"), ("rollback", "{run}", "-o", "b.erpoaplan"),
    ("show", "b.erpoaplan", "--full"), ("state", "show"), ("state", "backup", "b.tar"), ("audit", "verify"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Leaky(Served):
    """The company with passwords, with salaries of which one does not parse, with suppliers nobody may see, and with
    rows that the servers will refuse in words that quote them."""

    lost: list[str] = field(default_factory=list)  # one for each time that the servers ended our connections

    @property
    def canaries(self) -> list[str]:
        cards = [v for row in self.rows("erp", "SELECT id_card, salary FROM employee") for v in row if v]
        suppliers = [v for (v,) in self.rows("oa", "SELECT supplier FROM requisition")]
        return [ERP_PASSWORD, OA_PASSWORD, WRONG, "88999931.45", *cards, *suppliers]

    def build(self) -> None:
        Served.build(self)
        self.sql(
            "erp",
            f"""ALTER TABLE employee ADD COLUMN salary TEXT;
            UPDATE employee SET salary = '77' || substr(code, 2) || '931.45';
            UPDATE employee SET salary = '{UNPARSABLE}' WHERE code = 'E012';
            ALTER TABLE purchase_order ADD CHECK (supplier <> 'CANARY-供应商-R-002');
            ALTER TABLE purchase_order ADD UNIQUE (supplier);
            INSERT INTO purchase_order (req_no, supplier) VALUES ('R-900', 'CANARY-供应商-R-003')""",
        )
        self.sql(
            "oa",
            """ALTER TABLE person ADD COLUMN salary DECIMAL(12, 2); UPDATE person SET salary = 88999931.45;
            UPDATE person SET id_card = '110101199912315678' WHERE code = 'X001';
            ALTER TABLE person ADD UNIQUE (id_card), ADD CHECK (salary <> 77007931.45);
            UPDATE requisition SET supplier = concat('CANARY-供应商-', req_no)""",
        )
        self._give_passwords()
        systems = SYSTEMS.format(erp=conninfo_to_dict(self.erp.url)["port"], oa=self.oa.port, user=USER)
        (self.root / "systems" / "systems.yml").write_text(systems, encoding="utf-8")
        for name in ("lost_erp", "lost_oa"):
            append(self, "sources/sources.yml", LOST.format(name=name))
        card = "      id_card: {type: string, class: sensitive}\n"
        replace(
            self,
            "sources/sources.yml",
            card,
            card + '      salary: {type: "decimal(12,2)", class: sensitive}\n',
        )
        named = "supplier: string, needed_by"
        replace(self, "sources/sources.yml", named, "supplier: {type: string, class: sensitive}, needed_by")
        replace(
            self, "targets/targets.yml", "      phone: phone\n", "      phone: phone\n      salary: salary\n"
        )

    def _give_passwords(self) -> None:
        """A user at each server that must say its password."""
        rules = self.erp.data / "pg_hba.conf"
        asked = f"host all {USER} 127.0.0.1/32 scram-sha-256\n"
        rules.write_text(asked + rules.read_text().replace(asked, ""))
        with psycopg.connect(self.erp.url, autocommit=True) as db:
            db.execute("SELECT pg_reload_conf()")
        with self.to_erp() as db:
            role, password = sql.Identifier(USER), sql.Literal(ERP_PASSWORD)
            db.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
            db.execute(f"GRANT ALL ON SCHEMA erp TO {USER}; GRANT ALL ON ALL TABLES IN SCHEMA erp TO {USER}")
        with self.to_oa() as cursor:
            cursor.execute(f"CREATE USER {USER}@'%%' IDENTIFIED BY %s", (OA_PASSWORD,))
            cursor.execute(f"GRANT ALL ON {self.database}.* TO {USER}@'%'")

    def remove(self) -> None:
        with self.to_oa() as cursor:
            cursor.execute(f"DROP DATABASE {self.database}")
            cursor.execute(f"DROP USER {USER}@'%'")
        with psycopg.connect(self.erp.url, autocommit=True) as db:
            db.execute(f"DROP DATABASE {self.database} WITH (FORCE)")
            db.execute(f"DROP ROLE {USER}")

    def lose(self) -> None:
        """End every connection that erpoa has."""
        self.cut()
        self.lost.append("cut")

    def in_ledgers(self) -> Iterator[tuple[str, bytes]]:
        for system in ("erp", "oa"):
            rows = self.rows(system, f"SELECT * FROM {LEDGER}")
            assert rows
            yield f"ledger of {system}", str(rows).encode()


@pytest.fixture
def leaky(tmp_path: Path, served: Served) -> Iterator[Leaky]:
    scene = Leaky(tmp_path / "project", tmp_path / "saved", served.erp, served.oa, "leaky")
    scene.build()
    yield scene
    scene.remove()


@pytest.fixture
def spoken(leaky: Leaky) -> Iterator[Forks]:
    """Commands that know the secrets."""
    home = leaky.root.parent
    for name in ("tmp", "forks"):
        (home / name).mkdir()
    known = {"ERP_PASSWORD": ERP_PASSWORD, "OA_PASSWORD": OA_PASSWORD, "WRONG": WRONG}
    secrets = {f"ERPOA_SECRET_{name}": value for name, value in known.items()}
    with forks(home / "forks", TMPDIR=str(home / "tmp"), **secrets) as server:
        yield server


def kept(scene: Leaky) -> Iterator[tuple[str, bytes]]:
    """Everything that commands left behind."""
    yield from files(scene.root / ".erpoa")
    yield from files(scene.root.parent / "tmp")
    yield from scene.in_ledgers()
    for name in ("p.erpoaplan", "r.erpoaplan", "n.erpoaplan", "b.erpoaplan", "b.tar"):
        if (scene.root / name).exists():
            yield from pieces((scene.root / name).read_bytes(), name)


def run(scene: Leaky, spoken: Forks, command: tuple[str, ...], *more: str) -> Ended:
    last = scene.control("SELECT run FROM runs ORDER BY opened DESC LIMIT 1")
    arguments = [a.replace("{run}", last[0][0] if last else "none") for a in command]
    return spoken.run("-vv", *arguments, *more, directory=scene.root)


@pytest.mark.in_turn("canary", of=2, seconds=40)
def test_every_command_keeps_them(leaky: Leaky, spoken: Forks):
    secrets = leaky.canaries
    found: list[str] = []
    ended: dict[str, Ended] = {}
    for told in ((), ("--log-format", "json")):
        for command in COMMANDS:
            as_json = () if not told or "--format" in command else ("--format", "json")
            name = " ".join(command)
            done = run(leaky, spoken, command, *told, *as_json)
            ended.setdefault(name, done)
            found += leaks(pieces((done.out + "\n" + done.err).encode(), f"output of {name}"), secrets)
    found += leaks(kept(leaky), secrets)
    assert found == []
    assert {name: done.exit for name, done in ended.items() if done.exit in {Exit.FAILURE, Exit.INVALID}} == {
        "doctor": Exit.FAILURE,
        "validate --online": Exit.INVALID,
        "discover lost_erp": Exit.FAILURE,
        "discover lost_oa": Exit.FAILURE,
        "extract": Exit.FAILURE,
        "query SELECT CAST(id_card AS DATE) FROM source.erp_employees": Exit.INVALID,
        "resume": Exit.INVALID,  # the run has reached its end
    }
    # what could have leaked was there: both servers refused us, and rows in words that quote them
    for name, words in {"lost_erp": "password authentication failed", "lost_oa": "Access denied"}.items():
        assert words in ended[f"discover {name}"].err, ended[f"discover {name}"]
    applied = ended["apply p.erpoaplan"]
    assert applied.exit == Exit.PARTIAL, applied
    for words in ("Duplicate entry", "CONSTRAINT", "check constraint", "duplicate key"):
        assert words in applied.out, applied
    assert "E0423" in ended["plan -o n.erpoaplan --full"].out  # what was refused waits


def test_a_run_that_loses_its_connections_keeps_them(leaky: Leaky, spoken: Forks):
    """What is told of errors nobody expected, at the highest verbosity."""
    secrets, outputs = leaky.canaries, []
    for arguments in (("plan", "-o", "p.erpoaplan"), ("apply", "p.erpoaplan"), ("resume",)):
        at = 100 if arguments[0] == "apply" else None
        done = spoken.run(
            "-vv", *arguments, directory=leaky.root, point=at, action=leaky.lose if at else None
        )
        outputs.append((" ".join(arguments), (done.out + "\n" + done.err).encode()))
    assert leaky.lost
    assert list(leaks([*outputs, *kept(leaky)], secrets)) == []
