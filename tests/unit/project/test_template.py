"""Expressions: what they may do, and that nothing else is possible."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpoa_cli.core.secret import Secret
from erpoa_cli.project.template import Templates
from erpoa_cli.project.template_problem import TemplateProblem

TEMPLATES = Templates(
    {
        "secret": lambda _: Secret("Zq0815"),
        "one": lambda: 1,
        "same": lambda text: text,
        "names": lambda *texts: "+".join(texts),
    }
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ one() }}", 1),
        ("{{ one() }} ", "1 "),
        ("a{{ same('x') }}b{{same(\"y\")}}", "axby"),
        ("{{ names('a', \"b\") }}", "a+b"),
        ("{{ names() }}", ""),
        ("{{ same('it}}s') }}", "it}}s"),
        ("{{ same('\\'') }}", "'"),
        ("{# said\n before #}x", "\nx"),
        ("{{ same('12') | int }}", 12),
        ("{{ same('True') | bool }}", True),
        ("{{ same(' A ') | trim | lower }}", "a"),
        ("{{ same('a-b') | replace('-', '_') }}", "a_b"),
        ("{{ 'x' if one() == 1 else 'y' }}", "x"),
        ("{{ same('a') ~ same('b') }}", "ab"),
        ("{ not a template } {{ '{{' }}", "{ not a template } {{"),
        ("", ""),
    ],
)
def test_values(text: str, value: object):
    found = TEMPLATES.value(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ one.__globals__ }}",
        "{{ one['__globals__'] }}",
        "{{ same('a').upper() }}",
        "{{ 'a' * 10 }}",
        "{{ 9 ** 9 }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ range(10) }}",
        "{{ lipsum() }}",
        "{{ self }}",
        "{{ cycler }}",
        "{{ 'x' | attr('__class__') }}",
        "{{ 'x' | format }}",
        "{{ [1] | map('int') | list }}",
        "{{ same('a') | replace('a', 'b' ~ missing) }}",
        "{{ same() }}",
        "{{ one }} {{ nope }}",
        "{{ 1 / 0 }}",
        "{{ 1e400 }}",
        "{{ 'a'['zfill'](2000000000) }}",
        "{{ 'a'['upper']() }}",
        "{{ {'a': 1}['a'] }}",
        "{{ 'a' is defined }}",
        "{{ secret('port') | int }}",
        "{{ secret('port') ~ 'x' }}",
        "{{ same(secret('port')) }}",
        "{{ 'a' if secret('port') == 'x' else 'b' }}",
        "{{ same(*names('a')) }}",
        "{{ same('x') | int }}",
        "{{ same('x') | bool }}",
        "{{ (((( }}",
        "{{ }}",
        "{{",
        "{{ 'x }}",
        "{# x",
        "{% if one() %}x{% endif %}",
        "{{- one() }}",
        "{{ one() -}}",
        "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    ],
)
def test_refusals(text: str):
    with pytest.raises(TemplateProblem) as caught:
        TEMPLATES.value(text)
    assert caught.value.code in {"E0201", "E0202"}
    assert caught.value.summary
    assert "Zq0815" not in caught.value.summary + caught.value.remedy


def test_a_secret_makes_its_whole_scalar_one():
    value = TEMPLATES.value("Bearer {{ secret('token') }}")
    assert isinstance(value, Secret)
    assert value.reveal() == "Bearer Zq0815"
    assert isinstance(TEMPLATES.value("{{ secret('token') }}"), Secret)


def test_no_problem_repeats_a_value():
    for text in ("{{ same('hunter2') | int }}", "{{ same('hunter2') | bool }}", "{{ same('hunter2') + 1 }}"):
        with pytest.raises(TemplateProblem) as caught:
            TEMPLATES.value(text)
        assert "hunter2" not in caught.value.summary + caught.value.remedy


def test_replacing_cannot_blow_up():
    grow = "{{ same('" + "a" * 1000 + "')" + (" | replace('a', '" + "a" * 1000 + "')") * 3 + " }}"
    with pytest.raises(TemplateProblem, match="too large"):
        TEMPLATES.value(grow)


def test_output_is_capped():
    with pytest.raises(TemplateProblem) as caught:
        Templates({"big": lambda: "x" * 600_000}).value("{{ big() }}{{ big() }}")
    assert caught.value.code == "E0206"


def test_data_is_never_a_template():
    assert TEMPLATES.value("{{ same('{' ~ '{ one() }' ~ '}') }}") == "{{ one() }}"


@given(
    st.lists(
        st.one_of(
            st.text("ab\n公", max_size=5),
            st.sampled_from(["{{ one() }}", "{{\n  same('xyz')\n}}", "{# c\n #}"]),
        )
    )
)
def test_every_character_knows_where_it_comes_from(parts: list[str]):
    text = "".join(parts)
    rendered = TEMPLATES.render(text)
    assert rendered.text.count("\n") == text.count("\n")
    for offset, character in enumerate(rendered.text):
        piece = rendered.piece(offset)
        if not piece.expression and character != "\n":
            assert text[rendered.origin(offset)] == character
            line, column = rendered.place(offset)
            assert text.split("\n")[line - 1][column - 1] == character
