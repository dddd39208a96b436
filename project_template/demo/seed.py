"""Make the demo's ERP and OA in data/, or run one of the SQL files here on one of them.

python3 demo/seed.py                              makes data/erp.db and data/oa.db anew
python3 demo/seed.py erp demo/changes_erp.sql     runs the statements of a file on the ERP
"""

import sqlite3
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"


def run(database: str, script: Path) -> None:
    db = sqlite3.connect(DATA / f"{database}.db")
    db.executescript(script.read_text(encoding="utf-8"))
    db.close()


if len(sys.argv) == 3:
    run(sys.argv[1], Path(sys.argv[2]))
else:
    DATA.mkdir(exist_ok=True)
    for name in ("erp", "oa"):
        (DATA / f"{name}.db").unlink(missing_ok=True)
        run(name, HERE / f"{name}.sql")
