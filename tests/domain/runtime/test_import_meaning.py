"""What each foreign row makes happen: history is taken as it was, whatever today's rules say."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from domain import events as e
from domain.case import Case
from domain.fold import evolve
from domain.recorded import Recorded
from domain.runtime.foreign import Row
from domain.runtime.mapping import Contact, ForeignMapping
from domain.runtime.meaning import Setting, created, meant
from domain.values import (
    Actor,
    Awaited,
    EscalationReason,
    Ground,
    ResolutionType,
    ResolvedBy,
    Role,
    Status,
    Window,
)
from tests.domain.runtime.imported import OLD_DESK
from tests.examples import (
    ACME,
    ACME_ACCOUNT,
    ALAN,
    ANNA,
    CALENDAR,
    CATALOGUE,
    CLARA,
    COMMAND,
    CRITICAL,
    FRIDAY,
    HOUR,
    NEW_CASE,
    NEW_ENTRY,
    NUMBER,
    WINDOW_OF_FRIDAY,
    id_of,
)

PEOPLE = {"Anna": ANNA, "Alan": ALAN, "Clara": CLARA}
SETTING = Setting(OLD_DESK, ACME, ACME_ACCOUNT, CALENDAR, CATALOGUE, PEOPLE, {})
CLOSED = e.Closed(
    ground=Ground.AGENT,
    customers_word=False,
    window=Window(until=WINDOW_OF_FRIDAY, zone="Europe/Berlin", origin="import"),
)
TAKEN_BY_ANNA = e.Assigned(assignee=id_of(ANNA), team=None)


def row(activity: str, text: str = "", who: str = "Anna", at: datetime = FRIDAY) -> Row:
    cells = {"case": "7", "activity": activity, "who": who, "time": at.isoformat(), "text": text}
    return Row(2, "7", activity, who, at, text, cells, 1)


def told(*rows: Row, setting: Setting = SETTING) -> tuple[Case, list[list[e.Event]]]:
    """The case after these rows, and what each of them made happen."""
    begun = created(rows[0], NUMBER, setting)
    case = evolve(None, Recorded(begun, NEW_CASE, 1, rows[0].at, setting.by(rows[0])))
    made = []
    for one in rows:
        events = meant(one, case, setting, COMMAND, one.at)
        for event in events:
            by = setting.by(one)
            case = evolve(case, Recorded(event, NEW_CASE, case.version + 1, one.at, by))
        made.append(events)
    return case, made


@pytest.mark.parametrize(
    ("one", "event"),
    [
        (row("take"), TAKEN_BY_ANNA),
        (row("drop", "Ill."), e.Unassigned(reason="Ill.")),
        (row("write", "Hello."), e.Posted(entry=NEW_ENTRY, text="Hello.")),
        (
            row("wait"),
            e.Awaiting(awaited=Awaited.THIRD_PARTY, until=None, reason=None),
        ),
        (row("go on"), e.Resumed(ground="resumed")),
        (row("panic"), e.SeverityChanged(severity=CRITICAL)),
        (
            row("escalate", "Now!", "Clara"),
            e.Escalated(comment="Now!", reason=EscalationReason.DELAY),
        ),
        (row("calm"), e.Deescalated(justification="calm", message="calm")),
        (
            row("ask to close", "", "Clara"),
            e.CloseRequested(
                resolved_by=ResolvedBy.OWN, comment=None, reminds_at=None, closes_at=None
            ),
        ),
        (row("reject", "No.", "Clara"), e.ResolutionRejected(comment="No.")),
        (row("close"), CLOSED),
        (row("open again", "No."), e.Reopened(comment="No.", assignee=None)),
        (row("dance"), e.Posted(entry=NEW_ENTRY, text="dance", internal=True)),
        (row("dance", "Tango."), e.Posted(entry=NEW_ENTRY, text="Tango.", internal=True)),
    ],
)
def test_an_activity_is_the_event_that_the_mapping_says(one: Row, event: e.Event) -> None:
    assert told(one)[1] == [[event]]


def test_a_resolution_carries_the_words_and_starts_no_timer() -> None:
    (event,) = told(row("solve", "Water."))[1][0]
    assert isinstance(event, e.Resolved)
    assert (event.resolution.type, event.resolution.summary) == (ResolutionType.REFERRED, "Water.")
    assert (event.reminds_at, event.closes_at) == (None, None)


def test_the_words_of_a_case_come_from_its_first_row() -> None:
    event = created(row("write", "It\nburns."), NUMBER, SETTING)
    assert event.subject == "Old case 7: It burns."
    assert event.description == "It\nburns."
    assert event.external_ids == {"old-desk": "7"}
    silent = created(row("write", "x" * 400), NUMBER, SETTING)
    assert len(silent.subject) == 255
    assert created(row("write"), NUMBER, SETTING).description == "7"


def test_the_contact_is_who_a_column_names_or_the_one_of_the_mapping() -> None:
    contact = Contact(name="Clara", column="text")
    setting = with_mapping(OLD_DESK.model_copy(update={"contact": contact}))
    assert created(row("take", "Alan"), NUMBER, setting).contact == id_of(ALAN)
    assert created(row("take"), NUMBER, setting).contact == id_of(CLARA)
    assert created(row("take"), NUMBER, SETTING).submitter == id_of(CLARA)


def test_an_assignee_may_stand_in_a_column_and_a_team_in_the_mapping() -> None:
    activities = {
        "give": {"event": "assigned", "column": "text"},
        "route": {"event": "assigned", "column": "text", "team": {"key": "net", "name": "Net"}},
    }
    setting = with_mapping(
        ForeignMapping.model_validate(OLD_DESK.model_dump() | {"activities": activities})
    )
    case, _ = told(row("route"), row("give", "Alan"), setting=setting)
    assert (case.assignee, case.team and case.team.key) == (id_of(ALAN), "net")


def test_where_nobody_is_named_the_import_did_it() -> None:
    actor = SETTING.by(row("close", who=""))
    assert actor == Actor(id="import:old-desk", role=Role.SERVICE)
    assert actor.is_desk


def test_nothing_that_a_customer_says_is_internal() -> None:
    (event,) = told(row("dance", who="Clara"))[1][0]
    assert event == e.Posted(entry=NEW_ENTRY, text="dance", internal=False)


# Odd orders ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "word"),
    [((), False), (("solve",), True), (("ask to close",), True), (("solve", "reject"), False)],
)
def test_a_closing_has_the_customers_word_if_a_resolution_or_a_request_stands(
    before: Sequence[str], word: bool
) -> None:
    case, _ = told(*map(row, (*before, "close")))
    assert case.life.closed is not None
    assert case.life.closed.customers_word is word


def test_a_second_closing_opens_a_new_window_and_takes_nothing_back() -> None:
    later = FRIDAY + timedelta(days=4)
    case, made = told(row("solve"), row("close"), row("close", at=later))
    (second,) = made[2]
    assert isinstance(second, e.Closed)
    assert second.customers_word
    assert second.window.until == datetime(2026, 12, 14, 23, tzinfo=UTC)
    assert case.status is Status.CLOSED


@pytest.mark.parametrize("activity", ["take", "wait", "escalate", "solve", "ask to close"])
def test_what_only_an_open_case_can_come_to_says_that_it_was_opened_again(activity: str) -> None:
    case, made = told(row("take"), row("close"), row(activity, "More.", at=FRIDAY + HOUR))
    assert made[2][0] == e.Reopened(comment="More.", assignee=id_of(ANNA))
    assert len(made[2]) == 2
    assert case.is_open


@pytest.mark.parametrize("activity", ["write", "dance", "drop", "go on", "panic", "calm", "close"])
def test_anything_else_leaves_a_closed_case_closed(activity: str) -> None:
    case, made = told(row("close"), row(activity, at=FRIDAY + HOUR))
    assert len(made[1]) == 1
    assert case.status is Status.CLOSED
    assert case.badges == ()


def test_an_activity_may_end_waiting_and_says_so_only_then() -> None:
    case, made = told(row("wait"), row("solve"), row("solve"))
    assert [type(event) for event in made[1]] == [e.Resumed, e.Resolved]
    assert [type(event) for event in made[2]] == [e.Resolved]
    assert case.life.awaiting is None


def with_mapping(mapping: ForeignMapping) -> Setting:
    return Setting(mapping, ACME, ACME_ACCOUNT, CALENDAR, CATALOGUE, PEOPLE, {})
