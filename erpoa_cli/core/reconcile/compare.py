"""When two values of a field are the same: the declared normalisations as SQL."""

from __future__ import annotations

from erpoa_cli.core.reconcile.shape import ignored
from erpoa_cli.core.schema import Kind, literal
from erpoa_cli.core.target import BoundField

# What `trim` and `collapse_space` take for blank: ASCII white space, the no-break and the ideographic space.
BLANKS = " \t\n\r\f\v\u00a0\u3000"
_BLANK_CLASS = "[ \\t\\n\\r\\f\\v\\x{00a0}\\x{3000}]+"


def normal(field: BoundField, value: str) -> str:
    """The SQL expression of *value* after the field's normalisations, in the order they are declared."""
    kind = field.type.kind
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


def equal(field: BoundField, left: str, right: str) -> str:
    """A SQL condition, never NULL: *left* and *right* count as the same value of *field*."""
    if ignored(field):
        return "true"
    amounts = [step.amount for step in field.compare if step.kind == "tolerance" and step.amount is not None]
    if amounts and field.type.kind in (Kind.DECIMAL, Kind.INTEGER):
        # Values too far apart to be subtracted in 38 digits are different: TRY gives NULL.
        near = f"coalesce(TRY(abs({left} - {right})) <= {max(amounts)}, false)"
        return f"(({left} IS NULL AND {right} IS NULL) OR {near})"
    return f"({normal(field, left)} IS NOT DISTINCT FROM {normal(field, right)})"


def empty(field: BoundField, value: str) -> str:
    """A SQL condition, never NULL: *value* is nothing a person entered (NULL, an empty text or list)."""
    match field.type.kind:
        case Kind.STRING:
            return f"(coalesce({value}, '') = '')"
        case Kind.LIST:
            return f"(coalesce(len({value}), 0) = 0)"
        case _:
            return f"({value} IS NULL)"
