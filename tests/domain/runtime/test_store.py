"""A command on its way through the store: carried out once, answered alike ever after."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.configuration import CATALOGUE, document_stream
from domain.fold import case_of, fold
from domain.recorded import Cause
from domain.runtime.history import STREAM_SEEN, read, sight
from domain.runtime.opening import open_store
from domain.runtime.store import Outcome, Store
from domain.sight import sees
from domain.values import Actor, Awaited, Severity, Status
from tests import examples as x
from tests.desks import Desk

REQUEST = Cause("request", "r-1")


def on(desk: Desk, work: Callable[[Store], Awaitable[None]]) -> None:
    """Runs a piece of work on the desk's log, for at most a minute."""

    async def run() -> None:
        async with asyncio.timeout(60), open_store(desk.settings, "casebook test") as store:
            await work(store)

    asyncio.run(run())


async def raised(store: Store, by: Actor = x.CLARA, key: str | None = None) -> Outcome:
    return await store.handle(None, x.CREATE, by=by, cause=REQUEST, key=key)


async def asked(
    store: Store,
    case: Outcome,
    command: c.Command,
    by: Actor = x.ANNA,
    *,
    key: str | None = None,
    expecting: int | None = None,
) -> Outcome:
    return await store.handle(
        case.case.id, command, by=by, cause=REQUEST, key=key, expecting=expecting
    )


def test_a_case_has_the_next_number_and_can_be_found_by_it(desk: Desk) -> None:
    async def work(store: Store) -> None:
        one, two = await raised(store), await raised(store)
        assert int(two.case.number) == int(one.case.number) + 1
        assert store.lookup.case_id(one.case.number) == one.case.id
        assert store.lookup.case_id(str(int(one.case.number))) == one.case.id
        assert case_of(await store.history(one.case.id)) == one.case

    on(desk, work)


def test_an_event_says_what_it_was_judged_by_and_what_it_came_from(desk: Desk) -> None:
    async def work(store: Store) -> None:
        (recorded,) = (await raised(store)).history
        (stored,) = await store.history(recorded.stream)
        assert stored.documents == {f"account:{x.ACME}": 1, "catalogue": 1, "calendar:standard": 0}
        assert stored.cause == REQUEST
        assert stored.command is not None
        assert (stored.command.name, stored.command.of) == ("Create", 1)
        assert stored.recorded_at is not None
        assert stored.by == x.CLARA

    on(desk, work)


@pytest.mark.parametrize("again", ["at once", "later", "in another process"])
def test_the_same_key_again_is_answered_as_then(desk: Desk, again: str) -> None:
    async def work(store: Store) -> None:
        first = await raised(store, key="k")
        escalate = c.Escalate(comment="We lose orders.")
        then = await asked(store, first, escalate, x.CLARA, key="e")
        if again == "later":
            await asked(store, first, c.Post(text="More."))
            await asked(store, first, c.Close(reason="Done."))
        if again == "in another process":
            async with open_store(desk.settings, "casebook other") as other:
                replayed = (
                    await raised(other, key="k"),
                    await asked(other, first, escalate, x.CLARA, key="e"),
                )
        else:
            replayed = (
                await raised(store, key="k"),
                await asked(store, first, escalate, x.CLARA, key="e"),
            )
        for before, after in zip((first, then), replayed, strict=True):
            assert after.replayed
            assert not before.replayed
            assert after.case == before.case
            assert after.position == before.position
        assert then.case.status is Status.ESCALATED

    on(desk, work)


def test_a_key_belongs_to_one_command_of_one_actor(desk: Desk) -> None:
    async def work(store: Store) -> None:
        first = await raised(store, key="k")
        changed = x.CREATE.model_copy(update={"subject": "Something else"})
        with pytest.raises(no.CommandIdTaken):
            await store.handle(None, changed, by=x.CLARA, cause=REQUEST, key="k")
        with pytest.raises(no.CommandIdTaken):
            await asked(store, first, c.Post(text="Hello."), x.CLARA, key="k")
        other = await raised(store, x.ADA, key="k")
        assert other.case.id != first.case.id

    on(desk, work)


def test_what_changed_nothing_is_remembered_too(desk: Desk) -> None:
    async def work(store: Store) -> None:
        first = await raised(store)
        same = c.ChangeSeverity(severity=Severity.STANDARD)
        nothing = await asked(store, first, same, key="n")
        assert nothing.case == first.case
        assert not nothing.replayed
        await asked(store, first, c.ChangeSeverity(severity=Severity.CRITICAL))
        again = await asked(store, first, same, key="n")
        assert again.replayed
        assert again.case == first.case
        assert again.position == nothing.position
        with pytest.raises(no.CommandIdTaken):
            await asked(store, first, c.ChangeSeverity(severity=Severity.LOW), key="n")
        history = await store.history(first.case.id)
        assert [type(r.event) for r in history] == [e.Created, e.SeverityChanged]

    on(desk, work)


def test_a_refused_command_changes_nothing_and_may_be_tried_again(desk: Desk) -> None:
    async def work(store: Store) -> None:
        first = await raised(store)
        with pytest.raises(no.CaseOpen):
            await asked(store, first, c.Reopen(comment="Again."), x.CLARA, key="r")
        assert len(await store.history(first.case.id)) == 1
        await asked(store, first, c.Close(reason="Done."))
        reopened = await asked(store, first, c.Reopen(comment="Again."), x.CLARA, key="r")
        assert reopened.case.is_open
        assert not reopened.replayed

    on(desk, work)


def test_a_repeated_command_that_would_be_refused_now_is_answered_as_then(desk: Desk) -> None:
    async def work(store: Store) -> None:
        first = await raised(store, key="k")
        taken = await asked(store, first, c.Take(), key="t")
        empty = c.SetCatalogue(document=x.CATALOGUE.model_copy(update={"applications": ()}))
        stream = document_stream(CATALOGUE)
        await store.handle(stream, empty, by=x.OPERATOR, cause=REQUEST)
        with pytest.raises(no.NotInCatalogue):
            await raised(store)
        assert (await raised(store, key="k")).case == first.case
        assert (await asked(store, first, c.Take(), key="t")).case == taken.case

    on(desk, work)


def test_whoever_saw_another_version_is_told(desk: Desk) -> None:
    async def work(store: Store) -> None:
        first = await raised(store)
        await asked(store, first, c.Note(text="Hm."))
        await asked(store, first, c.Post(text="Which version?"), x.CLARA, expecting=1)
        with pytest.raises(no.VersionDiffers) as refused:
            await asked(store, first, c.Take(), expecting=2)
        assert refused.value.details == {"expected": 2, "current": 3}
        with pytest.raises(no.VersionDiffers) as refused:
            await asked(store, first, c.Post(text="?"), x.CLARA, expecting=3)
        assert refused.value.details == {"expected": 3, "current": 2}
        with pytest.raises(no.CaseUnknown):
            await asked(store, first, c.Post(text="?"), x.GINA, expecting=7)

    on(desk, work)


def test_commands_on_one_case_at_once_all_happen_one_after_another(desk: Desk) -> None:
    async def work(store: Store) -> None:
        first = await raised(store)
        posts = (asked(store, first, c.Post(text=f"{n}"), x.CLARA) for n in range(40))
        outcomes = await asyncio.gather(*posts)
        assert sorted(outcome.case.version for outcome in outcomes) == list(range(2, 42))

    on(desk, work)


def test_two_processes_on_one_case_decide_again_until_both_happened(desk: Desk) -> None:
    async def work(store: Store) -> None:
        first = await raised(store)
        async with open_store(desk.settings, "casebook other") as other:
            for n in range(10):
                await asyncio.gather(
                    asked(store, first, c.Post(text=f"one {n}"), x.CLARA),
                    asked(other, first, c.Post(text=f"two {n}"), x.CLARA),
                )
        assert len(await store.history(first.case.id)) == 21

    on(desk, work)


def test_one_of_two_agents_who_take_a_case_at_once_is_refused(desk: Desk) -> None:
    async def work(store: Store) -> None:
        first = await raised(store)
        async with open_store(desk.settings, "casebook other") as other:
            both = await asyncio.gather(
                asked(store, first, c.Take(), x.ANNA),
                asked(other, first, c.Take(), x.ALAN),
                return_exceptions=True,
            )
        assert [type(one) for one in both].count(no.AssignedAlready) == 1

    on(desk, work)


def test_two_cases_merged_into_each_other_at_once_make_no_circle(desk: Desk) -> None:
    async def work(store: Store) -> None:
        async with open_store(desk.settings, "casebook other") as other:
            for _ in range(5):
                one, two = await raised(store), await raised(store)
                await asyncio.gather(
                    asked(store, one, c.Merge(into=two.case.number)),
                    asked(other, two, c.Merge(into=one.case.number)),
                    return_exceptions=True,
                )
                cases = [case_of(await store.history(k.case.id)) for k in (one, two)]
                assert sorted(case.is_open for case in cases if case) == [False, True]

    on(desk, work)


def test_an_external_id_stands_for_one_case(desk: Desk) -> None:
    async def work(store: Store) -> None:
        mine = x.CREATE.model_copy(update={"external_ids": {"jira": "OPS-1"}})
        both = await asyncio.gather(
            store.handle(None, mine, by=x.CLARA, cause=REQUEST),
            store.handle(None, mine, by=x.ADA, cause=REQUEST),
            return_exceptions=True,
        )
        (first,) = [one for one in both if isinstance(one, Outcome)]
        assert [type(one) for one in both if one is not first] == [no.ExternalIdTaken]
        await asked(store, first, c.ChangeDetails(external_ids={}))
        again = await store.handle(None, mine, by=x.ADA, cause=REQUEST)
        assert again.case.details.external_ids == {"jira": "OPS-1"}

    on(desk, work)


def test_a_follow_up_is_one_command_in_two_cases(desk: Desk) -> None:
    async def work(store: Store) -> None:
        first = await raised(store)
        await asked(store, first, c.Close(reason="Done."))
        with pytest.raises(no.ReopenWindowOpen):
            await asked(store, first, c.FollowUp(description="Again."), x.CLARA)

    on(desk, work)


def test_within_a_stream_time_never_runs_backwards(desk: Desk) -> None:
    """A clock that was set back, or another machine's, gives the time of the event before."""

    async def work(store: Store) -> None:
        first = await raised(store)
        ahead = datetime.now(UTC) + timedelta(hours=1)
        posted = replace(first.history[0], event=x.POSTED.event, version=2, at=ahead, command=None)
        await store.queue.append([store.codec.encode(posted)], x.COMMAND)
        later = await asked(store, first, c.Post(text="Now."), x.CLARA)
        assert later.history[-1].at == ahead

    on(desk, work)


def test_every_prefix_of_a_history_is_the_case_as_it_was(desk: Desk) -> None:
    async def work(store: Store) -> None:
        outcomes = [await raised(store)]
        for command, by in (
            (c.Take(), x.ANNA),
            (c.Post(text="Which version?"), x.ANNA),
            (c.Await(awaited=Awaited.CUSTOMER), x.ANNA),
            (c.Post(text="2.0"), x.CLARA),
            (c.Escalate(comment="Orders are lost."), x.CLARA),
            (c.Close(reason="Done."), x.ANNA),
        ):
            outcomes.append(await asked(store, outcomes[0], command, by))
        history = await store.history(outcomes[0].case.id)
        for outcome in outcomes:
            assert fold(None, history[: outcome.case.version]) == outcome.case

    on(desk, work)


def test_the_log_has_the_words_only_encrypted(desk: Desk) -> None:
    async def work(store: Store) -> None:
        await raised(store)

    on(desk, work)
    with psycopg.connect(desk.settings.database_url) as conn:
        states = [bytes(state) for (state,) in conn.execute("SELECT state FROM log.events")]
    for word in (x.CREATE.subject, x.CREATE.description, "Clara", "clara@acme.com"):
        assert not any(word.encode() in state for state in states)


def test_two_accounts_may_give_the_same_external_id(desk: Desk) -> None:
    async def work(store: Store) -> None:
        mine = x.CREATE.model_copy(update={"external_ids": {"jira": "OPS-1"}})
        for by in (x.CLARA, x.GINA):
            await store.handle(None, mine, by=by, cause=REQUEST)

    on(desk, work)


def test_whom_a_customer_names_outside_of_the_account_is_nobody(desk: Desk) -> None:
    async def work(store: Store) -> None:
        case = await raised(store, by=x.ADA)
        for person in (x.GINA, x.ANNA):
            with pytest.raises(no.PersonUnknown):
                await asked(store, case, c.Watch(person=x.id_of(person)), x.ADA)
            create = x.CREATE.model_copy(update={"contact": x.id_of(person)})
            with pytest.raises(no.PersonUnknown):
                await store.handle(None, create, by=x.ADA, cause=REQUEST)
            forced = create.model_copy(update={"account": x.ACME})
            with pytest.raises(no.NotOfTheAccount):
                await store.handle(None, forced, by=x.ANNA, cause=REQUEST)

    on(desk, work)


@pytest.mark.parametrize("contacts", [[], [x.CARL], [x.CARL, x.ADA], [x.CARL, x.CLARA]])
def test_a_history_is_read_just_for_those_who_see_the_case(
    desk: Desk, contacts: list[Actor]
) -> None:
    async def work(store: Store) -> None:
        case = await raised(store)
        for contact in contacts:
            change = c.ChangeDetails(contact=x.id_of(contact), customer_reference="PO 1")
            case = await asked(store, case, change)
            await asked(store, case, c.ChangeDetails(customer_reference="PO 2"))
        history = await store.history(case.case.id)
        now = case_of(history)
        assert now is not None
        async with store.pool.connection() as conn:
            for by in x.EVERYBODY:
                rows = await read(conn, STREAM_SEEN, stream=now.id, **sight(by))
                there = not by.is_customer or sees(now, by.person, by)
                assert len(rows) == len(history) * there, by

    on(desk, work)


def test_an_own_command_is_answered_as_then_also_where_one_no_longer_sees_the_case(
    desk: Desk,
) -> None:
    async def work(store: Store) -> None:
        create = x.CREATE.model_copy(update={"contact": x.id_of(x.CLARA)})
        case = await store.handle(None, create, by=x.ADA, cause=REQUEST)
        commands = {"some": c.Post(text="Hello."), "none": c.Unwatch()}
        first = {k: await asked(store, case, asks, x.CLARA, key=k) for k, asks in commands.items()}
        await asked(store, case, c.ChangeDetails(contact=x.id_of(x.CARL)))
        for key, command in commands.items():
            again = await asked(store, case, command, x.CLARA, key=key)
            assert (again.replayed, again.position) == (True, first[key].position)
        with pytest.raises(no.CaseUnknown):
            await asked(store, case, c.Post(text="Hello."), x.CLARA, key="new")

    on(desk, work)
