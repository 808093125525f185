"""Words are destroyed for ever and everywhere, and the history still stands."""

import hashlib

import psycopg
import pytest

from domain import commands as c
from domain import errors as no
from domain import events as e
from domain.configuration import Person
from domain.fold import case_of
from domain.recorded import Recorded
from domain.runtime.store import Store
from domain.values import Actor, Erased, Role
from tests import examples as x
from tests.desks import Desk
from tests.domain.runtime.test_store import REQUEST, asked, on, raised

SECRET = "The password is hunter2."
OPERATOR = Actor(id="operator:olga", role=Role.OPERATOR)


def states(desk: Desk) -> list[str]:
    with psycopg.connect(desk.settings.database_url) as conn:
        rows = conn.execute("SELECT state FROM log.events ORDER BY notification_id")
        return [hashlib.sha256(state).hexdigest() for (state,) in rows]


def words(history: list[Recorded]) -> str:
    return " ".join(recorded.event.model_dump_json() for recorded in history)


def test_a_redacted_entry_is_unreadable_with_all_its_revisions(desk: Desk) -> None:
    async def work(store: Store) -> None:
        case = await raised(store)
        await asked(store, case, c.Post(text=SECRET), x.CLARA)
        posted = (await store.history(case.case.id))[-1].event
        assert isinstance(posted, e.Posted)
        await asked(store, case, c.EditEntry(entry=posted.entry, text=SECRET + "!"), x.CLARA)
        await asked(store, case, c.Post(text="Thank you."), x.ANNA)
        before = states(desk)
        redact = c.Redact(entry=posted.entry, reason="A password.")
        done = await asked(store, case, redact, x.SUE)
        history = await store.history(case.case.id)
        assert SECRET not in words(history)
        assert "hunter2" not in words(history)
        texts = [r.event.text for r in history if isinstance(r.event, e.Posted | e.EntryEdited)]
        assert [isinstance(text, Erased) for text in texts] == [True, True, False]
        erased = texts[0]
        assert isinstance(erased, Erased)
        assert erased.reason == "redacted"
        assert erased.when == history[-1].recorded_at
        assert states(desk)[: len(before)] == before
        assert case_of(history) is not None
        assert done.case.version == 5

    on(desk, work)


def test_what_was_redacted_once_is_redacted(desk: Desk) -> None:
    async def work(store: Store) -> None:
        case = await raised(store)
        redact = c.Redact(version=1, reason="Names in it.")
        await asked(store, case, redact, x.SUE)
        again = await asked(store, case, redact, x.SUE)
        assert again.case.version == 2
        assert isinstance(again.case.details.subject, Erased)
        await asked(store, case, c.ChangeDetails(subject="A crash"), x.ANNA)
        now = case_of(await store.history(case.case.id))
        assert now is not None
        assert (now.details.subject, now.details.description) == ("A crash", "[redacted]")

    on(desk, work)


def test_an_erased_case_says_nothing_any_more_and_does_nothing(desk: Desk) -> None:
    async def work(store: Store) -> None:
        case, other = await raised(store), await raised(store)
        await asked(store, case, c.Post(text=SECRET), x.CLARA)
        before = states(desk)
        await asked(store, case, c.Erase(reason="At Acme's wish."), OPERATOR)
        history = await store.history(case.case.id)
        assert SECRET not in words(history)
        assert x.CREATE.subject not in words(history)
        last = history[-1].event
        assert isinstance(last, e.Erased)
        assert last.reason == "At Acme's wish."
        assert states(desk)[: len(before)] == before
        with pytest.raises(no.CaseErased):
            await asked(store, case, c.Post(text="Hello?"), x.CLARA)
        assert "It is slow" in words(await store.history(other.case.id))

    on(desk, work)


def test_only_operators_erase(desk: Desk) -> None:
    async def work(store: Store) -> None:
        case = await raised(store)
        for by in (x.CLARA, x.ANNA, x.SUE, x.AUDREY):
            with pytest.raises(no.RoleMayNot):
                await asked(store, case, c.Erase(reason="Hm."), by)
            erase = c.Erase(reason="Hm.")
            # A stream that is not theirs is for customers as one that is not there.
            with pytest.raises(no.CaseUnknown if by is x.CLARA else no.RoleMayNot):
                await store.handle(x.id_of(x.CARL), erase, by=by, cause=REQUEST)

    on(desk, work)


def test_an_erased_person_is_gone_and_their_cases_forget_how_to_reach_them(desk: Desk) -> None:
    async def work(store: Store) -> None:
        create = x.CREATE.model_copy(
            update={"phone": "+4930901820", "recipients": ("clara@acme.com", "bo@acme.com")}
        )
        case = await store.handle(None, create, by=x.CLARA, cause=REQUEST)
        clara = x.id_of(x.CLARA)
        forget = c.Forget(person=clara, email="clara@acme.com", reason="Clara left.")
        await asked(store, case, forget, OPERATOR)
        await store.handle(clara, c.Erase(reason="Clara left."), by=OPERATOR, cause=REQUEST)
        now = case_of(await store.history(case.case.id))
        assert now is not None
        assert (now.details.phone, now.recipients) == (None, ("bo@acme.com",))
        told = words(await store.history(case.case.id)) + words(await store.history(clara))
        for gone in ("+4930901820", "clara@acme.com", '"Clara"'):
            assert gone not in told
        assert await store.lookup.documents.one(clara, Person) is None

    on(desk, work)
