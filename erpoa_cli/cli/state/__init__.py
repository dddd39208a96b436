"""`erpoa state`: care for what erpoa remembers; what changes something has --dry-run."""

from __future__ import annotations

from erpoa_cli.cli.options import application
from erpoa_cli.cli.state import editing, keeping, looking, systems

app = application("Care for what erpoa remembers.")
for part in (looking, editing, systems, keeping):  # in the order of --help
    app.registered_commands += part.app.registered_commands
