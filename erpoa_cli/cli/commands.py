"""The list of commands: name, module and summary, known without importing any of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    summary: str

    @property
    def module(self) -> str:
        return f"erpoa_cli.cli.{self.name}"


SECTIONS: dict[str, tuple[Entry, ...]] = {
    "The way of a change": (
        Entry("init", "Make a runnable project with embedded ERP and OA data."),
        Entry("validate", "Judge every project file; offline."),
        Entry("test", "Run unit tests and data tests of the models."),
        Entry("plan", "Compare both sides and freeze what would be written."),
        Entry("show", "Show a plan or a run, in any format."),
        Entry("apply", "Write exactly what a plan says."),
        Entry("resume", "Continue an interrupted run."),
        Entry("resolve", "Settle by hand what no look could settle."),
        Entry("retry", "Plan again what was rejected before."),
        Entry("rollback", "Make a plan that restores what a run overwrote."),
    ),
    "Looking": (
        Entry("ls", "List sources, transforms, targets."),
        Entry("graph", "Show what depends on what."),
        Entry("extract", "Read sources into snapshots."),
        Entry("query", "Ask the staged relations in SQL, read-only."),
        Entry("drift", "Show what others changed in the targets."),
        Entry("explain", "Tell why a row is in the plan, or what a code means."),
        Entry("runs", "List and show past runs."),
    ),
    "Systems and connectors": (
        Entry("discover", "Look at a system's objects; write source and target files."),
        Entry("doctor", "Check connections, state, clocks and files."),
        Entry("plugin", "List and describe connectors."),
        Entry("twin", "Serve a stand-in for a system's API, with faults."),
        Entry("schema", "Print published schemas."),
    ),
    "State": (
        Entry("state", "Care for what erpoa remembers."),
        Entry("lock", "Show or release the lock."),
        Entry("audit", "Check that the audit trail is whole; copy it."),
    ),
}
ENTRIES: dict[str, Entry] = {entry.name: entry for section in SECTIONS.values() for entry in section}
