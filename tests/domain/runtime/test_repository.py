"""The eventsourcing library replays our cases, as they are and as they were."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.utils import Environment

from domain import commands as c
from domain.case import Case
from domain.fold import fold
from domain.runtime.codec import Codec
from domain.runtime.keys import Keyring
from domain.runtime.library import WrittenElsewhere, repository
from domain.runtime.recorder import LogFactory
from domain.runtime.store import Store
from tests import examples as x
from tests.desks import Desk
from tests.domain.runtime.library import environment
from tests.domain.runtime.test_codec import recorded
from tests.domain.runtime.test_store import asked, on, raised


@pytest.fixture
def cases(desk: Desk) -> Iterator[Repository[UUID]]:
    factory = LogFactory(Environment("Casebook", environment(desk.settings.database_url)))
    codec = Codec(Keyring(desk.settings.master_key_bytes))
    yield repository(factory.application_recorder(), codec)
    factory.close()


def test_the_librarys_repository_replays_a_case_at_any_version(
    desk: Desk, cases: Repository[UUID]
) -> None:
    then: list[Case] = []

    async def work(store: Store) -> None:
        first = await raised(store)
        then.append(first.case)
        commands = (c.Take(), c.Post(text="Which version?"), c.Close(reason="Done."))
        then.extend([(await asked(store, first, command, x.ANNA)).case for command in commands])

    on(desk, work)
    assert cases.get(then[0].id, projector_func=fold) == then[-1]
    for case in then:
        assert cases.get(case.id, version=case.version, projector_func=fold) == case


def test_a_case_that_is_not_there_is_not_found(cases: Repository[UUID]) -> None:
    with pytest.raises(AggregateNotFoundError):
        cases.get(uuid4(), projector_func=fold)


def test_nothing_is_written_past_the_store(cases: Repository[UUID]) -> None:
    with pytest.raises(WrittenElsewhere):
        cases.event_store.put([recorded(x.POSTED.event)])
