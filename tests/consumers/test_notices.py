"""Who is told of what: PRODUCT.md, section 6, cell by cell."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from consumers.happening import happening
from consumers.notices import Circle, notices, reminders
from domain import events as e
from domain.configuration import Person
from domain.preferences import Channel, Digest, Kind, Preferences, Relation, Silence
from domain.recorded import Cause
from domain.values import Awaited, Role
from tests import examples as x
from tests.consumers.telling import (
    BEFORE,
    EVERYBODY,
    PEOPLE,
    RAISED,
    RELATIONS,
    ROB,
    at_once,
    happened,
    history,
    told_of,
    wants,
)
from tests.spec import recorded

TABLE: Final = """
event                  | contact | submitter | watcher | cc  | assignee | team | admin
created                | yes     | yes       | -       | -   | -        | yes  | no
created critical       | yes     | yes       | -       | -   | -        | yes  | yes
post                   | yes     | yes       | yes     | yes | yes      | yes  | no
comment                | yes     | yes       | yes     | yes | yes      | yes  | no
public file            | yes     | yes       | yes     | yes | yes      | yes  | no
merged                 | yes     | yes       | yes     | yes | yes      | yes  | no
severity               | yes     | yes       | yes     | yes | yes      | yes  | no
severity critical      | yes     | yes       | yes     | yes | yes      | yes  | yes
escalated              | yes     | yes       | yes     | yes | yes      | yes  | yes
de-escalated           | yes     | yes       | yes     | yes | yes      | yes  | no
resolution proposed    | yes     | yes       | yes     | yes | yes      | yes  | no
resolution rejected    | yes     | yes       | yes     | yes | yes      | yes  | no
resolution answered    | yes     | yes       | yes     | yes | yes      | yes  | no
close requested        | yes     | yes       | yes     | yes | yes      | yes  | no
close declined         | yes     | yes       | yes     | yes | yes      | yes  | no
close withdrawn        | yes     | yes       | yes     | yes | yes      | yes  | no
closed                 | yes     | yes       | yes     | yes | yes      | yes  | no
reopened               | yes     | yes       | yes     | yes | yes      | yes  | no
redacted               | yes     | yes       | yes     | yes | yes      | yes  | no
assigned anew          | yes     | no        | no      | no  | yes      | yes  | no
taken away             | yes     | yes       | yes     | yes | yes      | yes  | no
internal note          | no      | no        | no      | no  | yes      | yes  | no
internal file          | no      | no        | no      | no  | yes      | yes  | no
redacted note          | no      | no        | no      | no  | yes      | yes  | no
await                  | no      | no        | no      | no  | yes      | yes  | no
resumed                | no      | no        | no      | no  | yes      | yes  | no
tags                   | no      | no        | no      | no  | no       | no   | no
details                | no      | no        | no      | no  | no       | no   | no
edited                 | no      | no        | no      | no  | no       | no   | no
made internal          | no      | no        | no      | no  | no       | no   | no
rated                  | no      | no        | no      | no  | no       | no   | no
erased                 | no      | no        | no      | no  | no       | no   | no
"""
EVENTS: Final[dict[str, e.Event]] = {
    "created": RAISED.event,
    "created critical": RAISED.event.model_copy(update={"severity": x.CRITICAL}),
    "post": x.ASKED.event,
    "comment": x.COMMENTED.event,
    "public file": x.FILE_ADDED.event,
    "merged": x.MERGED.event,
    "severity": e.SeverityChanged(severity=x.STANDARD),
    "severity critical": x.MADE_CRITICAL.event,
    "escalated": x.ESCALATED.event,
    "de-escalated": x.DEESCALATED.event,
    "resolution proposed": x.RESOLVED.event,
    "resolution rejected": e.ResolutionRejected(comment="No."),
    "resolution answered": e.ResolutionAnswered(),
    "close requested": x.CLOSE_REQUESTED.event,
    "close declined": e.CloseRequestDeclined(reason="We look on."),
    "close withdrawn": e.CloseRequestWithdrawn(),
    "closed": x.CLOSED_ON_FRIDAY.event,
    "reopened": x.REOPENED.event,
    "redacted": e.Redacted(entry=x.PUBLIC, attachment=None, versions=(5,), reason="A secret."),
    "assigned anew": e.Assigned(assignee=x.id_of(x.ANNA), team=x.NETWORK.word),
    "taken away": x.UNASSIGNED.event,
    "internal note": e.Posted(entry=x.named("another note"), text="Hm.", internal=True),
    "internal file": x.SECRET_FILE_ADDED.event,
    "redacted note": e.Redacted(entry=x.INTERNAL, attachment=None, versions=(6,), reason="Names."),
    "await": e.Awaiting(awaited=Awaited.CUSTOMER, until=None, reason=None),
    "resumed": e.Resumed(ground="answered"),
    "tags": x.TAGGED.event,
    "details": e.DetailsChanged(subject="It is very slow"),
    "edited": e.EntryEdited(entry=x.PUBLIC, text="Which release?"),
    "made internal": e.MadeInternal(entry=x.PUBLIC),
    "rated": x.RATED.event,
    "erased": x.ERASED.event,
}


def cells() -> Iterator[tuple[str, str, str]]:
    """Event, relation and yes or no; a dash: at this event there is nobody yet."""
    head, *rows = (tuple(map(str.strip, row.split("|"))) for row in TABLE.strip().splitlines())
    for event, *told in rows:
        for relation, cell in zip(head[1:], told, strict=True):
            yield event, relation, cell


@pytest.mark.parametrize(("event", "relation", "cell"), [*cells()])
def test_the_table_says_who_is_told(event: str, relation: str, cell: str) -> None:
    told = told_of(happened(EVENTS[event]))
    assert (relation in told) == (cell == "yes")
    if relation in told:
        assert told[relation].recipient == RELATIONS[relation]


def test_every_event_stands_in_the_table_or_tells_nobody() -> None:
    ties = {e.Linked, e.Unlinked, e.FollowedUp, e.Watched, e.Unwatched}  # nobody's news
    others = {e.Assigned, e.Unmerged, e.EntryRemoved, e.AttachmentRemoved, e.RecipientsChanged}
    in_the_table = {type(event) for event in EVENTS.values()}
    assert in_the_table | ties | others == set(e.CaseEvent.__args__)


def test_the_first_assignment_is_a_change_of_status_for_everybody() -> None:
    told = told_of(happened(RAISED, *BEFORE[1:3], x.Happened(BEFORE[3].event, x.TIMEKEEPER)))
    assert {relation: n.kind for relation, n in told.items()} == {
        "contact": Kind.ASSIGNED,
        "submitter": Kind.STATUS,
        "watcher": Kind.STATUS,
        "cc": Kind.STATUS,
        "assignee": Kind.ASSIGNED,
        "team": Kind.ASSIGNED,
    }


def test_whoever_is_in_copy_from_the_beginning_is_told_of_the_case() -> None:
    made = at_once(recorded(RAISED, BEFORE[1]), 2)
    assert [(n.recipient, n.kind) for n in notices(made, EVERYBODY)] == [(ROB, Kind.CREATED)]


def test_who_is_put_in_copy_later_is_told_and_nobody_else() -> None:
    added = happened(e.RecipientsChanged(recipients=(ROB, "ruth@acme.com"), pending=("r@x.org",)))
    assert [(n.recipient, n.kind) for n in notices(added, EVERYBODY)] == [
        ("ruth@acme.com", Kind.ADDED)
    ]


def test_nobody_is_told_of_their_own_act_unless_they_ask() -> None:
    assert "contact" not in told_of(happened(x.ASKED))
    asks = wants({"contact": Preferences(own_acts=True)})
    assert "contact" in told_of(happened(x.ASKED), asks)


def test_an_act_on_somebodys_behalf_is_their_own() -> None:
    assert "contact" not in told_of(happened(replace(x.ASKED, by=x.CRM_FOR_CLARA)))


def test_who_is_in_copy_under_their_own_address_is_not_told_of_their_own_act() -> None:
    axel = PEOPLE[x.id_of(x.AXEL)].email
    assert axel is not None
    copied = x.Happened(e.RecipientsChanged(recipients=(ROB, axel)), x.CLARA)
    told = notices(happened(copied, x.Happened(x.ASKED.event, x.AXEL)), EVERYBODY)
    assert axel not in {n.recipient for n in told}
    assert ROB in {n.recipient for n in told}


def test_whoever_closes_an_own_case_is_asked_how_it_went() -> None:
    told = told_of(happened(replace(x.CLOSED_ON_FRIDAY, by=x.CLARA)))
    assert told["contact"].kind is Kind.SURVEY
    assert told["submitter"].kind is Kind.CLOSED


def test_of_what_was_imported_or_seeded_nobody_is_told() -> None:
    for kind in ("import", "seed"):
        past = history(x.ESCALATED)
        past[-1] = replace(past[-1], cause=Cause(kind))
        told = happening(past)
        assert told is not None
        assert notices(told, EVERYBODY) == ()


def test_the_files_of_a_post_are_told_with_it() -> None:
    past = history(x.ASKED, x.FILE_ADDED, x.FILE_ADDED)
    assert notices(at_once(past, 3, "Post"), EVERYBODY) == ()
    assert notices(at_once(past[:-1], 2, "Post"), EVERYBODY) == ()
    assert notices(at_once(past, 1, "AddAttachment"), EVERYBODY) != ()


def test_several_files_at_once_are_one_notice() -> None:
    past = history(x.ASKED, x.FILE_ADDED, x.FILE_ADDED)
    assert notices(at_once(past[:-1], 1, "AddAttachment"), EVERYBODY) != ()
    assert notices(at_once(past, 2, "AddAttachment"), EVERYBODY) == ()


def test_a_channel_a_kind_or_a_relation_is_switched_off_alone() -> None:
    off = {
        "contact": Preferences(off=(Silence(channel=Channel.EMAIL),)),
        "submitter": Preferences(off=(Silence(kind=Kind.POST),)),
        "team": Preferences(off=(Silence(relation=Relation.TEAM),)),
    }
    asked = notices(happened(x.Happened(x.ASKED.event, x.ANNA)), wants(off))
    told = {(n.relation, n.channel) for n in asked}
    assert ("contact", Channel.EMAIL) not in told
    assert ("contact", Channel.IN_APP) in told
    assert not {relation for relation, _ in told} & {"submitter", "team"}
    escalated = {n.relation for n in notices(happened(x.ESCALATED.event), wants(off))}
    assert "submitter" in escalated


def test_who_is_several_things_is_told_as_the_strongest_that_wants_to_know() -> None:
    watches = x.Happened(e.Watched(person=x.id_of(x.CLARA)), x.CLARA)
    asked = happened(watches, x.ASKED.event)
    assert "watcher" in told_of(asked)  # Sue
    clara = RELATIONS["contact"]
    off = Preferences(off=(Silence(relation=Relation.CONTACT),))
    as_what = [n.relation for n in notices(asked, wants({"contact": off})) if n.recipient == clara]
    assert as_what == [Relation.WATCHER, Relation.WATCHER]


def test_a_digest_is_of_mail_alone() -> None:
    daily = wants({"contact": Preferences(digest=Digest.DAILY)})
    told = {(n.relation, n.channel): n.digest for n in notices(happened(x.ASKED.event), daily)}
    assert told[Relation.CONTACT, Channel.EMAIL] is Digest.DAILY
    assert told[Relation.CONTACT, Channel.IN_APP] is Digest.OFF
    assert told[Relation.SUBMITTER, Channel.EMAIL] is Digest.OFF


def test_who_is_mentioned_in_a_note_is_told_if_they_may_see_it() -> None:
    text = "@Audrey and @ada@acme.com, see @alan@desk.com. Mail me: @nobody"
    noted = happened(e.Posted(entry=x.named("n"), text=text, internal=True))
    told = {n.recipient: n.kind for n in notices(noted, EVERYBODY)}
    assert told[str(x.id_of(x.AUDREY))] is Kind.MENTION
    assert told[RELATIONS["team"]] is Kind.MENTION
    assert RELATIONS["admin"] not in told


def test_a_mention_in_a_post_reaches_who_sees_the_case() -> None:
    asked = happened(e.Posted(entry=x.named("p"), text="@Ada, @Gina: have you seen this?"))
    told = {n.recipient: n.kind for n in notices(asked, EVERYBODY)}
    assert told[RELATIONS["admin"]] is Kind.MENTION
    assert str(x.id_of(x.GINA)) not in told


def test_an_address_in_a_text_mentions_nobody() -> None:
    asked = happened(e.Posted(entry=x.named("p"), text="Write to sue@anna or to x@ada"))
    assert Kind.MENTION not in {n.kind for n in notices(asked, EVERYBODY)}


def test_who_left_or_is_a_program_is_told_nothing() -> None:
    left = {x.id_of(x.CLARA): PEOPLE[x.id_of(x.CLARA)].model_copy(update={"active": False})}
    assert "contact" not in told_of(happened(x.ASKED.event), Circle({**PEOPLE, **left}))
    watched = x.Happened(e.Watched(person=x.id_of(x.BOT)), x.ANNA)
    told = notices(happened(watched, x.ASKED.event), EVERYBODY)
    assert str(x.id_of(x.BOT)) not in {n.recipient for n in told}


def test_a_watcher_who_may_see_the_case_no_longer_is_told_nothing() -> None:
    watched = x.Happened(e.Watched(person=x.id_of(x.GINA)), x.ANNA)
    told = notices(happened(watched, x.ASKED.event), EVERYBODY)
    assert str(x.id_of(x.GINA)) not in {n.recipient for n in told}


def test_who_ended_the_mail_of_a_case_has_no_more_of_it() -> None:
    ended = Circle(PEOPLE, ended={ROB, RELATIONS["contact"]})
    told = notices(happened(x.ASKED.event), ended)
    channels = {n.channel for n in told if n.recipient == RELATIONS["contact"]}
    assert channels == {Channel.IN_APP}
    assert ROB not in {n.recipient for n in told}


def test_who_has_no_address_is_told_in_the_portal() -> None:
    silent = Person(name="Clara", role=Role.CUSTOMER, account=x.ACME)
    told = notices(happened(x.ASKED.event), Circle({**PEOPLE, x.id_of(x.CLARA): silent}))
    found = {n.channel for n in told if n.recipient == RELATIONS["contact"]}
    assert found == {Channel.IN_APP}


def test_a_reminder_is_another_delivery_than_that_of_the_event() -> None:
    proposed = happened(x.RESOLVED.event)
    reminded = reminders(proposed, EVERYBODY)
    assert {n.relation for n in reminded} == {*RELATIONS} - {"cc", "admin"}
    assert not {n.id for n in reminded} & {n.id for n in notices(proposed, EVERYBODY)}


def test_the_id_of_a_delivery_follows_from_event_recipient_and_channel() -> None:
    asked = happened(x.ASKED.event)
    first, again = notices(asked, EVERYBODY), notices(asked, EVERYBODY)
    assert [n.id for n in first] == [n.id for n in again]
    assert len({n.id for n in first}) == len(first)
