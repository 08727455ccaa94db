"""The output of ``make up``."""

import io

import pytest

from predictmq.local.console import Console, greeting


class Terminal(io.StringIO):
    """A terminal that keeps what is written on it."""

    def isatty(self) -> bool:
        return True


def test_lines_stand_under_each_other_behind_their_speakers() -> None:
    out = io.StringIO()
    console = Console(["up", "gateway"], out)
    console.voice("up")("one\ntwo")
    console.voice("gateway")("three")
    console.voice("up")("")
    assert out.getvalue() == "up      | one\nup      | two\ngateway | three\nup      |\n"


def test_names_are_coloured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    Console(["up"], out).voice("up")("one")
    assert out.getvalue() == "\x1b[36mup |\x1b[0m one\n"


def test_names_are_not_coloured_when_no_color_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    Console(["up"], out).voice("up")("one")
    assert out.getvalue() == "up | one\n"


def test_the_greeting_shows_a_call_and_where_to_look() -> None:
    text = greeting("127.0.0.1:8080", "127.0.0.1:1", "127.0.0.1:2")
    assert "curl -H 'Content-Type: application/json' -d '{\"input\": \"hello\"}' " in text
    assert "http://127.0.0.1:8080/readyz" in text
    assert text.count("/metrics") == 3
