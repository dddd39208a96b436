"""Installed connectors, and open sessions to the systems of a project."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.project import Project, System
from erpoa_cli.core.secret import Secret
from erpoa_cli.engine.installed import GROUP
from erpoa_cli.sdk.connector import Connector, Moment, ObjectInfo, Session, Steady
from erpoa_cli.sdk.errors import Denied, SystemFailure


@dataclass(frozen=True, slots=True)
class Installed:
    """Connectors by name, those that turned out not to load with the reason, and (distribution, version) of each."""

    connectors: Mapping[str, type[Connector]]
    broken: Mapping[str, str]
    versions: Mapping[str, tuple[str, str]]


class _Connectors(Mapping[str, type[Connector]]):
    """Connectors by name, each imported when it is first asked for: some drivers take half a second. What does not
    load is not there; `broken` tells why."""

    def __init__(self, entries: Mapping[str, EntryPoint]) -> None:
        self._entries = entries
        self._loaded: dict[str, type[Connector]] = {}
        self.broken: dict[str, str] = {}

    def __getitem__(self, name: str) -> type[Connector]:
        if name not in self._loaded:
            if name in self.broken:
                raise KeyError(name)
            entry = self._entries[name]
            try:
                self._loaded[name] = _load(entry)
            except Exception as error:  # noqa: BLE001 - whatever a plugin raises while it loads is its own fault
                self.broken[name] = f"{entry.value}: {type(error).__name__}: {error}"
                raise KeyError(name) from None
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._entries if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def installed() -> Mapping[str, type[Connector]]:
    """Every connector that can be loaded, by name."""
    return discovered().connectors


@cache
def discovered() -> Installed:
    """What the entry points of `erpoa.connectors` offer; a broken plugin is named and leaves the others alone."""
    entries = {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name)}
    connectors = _Connectors(entries)
    versions = {
        name: (entry.dist.name, entry.dist.version) if entry.dist else (entry.value, "")
        for name, entry in entries.items()
    }
    return Installed(connectors, connectors.broken, versions)


def _load(entry: EntryPoint) -> type[Connector]:
    connector = entry.load()
    if not (isinstance(connector, type) and issubclass(connector, Connector)):
        raise TypeError("it is no erpoa_cli.sdk.connector.Connector")
    if connector.name != entry.name:
        raise ValueError(f"it calls itself {connector.name!r}")
    return connector


@dataclass(slots=True)
class _Held:
    """The moment in which a system is read: by how many it is wanted, the session that holds it, and its name. `turn` is
    whose turn it is to read, where reads go one after the other."""

    wanted: int = 0
    begun: bool = False
    session: Session | None = None
    moment: Moment | None = None
    name: str = ""
    past: list[tuple[Session, Moment]] = field(default_factory=list)  # those that a failed read made doubtful
    guard: threading.Lock = field(default_factory=threading.Lock)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        if self.session is not None and self.moment is not None:
            self.past.append((self.session, self.moment))
        self.moment, self.session, self.name, self.begun = None, None, "", False


@dataclass(slots=True)
class _Pool:
    """The sessions of one system: idle ones, and room for as many as the system allows at once."""

    room: threading.Semaphore
    idle: list[Session] = field(default_factory=list)


class Connections:
    """Sessions to the systems of a project, opened when first needed, closed together.

    Reading leases sessions from any thread, at most `limits.concurrency` of a system at once; writing keeps
    the one of `session`. The two do not happen in the same command at the same time."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._guard = threading.Lock()
        self._pools = {
            name: _Pool(threading.Semaphore(max(1, system.limits.concurrency)))
            for name, system in project.systems.items()
        }
        self._kept: dict[str, Session] = {}
        self._held = {name: _Held() for name in project.systems}
        self._connectors: dict[str, Connector] = {}

    def system(self, name: str) -> System:
        return self._project.systems[name]

    def connector(self, system: str) -> Connector:
        """The connector of *system*, one for all its sessions; `Failure` E0310 when it is not installed or does not
        load."""
        with self._guard:
            if system not in self._connectors:
                self._connectors[system] = self._made(system)
            return self._connectors[system]

    def _made(self, system: str) -> Connector:
        declared = self._project.systems[system]
        there = discovered()
        if declared.plugin not in there.connectors:
            raise Failure(missing_connector(declared, there))
        return there.connectors[declared.plugin](declared.limits)

    def plugin(self, system: str) -> tuple[str, str]:
        """Name of the connector of *system*, and the version of the distribution it comes from."""
        name = self._project.systems[system].plugin
        return name, discovered().versions.get(name, ("", ""))[1]

    def identity(self, system: str) -> str:
        """Which system it is: what its connector says, a place inside the project's directory relative to it.
        `Failure` E0311 when it does not tell."""
        with self.lease(system) as session:
            try:
                told = session.identity()
            except Exception as error:  # noqa: BLE001 - as where it is opened
                raise Failure(not_open(self.system(system), error), kind=_kind(error)) from None
        kind, colon, place = told.partition(":")
        root = f"{Path(self._project.root).resolve()}{os.sep}"
        return f"{kind}{colon}{place.removeprefix(root)}"

    def session(self, system: str) -> Session:
        """The session to *system* that stays open until `close`; for one thread."""
        if system not in self._kept:
            self._kept[system] = self._open(system)
        return self._kept[system]

    @contextmanager
    def lease(self, system: str) -> Iterator[Session]:
        """A session to *system* for the caller alone; waits while as many as allowed are in use.

        `Failure` E0311 names the system when it cannot be opened. After an error the session is closed, for
        nobody knows what state it is in."""
        pool = self._pools[system]
        with pool.room:
            with self._guard:
                idle = pool.idle.pop() if pool.idle else None
            session = idle or self._open(system)
            try:
                yield session
            except BaseException:
                session.close()
                raise
            with self._guard:
                pool.idle.append(session)

    # -- one moment for all reads of a system --

    def hold(self, system: str) -> None:
        """A read of *system* is to come: all reads until as many `release`s see one moment of it, where it can hold one."""
        held = self._held[system]
        with held.guard:
            held.wanted += 1

    def release(self, system: str) -> None:
        """A read of *system* has ended; with the last one the moment is let go."""
        held = self._held[system]
        with held.guard:
            held.wanted -= 1
            if not held.wanted:
                self._let_go(system, held)

    def renew(self, system: str) -> None:
        """A read of *system* failed, and nobody knows whether its moment is still held: later reads see another one."""
        held = self._held[system]
        with held.guard:
            held.forget()

    @contextmanager
    def reader(self, system: str) -> Iterator[tuple[Session | Moment, str]]:
        """What *system* is read by, for the caller alone, and the name of the moment that it sees: empty where a read sees
        the system of its own time. `Failure` E0311 as from `lease`."""
        held = self._held[system]
        with held.guard:
            if held.wanted and not held.begun:
                self._begin(system, held)
            moment, name = held.moment, held.name
        if moment is None:
            with self.lease(system) as session:
                yield session, ""
        elif moment.parallel:
            yield moment, name
        else:
            with held.turn:
                yield moment, name

    def _begin(self, system: str, held: _Held) -> None:
        pool = self._pools[system]
        with self._guard:
            idle = pool.idle.pop() if pool.idle else None
        session = idle or self._open(system)
        try:
            held.moment = session.moment() if isinstance(session, Steady) else None
        except Exception as error:  # noqa: BLE001 - as where it is opened
            session.close()
            raise Failure(not_open(self.system(system), error), kind=_kind(error)) from None
        held.begun = True
        if held.moment is None:
            with self._guard:
                pool.idle.append(session)
        else:
            held.session, held.name = session, secrets.token_hex(8)

    def _let_go(self, system: str, held: _Held) -> None:
        held.forget()
        while held.past:
            session, moment = held.past.pop()
            try:
                moment.close()
            except Exception:  # noqa: BLE001 - the reads told what was wrong
                session.close()
            else:
                with self._guard:
                    self._pools[system].idle.append(session)

    def objects(
        self, system: str, names: Sequence[str] | None = None, at: Location | None = None
    ) -> Sequence[ObjectInfo]:
        """The objects of *system*, or those of *names* that exist. `Failure` E0311, at *at*, when it does not tell."""
        with self.lease(system) as session:
            try:
                return session.objects(names)
            except SystemFailure as error:
                raise Failure(
                    Diagnostic(
                        "E0311",
                        f"system {system} cannot describe {', '.join(names or ('its objects',))}: {error}",
                        remedy="`erpoa doctor` looks at the connection.",
                        at=at or self.system(system).at,
                    ),
                    kind=_kind(error),
                ) from None

    def _open(self, system: str) -> Session:
        declared = self._project.systems[system]
        connector = self.connector(system)
        try:
            return connector.open(resolved(declared, connector, Path(self._project.root)))
        except Failure:
            raise
        except Exception as error:  # noqa: BLE001 - a driver's error ends this command with the system's name
            raise Failure(not_open(declared, error), kind=_kind(error)) from None

    def close(self) -> None:
        """Close every session; errors of a session that is being closed help nobody."""
        for system, held in self._held.items():  # a command that is interrupted leaves them
            self._let_go(system, held)
        sessions = [*self._kept.values(), *(s for pool in self._pools.values() for s in pool.idle)]
        self._kept.clear()
        for pool in self._pools.values():
            pool.idle.clear()
        for session in sessions:
            try:
                session.close()
            except Exception:  # noqa: BLE001, S112 - see above
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def resolved(system: System, connector: Connector | type[Connector], root: Path) -> dict[str, Any]:
    """The config of *system* with its paths made absolute: a relative one is taken from the project's directory
    and must stay inside it (`Failure` E0312); one that is written absolute, or from ~, is taken as it is."""
    config = dict(system.config)
    for name in path_keys(connector):
        if isinstance(config.get(name), str):
            config[name] = str(_inside(system, name, Path(config[name]), root))
    return config


def path_keys(connector: Connector | type[Connector]) -> list[str]:
    """The keys of a config of *connector* whose value is a path."""
    properties = connector.config_schema.get("properties", {})
    return [name for name, schema in properties.items() if schema.get("x-erpoa", {}).get("path")]


def _inside(system: System, name: str, declared: Path, root: Path) -> Path:
    path = declared.expanduser()
    if path.is_absolute():
        return path
    found = (root / path).resolve()
    if not found.is_relative_to(root.resolve()):
        raise Failure(
            Diagnostic(
                "E0312",
                f"system {system.name}: {name} {str(declared)!r} leads out of the project",
                remedy="Keep the file inside the project directory, or write its absolute path.",
                at=system.at,
            )
        )
    return root / path


def missing_connector(system: System, there: Installed) -> Diagnostic:
    """The finding that the connector of *system* cannot be used."""
    if system.plugin in there.broken:
        return Diagnostic(
            "E0310",
            f"connector {system.plugin!r} of system {system.name} is installed but does not load",
            detail=there.broken[system.plugin],
            remedy="Reinstall the distribution that provides it, or report this to its author.",
            at=system.at,
        )
    return Diagnostic(
        "E0310",
        f"connector {system.plugin!r} of system {system.name} is not installed",
        detail=f"Installed: {', '.join(there.connectors) or 'none'}.",
        remedy="Install the distribution that provides it, or correct the name.",
        at=system.at,
    )


def not_open(system: System, error: Exception) -> Diagnostic:
    """The finding that *system* cannot be opened; secrets of its config are taken out of the driver's words."""
    words = redacted(str(error), system.config)
    refused = isinstance(error, Denied)
    kind = "" if isinstance(error, SystemFailure) else f"{type(error).__name__}: "
    return Diagnostic(
        "E0311",
        f"system {system.name} {'refuses us' if refused else 'cannot be opened'}: {kind}{words}",
        remedy="Check its config and credentials; `erpoa doctor` tells more.",
        at=system.at,
    )


def _kind(error: Exception) -> FailureKind:
    """A system that refuses us is not asked again with the same credentials: accounts are locked for that."""
    return FailureKind.DENIED if isinstance(error, Denied) else FailureKind.UNAVAILABLE


def redacted(text: str, config: Any) -> str:
    """*text* without the secrets that *config* holds."""
    match config:
        case Secret():
            secret = config.reveal()
            return text.replace(secret, "***") if secret else text
        case Mapping():
            for item in config.values():
                text = redacted(text, item)
        case list() | tuple():
            for item in config:
                text = redacted(text, item)
        case _:
            pass
    return text
