"""A case carries the names that its account and its people have now."""

import psycopg

from domain import commands as c
from domain.runtime.database import connect
from domain.runtime.store import Store
from projections import follower
from projections.follower import READ_MODELS, catch_up
from projections.page import Folded
from tests import examples as x
from tests.desks import Desk
from tests.domain.runtime.test_store import REQUEST, asked, on, raised
from tests.projections.following import codec_of, projected, rows


async def raised_and_taken(store: Store) -> None:
    await asked(store, await raised(store), c.Take())


async def erased(store: Store) -> None:
    for person in (x.CLARA, x.ANNA):
        erase = c.Erase(reason="They asked.")
        await store.handle(x.id_of(person), erase, by=x.OPERATOR, cause=REQUEST)


def names(desk: Desk) -> tuple[str, str]:
    with psycopg.connect(desk.settings.database_url) as conn:
        found = conn.execute("SELECT contact_name, assignee_name FROM read.cases").fetchone()
    assert found is not None
    return found[0], found[1]


def test_the_name_of_who_was_erased_leaves_the_cases_also_where_it_was_remembered(
    desk: Desk,
) -> None:
    folded = Folded(codec_of(desk.settings))
    with connect(desk.settings.database_url, "casebook test", autocommit=True) as conn:
        follower.register(conn, READ_MODELS)
        for work, expected in (
            (raised_and_taken, ("Clara", "Anna")),
            (erased, ("[erased]", "[erased]")),
        ):
            on(desk, work)
            while catch_up(conn, codec_of(desk.settings), folded, READ_MODELS):
                pass
            assert names(desk) == expected


def test_names_are_the_same_however_the_log_was_read(desk: Desk) -> None:
    on(desk, raised_and_taken)
    projected(desk.settings)
    on(desk, erased)
    projected(desk.settings)
    along = rows(desk.settings)
    with psycopg.connect(desk.settings.database_url) as conn:
        conn.execute("DELETE FROM read.cases")
        conn.execute("UPDATE read.models SET position = 0")
    projected(desk.settings, most=1)
    assert rows(desk.settings) == along
