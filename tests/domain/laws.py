"""What is true of every case whatever is asked: after each step, and of all cases together."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from domain import events as e
from domain.case import Case, Life
from domain.errors import NotPermitted, Refusal
from domain.fold import fold
from domain.recorded import Recorded
from domain.values import LinkKind, Role, Status

ON_A_MERGED_CASE: Final = (
    e.Unmerged, e.Watched, e.Unwatched, e.Posted, e.AttachmentAdded, e.Redacted, e.Erased,
)  # fmt: skip
ON_A_CLOSED_CASE: Final = (
    e.Reopened, e.Rated, e.Watched, e.Unwatched, e.Posted, e.AttachmentAdded, e.Linked, e.Unlinked,
    e.MadeInternal, e.Redacted, e.Erased, e.FollowedUp,
)  # fmt: skip
NEVER_A_CUSTOMERS: Final = (
    e.Assigned, e.Unassigned, e.Awaiting, e.SeverityChanged, e.TagsChanged, e.Deescalated,
    e.Resolved, e.CloseRequestDeclined, e.Merged, e.Unmerged, e.Linked, e.Unlinked,
    e.MadeInternal, e.Redacted, e.Erased,
)  # fmt: skip
STATES_WHAT_IS_NOW: Final = (
    e.Assigned, e.Awaiting, e.SeverityChanged, e.DetailsChanged, e.TagsChanged, e.Watched,
    e.RecipientsChanged, e.Unwatched, e.Linked, e.Unlinked, e.MadeInternal, e.AttachmentRemoved,
    e.EntryEdited,
)  # fmt: skip
ENTRIES: Final = (e.Posted, e.Commented, e.AttachmentAdded, e.ResolutionRejected)
CUSTOMERS_WORDS: Final = (*ENTRIES, e.Escalated, e.CloseRequested)


def refused_as_permitted_says(told: NotPermitted | None, refusal: Refusal) -> None:
    """By role or state exactly when `permitted` says so."""
    assert type(told) is type(refusal) if told else not isinstance(refusal, NotPermitted)
    assert str(refusal).endswith(".")


def of_a_step(before: Case | None, recorded: Recorded, after: Case, *, here: bool) -> None:
    """`here`: the command was one of this case, and not of another that it is tied to."""
    _who(before, recorded, here=here)
    _state(after)
    _visibility(before, recorded, after)
    if before is not None:
        _ended(before, recorded, after, here=here)
        _changed(before, recorded, after)


def _who(before: Case | None, recorded: Recorded, *, here: bool) -> None:
    by, event = recorded.by, recorded.event
    if before is not None and here and by.is_customer:
        assert by.account == before.account
        known = by.person in {before.details.contact, before.submitter}
        assert known or by.role in {Role.CUSTOMER_ADMIN, Role.SERVICE}
    assert by.role is not Role.AUDITOR
    if by.is_customer:
        assert not event.is_internal, "no event of a customer is internal"
        assert not isinstance(event, NEVER_A_CUSTOMERS)
    if by.role is Role.SYSTEM:
        assert isinstance(event, e.Closed | e.Resumed)


def _state(case: Case) -> None:
    life = case.life
    if life.closed:
        assert life == Life(closed=life.closed), "flags are false when closed"
    if case.merge:
        assert life == Life(), "flags are false when merged"
    assert not life.escalated or case.is_open, "escalated implies open"
    expected = Status.IN_PROGRESS if case.assignee else Status.UNASSIGNED
    if life.escalated:
        expected = Status.ESCALATED
    assert case.status == (expected if case.is_open else Status.CLOSED)
    assert (case.assignee is None) == (case.assigned_at is None)
    assert case.is_open or not case.life.awaiting
    assert not case.rating or case.life.closed, "a rating belongs to a closing"


def _visibility(before: Case | None, recorded: Recorded, after: Case) -> None:
    """Nothing internal is ever public."""
    for id_, entry in after.entries.items():
        if entry.post is not None and after.entries[entry.post].internal:
            assert entry.internal, f"comment {id_} follows its post"
    for id_, file in after.attachments.items():
        if file.entry is not None and after.entries[file.entry].internal:
            assert file.internal, f"file {id_} follows its entry"
    public = (recorded.event, before) if not recorded.event.is_internal else None
    shown = after.public_version - (before.public_version if before else 0)
    assert shown == (1 if public else 0)
    if before is None:
        return
    assert (after.public_modified_at == recorded.at) or not public
    assert public or after.public_modified_at == before.public_modified_at
    for id_, entry in before.entries.items():
        assert after.entries[id_].internal >= entry.internal, "an entry stays internal"
    for id_, file in before.attachments.items():
        assert after.attachments[id_].internal >= file.internal, "a file stays internal"
    if public:
        _names_nothing_internal(recorded.event, after)


def _names_nothing_internal(event: e.Event, case: Case) -> None:
    entries = [case.entries.get(getattr(event, field, case.id)) for field in ("entry", "post")]
    file = case.attachments.get(getattr(event, "attachment", case.id))
    assert not any(named and named.internal for named in (*entries, file))
    if isinstance(event, e.Redacted):
        assert not case.internal_versions & set(event.versions)


def _ended(before: Case, recorded: Recorded, after: Case, *, here: bool) -> None:
    """Closed and merged cases change only as they may, and a window never moves."""
    event = recorded.event
    if recorded.command and recorded.command.name == "Forget":
        assert after.life == before.life
        return  # it writes anew, without a person, what stood there
    if before.merge and here:
        assert isinstance(event, ON_A_MERGED_CASE)
    if not before.is_open and isinstance(event, e.Posted | e.AttachmentAdded):
        assert event.is_internal
    if before.merge and not here:
        assert isinstance(event, e.Linked | e.Unlinked)
        assert after.life == before.life
    if before.life.closed:
        assert isinstance(event, ON_A_CLOSED_CASE)
        if not isinstance(event, e.Reopened):
            assert after.life.closed == before.life.closed, "`until` never changes"
    if isinstance(event, e.Closed):
        assert after.life.closed is not None
        assert after.life.closed.window == event.window
        assert recorded.at < event.window.until
    if isinstance(event, e.Reopened):
        assert before.life.closed is not None
        assert recorded.at < before.life.closed.window.until

    if isinstance(event, e.Escalated):
        assert (after.life.requested, after.life.proposed) == (None, None)
    if isinstance(event, e.Merged):
        assert after.merge is not None
        assert after.merge.before == before.life
    if isinstance(event, e.Unmerged):
        assert before.merge is not None
        assert after.life == before.merge.before


def _changed(before: Case, recorded: Recorded, after: Case) -> None:
    """Nothing changed is no event."""
    forgotten = recorded.command is not None and recorded.command.name == "Forget"
    if isinstance(recorded.event, STATES_WHAT_IS_NOW) and not forgotten:
        assert _substance(before) != _substance(after)


def _substance(case: Case) -> tuple[object, ...]:
    handled = (case.severity, case.details, case.tags, case.recipients, case.pending)
    tied = (case.watchers, case.links, case.attachments, case.assignee, case.team)
    return (*handled, *tied, case.life, [(x.text, x.internal) for x in case.entries.values()])


def of_an_answer(history: Sequence[Recorded], case: Case, count: int) -> None:
    """What a command did to its own case, all its events together."""
    own = [one for one in history if one.command == history[-1].command]
    assert len(own) <= count or not count
    for recorded in own if count else ():
        if recorded.by.is_customer and isinstance(recorded.event, CUSTOMERS_WORDS):
            assert case.life.awaiting is None, "a customer-side entry ends awaiting"
        if recorded.by.is_customer and isinstance(recorded.event, ENTRIES):
            assert case.life.proposed is None, "and withdraws the proposal"
            assert case.life.requested is None or case.life.requested.closes_at is None
        if recorded.by.role is Role.SYSTEM and isinstance(recorded.event, e.Closed):
            _due(history, recorded)


def _due(history: Sequence[Recorded], closed: Recorded) -> None:
    """The timer closed what somebody had proposed or asked for and no customer wrote about."""
    before = [one for one in history if one.version < closed.version]
    case = fold(None, before)
    assert case is not None
    assert not case.life.escalated
    assert not case.is_critical
    words = [x.version for x in before if x.by.is_customer and isinstance(x.event, ENTRIES)]
    assert any(
        one.event.closes_at is not None
        and one.event.closes_at <= closed.at
        and one.version > max(words, default=0)
        for one in before
        if isinstance(one.event, e.CloseRequested | e.Resolved)
    )


def of_all_cases(cases: Mapping[UUID, Case]) -> None:
    """A merged case has one target of its account, and no way leads back; numbers are unique."""
    assert len({case.number for case in cases.values()}) == len(cases)
    for case in cases.values():
        seen, at = {case.id}, case
        while at.merge is not None:
            target = cases[at.merge.into]
            assert target.account == case.account
            assert target.id not in seen, "no cycle"
            seen.add(target.id)
            at = target
        _tied(case, cases)
    ids = [(c.account, *pair) for c in cases.values() for pair in c.details.external_ids.items()]
    assert len(set(ids)) == len(ids), "an external id stands for one case of an account"


def _tied(case: Case, cases: Mapping[UUID, Case]) -> None:
    """Every tie is known to both cases."""
    for kind, other in case.links:
        there = cases[other]
        if kind is LinkKind.MERGED_FROM:
            assert there.merge is not None
            assert there.merge.into == case.id
        else:
            assert (kind.inverse, case.id) in there.links
    if case.merge:
        assert (LinkKind.MERGED_FROM, case.id) in cases[case.merge.into].links
