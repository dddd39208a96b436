"""When two values of a field are the same: the declared normalisations as SQL."""

from __future__ import annotations

from erpoa_cli.core.json_value import JSON_MEANING
from erpoa_cli.core.reconcile.shape import ignored
from erpoa_cli.core.schema import Kind, Type, identifier, literal
from erpoa_cli.core.target import BoundField

# What `trim` and `collapse_space` take for blank: ASCII white space, the no-break and the ideographic space.
BLANKS = " \t\n\r\f\v\u00a0\u3000"
_BLANK_CLASS = "[ \\t\\n\\r\\f\\v\\x{00a0}\\x{3000}]+"


def normal(field: BoundField, value: str) -> str:
    """The SQL expression of what *value* means after the field's normalisations, in the order they are declared."""
    kind = field.type.kind
    value = meant(value, field.type)
    for step in field.compare:
        match step.kind:
            case "trim" if kind is Kind.STRING:
                value = f"trim({value}, {literal(BLANKS)})"
            case "ci" if kind is Kind.STRING:
                value = f"lower({value})"
            case "nfkc" if kind is Kind.STRING:
                value = f"nfkc({value})"
            case "collapse_space" if kind is Kind.STRING:
                squeezed = f"regexp_replace({value}, {literal(_BLANK_CLASS)}, ' ', 'g')"
                value = f"trim({squeezed}, ' ')"
            case "digits_only" if kind is Kind.STRING:
                value = f"regexp_replace({value}, '[^0-9]', '', 'g')"
            case "unordered" if kind is Kind.LIST:
                value = f"list_sort({value})"
            case _:
                pass  # exact; tolerance and ignore are no normalisations; text steps leave other types alone
    return value


def evidence(field: BoundField, value: str) -> str:
    """The SQL expression of *value* as rows are recognised by it: NULL, which recognises nothing, also for a text of which
    `digits_only` leaves nothing, or every telephone number "none" would be the same."""
    said = normal(field, value)
    return f"nullif({said}, '')" if any(step.kind == "digits_only" for step in field.compare) else said


def equal(field: BoundField, left: str, right: str) -> str:
    """A SQL condition, never NULL: *left* and *right* count as the same value of *field*."""
    if ignored(field):
        return "true"
    amounts = [step.amount for step in field.compare if step.kind == "tolerance" and step.amount is not None]
    if amounts and field.type.kind in (Kind.DECIMAL, Kind.INTEGER):
        # Values too far apart to be subtracted in 38 digits are different: TRY gives NULL.
        near = f"coalesce(TRY(abs({left} - {right})) <= {max(amounts)}, false)"
        return f"(({left} IS NULL AND {right} IS NULL) OR {near})"
    test = f"{normal(field, left)} IS NOT DISTINCT FROM {normal(field, right)}"
    if _has_json(field.type):  # what is spelt alike need not be read
        return f"(CASE WHEN {left} IS NOT DISTINCT FROM {right} THEN true ELSE {test} END)"
    return f"({test})"


def meant(value: str, type_: Type, depth: int = 0) -> str:
    """The SQL expression of *value* in a form that is the same for equal values, whatever their spelling: JSON has several, also
    within lists and structs; all other types have one."""
    if not _has_json(type_):
        return value
    match type_.kind:
        case Kind.LIST:
            assert type_.item is not None
            item = f'"?v{depth}"'  # no column is called so
            return f"list_transform({value}, lambda {item}: {meant(item, type_.item, depth + 1)})"
        case Kind.STRUCT:
            members = ", ".join(
                f"{identifier(name)} := {meant(f'({value}).{identifier(name)}', member, depth)}"
                for name, member in type_.members
            )
            return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({members}) END"
        case _:
            return f"{identifier(JSON_MEANING)}(CAST({value} AS VARCHAR))"


def _has_json(type_: Type) -> bool:
    inner = [type_.item] if type_.item else [member for _, member in type_.members]
    return type_.kind is Kind.JSON or any(map(_has_json, inner))


def empty(field: BoundField, value: str) -> str:
    """A SQL condition, never NULL: *value* is nothing a person entered (NULL, an empty text or list)."""
    match field.type.kind:
        case Kind.STRING:
            return f"(coalesce({value}, '') = '')"
        case Kind.LIST:
            return f"(coalesce(len({value}), 0) = 0)"
        case _:
            return f"({value} IS NULL)"
