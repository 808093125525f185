"""What is parked, as an operator sees it and lets it go on."""

from tests import examples as x
from tests.consumers.sinks import drained, logged, noted, some_lives
from tests.consumers.test_runner import SECRET, of, refusing, rows
from tests.desks import Desk
from tests.domain.runtime.test_store import on
from tests.journeys.test_command_line import Terminal, terminal

__all__ = ["terminal"]


def test_an_operator_sees_what_is_parked_and_lets_it_go_on(sink: Desk, terminal: Terminal) -> None:
    assert terminal.casebook("parked").out == "Nothing is parked.\n"
    on(sink, some_lives)
    bad = next(row for row in rows(sink) if row.topic == "case.escalated")
    drained(sink, refusing(bad.position))
    said = terminal.casebook("parked")
    assert f"sink  {bad.stream}:{bad.version} [{bad.position}]  ValueError at" in said.out
    assert SECRET not in said.out
    (shown,) = terminal.casebook("parked", "--json").json["parked"]
    assert (shown["stream"], shown["version"]) == (str(bad.stream), bad.version)
    assert terminal.casebook("unpark", "1", "--consumer", "another").status == 2
    done = terminal.casebook("unpark", "1")
    assert (done.status, done.out) == (0, "1 goes on: sink.\n")
    assert "(is tried again)" in terminal.casebook("parked").out
    drained(sink)
    assert of(noted(sink), bad.stream) == of(logged(sink), bad.stream)
    assert terminal.casebook("parked").out == "Nothing is parked.\n"


def test_what_is_not_parked_is_not_let_go_on(terminal: Terminal) -> None:
    for word, why in (
        ("1", "1 is not parked: casebook parked."),
        ("nobody", "There is no case nobody."),
        (str(x.CASE), f"{x.CASE} is not parked: casebook parked."),
    ):
        said = terminal.casebook("unpark", word)
        assert (said.status, said.out, said.err) == (2, "", f"{why}\n")
