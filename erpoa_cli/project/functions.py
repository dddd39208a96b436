"""What templates may call: `env var secret` in YAML, `source ref actual var as_of` in SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.relation import SCHEMAS
from erpoa_cli.core.schema import identifier
from erpoa_cli.core.secret import Secret
from erpoa_cli.project.secrets import SecretChain, SecretsUnreadable
from erpoa_cli.project.template import Templates
from erpoa_cli.project.template_problem import TemplateProblem

AS_OF = "getvariable('as_of')"
"""The plan's instant, in SQL."""


@dataclass(slots=True)
class Inputs:
    """The variables, environment and secrets of this project, and the names of those that were used."""

    vars: dict[str, Any]
    secrets: SecretChain
    getenv: Callable[[str], str | None]
    used: set[str] = field(default_factory=set)

    def env(self, name: str, *default: Any) -> Any:
        _name("env", name)
        self.used.add(f"env:{name}")
        value = self.getenv(name)
        if value is not None:
            return value
        if default:
            return default[0]
        raise TemplateProblem(
            "E0204",
            f"the environment variable {name} is not set",
            f"Set it, or give a default: env('{name}', '…').",
        )

    def var(self, name: str, *default: Any) -> Any:
        _name("var", name)
        self.used.add(f"var:{name}")
        if name in self.vars:
            return self.vars[name]
        if default:
            return default[0]
        hint = did_you_mean(name, self.vars)
        raise TemplateProblem(
            "E0203",
            f"the variable `{name}` is not defined",
            f"{hint} Define it under `vars:` in erpoa.yml or give --var {name}=….".strip(),
        )

    def secret(self, name: str) -> Secret:
        _name("secret", name)
        self.used.add(f"secret:{name}")
        try:
            found = self.secrets.find(name)
        except SecretsUnreadable as problem:
            raise TemplateProblem("E0208", f"secrets cannot be read: {problem}", "Mend that place.") from None
        if found is None:
            raise TemplateProblem(
                "E0205",
                f"the secret `{name}` is missing",
                f"Put it into {self.secrets.described(name)}.",
            )
        return found


class FromTemplate(str):
    """Text that a template gave: it does not stand in the file, and no message repeats it."""

    __slots__ = ()


class NumberFromTemplate(int):
    """A whole number that a template gave."""

    __slots__ = ()


def scalar(text: str, inputs: Inputs) -> Any:
    """The value of a YAML scalar with templates; a `Secret` when it used `secret()`. Raises `TemplateProblem`."""
    templates = Templates(
        {
            "env": inputs.env,
            "var": inputs.var,
            "secret": inputs.secret,
            **{name: _only_in_sql(name) for name in ("source", "ref", "actual", "as_of")},
        }
    )
    value = templates.value(text)
    match value:
        case str():
            return FromTemplate(value)
        case int() if not isinstance(value, bool):
            return NumberFromTemplate(value)
        case _:
            return value


def model_templates(inputs: Inputs) -> Templates:
    """The templates of SQL text."""
    return Templates(
        {
            "source": _relation("source"),
            "ref": _relation("ref"),
            "actual": _relation("actual"),
            "var": inputs.var,
            "as_of": lambda: AS_OF,
            **{name: _only_in_yaml(name) for name in ("env", "secret")},
        }
    )


def _relation(function: str) -> Callable[..., str]:
    def call(*names: str, **_: Any) -> str:
        if len(names) == 2 and function == "source":
            joined = "_".join(map(str, names))
            raise TemplateProblem(
                "E0201",
                "source() takes one name",
                f"A source has one name here, declared in sources/*.yml: source('{joined}').",
            )
        if len(names) != 1:
            raise TemplateProblem("E0201", f"{function}() takes one name", f"Write {function}('NAME').")
        _name(function, names[0])
        return f"{SCHEMAS[function]}.{identifier(names[0])}"

    return call


def _name(function: str, name: object) -> None:
    if not isinstance(name, str) or not name or "\0" in name:
        raise TemplateProblem("E0201", f"{function}() takes a name in quotes", f"Write {function}('name').")


def _only_in_sql(function: str) -> Callable[..., NoReturn]:
    def call(*_: Any, **__: Any) -> NoReturn:
        raise TemplateProblem("E0202", f"{function}() is for SQL", "In YAML write the name itself.")

    return call


def _only_in_yaml(function: str) -> Callable[..., NoReturn]:
    def call(*_: Any, **__: Any) -> NoReturn:
        raise TemplateProblem(
            "E0202",
            f"{function}() is for YAML",
            "Models see neither environment nor secrets; pass a value as var('name').",
        )

    return call
