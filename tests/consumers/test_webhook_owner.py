"""The owner of a webhook is told that it has stopped: by mail, once, and only while it is so."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest

from consumers.mailer import Mailer
from consumers.schedule import MOST_TRIES
from domain.runtime.database import connect
from domain.runtime.settings import Settings
from tests import examples as x
from tests.api.http import Http
from tests.consumers.hooks import Said, asked_of, hooked, later, sending, standing, until
from tests.consumers.mail import Sink, sinking


@contextmanager
def with_mail(http: Http) -> Iterator[tuple[Settings, Sink]]:
    """The deliverer of webhooks at work, where there is a mail server."""
    with sinking() as sink:
        more = {"smtp": sink.url, "mail_from": "Desk <desk@desk.example>"}
        settings = Settings.model_validate({**http.desk.settings.model_dump(), **more})
        with sending(settings):
            yield settings, sink


def mailed(settings: Settings) -> None:
    """All mail that is due is sent."""

    async def send() -> None:
        mailer = Mailer(settings)
        with connect(settings.database_url, "casebook test mailer", autocommit=True) as conn:
            while await mailer.step(conn):
                pass
        await mailer.close()

    asyncio.run(send())


def states(settings: Settings) -> list[tuple[str, str | None]]:
    with psycopg.connect(settings.database_url) as conn:
        found = conn.execute("SELECT state, why FROM desk.deliveries WHERE relation = 'owner'")
        return [(state, why) for state, why in found.fetchall()]


@pytest.mark.parametrize(("status", "tries"), [(410, 1), (503, MOST_TRIES)])
def test_its_owner_is_told_why_and_that_nothing_is_lost(
    http: Http, status: int, tries: int
) -> None:
    with (
        with_mail(http) as (settings, sink),
        hooked(http, lambda _: Said(status), x.SUE, owner=str(x.ADA.id)) as (_, subscription),
    ):
        http.raised(x.CLARA)
        http.shown()
        for number in range(1, tries):
            until(partial(_failed, http, subscription, number))
            later(http, subscription)
        until(lambda: standing(http, subscription)["state"] in {"gone", "stopped"})
        mailed(settings)
        mailed(settings)
        (mail,) = sink.to("ada@acme.com")
        assert mail.message["subject"] == "Webhook stopped: A test's"
        for words in (
            str(status),
            "Nothing is lost",
            f"/subscriptions/{subscription['id']}/enable",
        ):
            assert words in mail.text
        assert [state for state, _ in states(settings)] == ["sent"]


def _failed(http: Http, subscription: dict[str, object], times: int) -> bool:
    return bool(standing(http, subscription)["failures"] == times)


def test_who_has_enabled_it_meanwhile_is_not_told_any_more(http: Http) -> None:
    with (
        with_mail(http) as (settings, sink),
        hooked(http, lambda _: Said(410), x.SUE, owner=str(x.ADA.id)) as (receiver, subscription),
    ):
        http.raised(x.CLARA)
        http.shown()
        until(lambda: standing(http, subscription)["state"] == "gone")
        receiver.behaviour = lambda _: Said()
        asked_of(http, subscription, "enable", {})
        mailed(settings)
        assert sink.received == []
        assert states(settings) == [("withheld", "it goes on by now")]


def test_without_a_mail_server_no_mail_waits(http: Http) -> None:
    settings = http.desk.settings
    with sending(settings), hooked(http, lambda _: Said(410)) as (_, subscription):
        http.raised(x.CLARA)
        http.shown()
        until(lambda: standing(http, subscription)["state"] == "gone")
        assert states(settings) == []
