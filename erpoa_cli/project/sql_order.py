"""How calls and ORDER BY stand among the tokens of a SELECT."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokens import Token, TokenType  # type: ignore[attr-defined]  # exported at run time only


def _closing(tokens: Sequence[Token], opening: int) -> int:
    depth = 0
    for index in range(opening, len(tokens)):
        match tokens[index].token_type:
            case TokenType.L_PAREN:
                depth += 1
            case TokenType.R_PAREN:
                depth -= 1
                if not depth:
                    return index
            case _:
                pass
    return len(tokens) - 1


def one_argument(tokens: Sequence[Token], index: int) -> bool:
    """Whether the call at *index* has a single argument."""
    depth = 0
    for token in tokens[index + 1 : _closing(tokens, index + 1)]:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if token.token_type is TokenType.COMMA and depth == 1:
            return False
    return True


def _orders(tokens: Sequence[Token], opening: int, closing: int) -> bool:
    depth = 0
    for token in tokens[opening : closing + 1]:
        match token.token_type:
            case TokenType.L_PAREN:
                depth += 1
            case TokenType.R_PAREN:
                depth -= 1
            case TokenType.ORDER_BY if depth == 1:
                return True
            case _:
                pass
    return False


def ordered(tokens: Sequence[Token], index: int, *, within: bool) -> bool:
    """Whether the call at *index* has an ORDER BY: inside its brackets (*within*) or in its window."""
    closing = _closing(tokens, index + 1)
    if within and _orders(tokens, index + 1, closing):
        return True
    place = closing + 1
    while place < len(tokens) and tokens[place].text.lower() in {"ignore", "respect", "nulls", "filter"}:
        place += 1
        if place < len(tokens) and tokens[place].token_type is TokenType.L_PAREN:
            place = _closing(tokens, place) + 1
    if place + 1 >= len(tokens) or tokens[place].text.lower() != "over":
        return False
    if tokens[place + 1].token_type is TokenType.L_PAREN:
        return _orders(tokens, place + 1, _closing(tokens, place + 1))
    window = tokens[place + 1].text.lower()
    return any(
        tokens[i].text.lower() == window
        and tokens[i + 1].token_type is TokenType.ALIAS
        and tokens[i + 2].token_type is TokenType.L_PAREN
        and _orders(tokens, i + 2, _closing(tokens, i + 2))
        for i in range(len(tokens) - 2)
    )


def ordered_before(tokens: Sequence[Token], index: int) -> bool:
    """Whether an ORDER BY of the same SELECT stands before the token at *index*."""
    depth = 0
    for token in reversed(tokens[:index]):
        match token.token_type:
            case TokenType.R_PAREN:
                depth += 1
            case TokenType.L_PAREN:
                depth -= 1
                if depth < 0:
                    return False
            case TokenType.ORDER_BY if depth == 0:
                return True
            case _:
                pass
    return False


def ordered_after(tokens: Sequence[Token], index: int) -> bool:
    """Whether an ORDER BY of the same SELECT stands after the token at *index*."""
    depth = 0
    for token in tokens[index:]:
        match token.token_type:
            case TokenType.L_PAREN:
                depth += 1
            case TokenType.R_PAREN:
                depth -= 1
                if depth < 0:
                    return False
            case TokenType.ORDER_BY if depth == 0:
                return True
            case _:
                pass
    return False
