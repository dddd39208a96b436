"""Reads `*.case` files: a project in one file, with what should be found in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

BROKEN = Path(__file__).parent / "broken"


@dataclass(slots=True)
class Case:
    about: str = ""
    expected: list[str] = field(default_factory=list)  # "CODE severity FILE:LINE:COLUMN summary"
    settings: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)  # by what follows `===`

    def setting(self, name: str) -> str | None:
        return next((value for key, value in self.settings if key == name), None)

    @property
    def secrets(self) -> dict[str, str]:
        pairs = (value.partition("=") for key, value in self.settings if key == "secret")
        return {f"ERPOA_SECRET_{name.upper()}": text for name, _, text in pairs}


def read_case(path: Path) -> Case:
    case = Case()
    body: list[str] | None = None
    bodies: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("=== "):
            body = bodies.setdefault(line[4:], [])
        elif body is not None:
            body.append(line)
        elif line.startswith("! "):
            case.expected.append(line[2:])
        elif line.startswith("? "):
            key, _, value = line[2:].partition(" ")
            case.settings.append((key, value))
        elif line.startswith("# "):
            case.about = line[2:]
    case.files = {
        name: "\n".join(lines) + ("" if lines[-1:] == [""] else "\n") for name, lines in bodies.items()
    }
    return case


def write_project(root: Path, case: Case) -> None:
    """The sound project with the files of *case* over it."""
    for name, text in {**read_case(BROKEN / "sound.case").files, **case.files}.items():
        plain, _, target = name.partition(" -> ")
        plain, _, encoding = plain.partition(" (")
        path = root / plain
        path.parent.mkdir(parents=True, exist_ok=True)
        if target:
            path.symlink_to(target)
        else:
            path.write_bytes(text.encode(encoding.rstrip(")") or "utf-8"))


def names() -> list[str]:
    return sorted(path.stem for path in BROKEN.glob("*.case"))
