"""The examples' desk in a database: its accounts, its people, its catalogue, a token for each."""

import os
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from api.auth import Scope, make_token
from domain import commands as c
from domain.configuration import CATALOGUE as CATALOGUE_NAME
from domain.configuration import document_stream
from domain.recorded import Cause
from domain.runtime.opening import open_store
from domain.runtime.settings import Settings
from domain.runtime.store import Store
from domain.values import Actor, Role
from tests import examples

MASTER_KEY: Final = b64encode(bytes(range(32))).decode()
CAUSE: Final = Cause("command line")


@dataclass(frozen=True)
class Desk:
    """A database with the examples' desk in it."""

    settings: Settings
    tokens: Mapping[UUID, str]

    def token(self, actor: Actor) -> str:
        """The bearer token of one of the examples' people."""
        return self.tokens[examples.id_of(actor)]


FILES: Final = Path(tempfile.gettempdir()) / f"casebook-tests-files-{os.getpid()}"


def settings_for(url: str, **more: str) -> Settings:
    """The settings of a process on this database."""
    unlimited = {"requests_per_minute": 0, "failures_per_minute": 0}
    given = {"database_url": url, "master_key": MASTER_KEY, "files": FILES.as_uri(), **more}
    return Settings.model_validate({**unlimited, **given})


async def a_desk(settings: Settings) -> Desk:
    """Sets up the desk; the log then has its documents and nothing else."""
    async with open_store(settings, "casebook test desk") as store:
        await furnish(store)
        async with store.pool.connection() as conn:
            tokens = {
                person: (
                    await make_token(
                        conn,
                        person,
                        scopes=tuple(Scope) if of.role is Role.SERVICE else (),
                        label="test",
                        made_by="test",
                        expires_at=None,
                    )
                )[1]
                for person, of in examples.PEOPLE.items()
            }
    return Desk(settings, tokens)


async def furnish(store: Store) -> None:
    """Sets the examples' documents."""
    documents: dict[UUID, c.DocumentCommand] = {
        document_stream(CATALOGUE_NAME): c.SetCatalogue(document=examples.CATALOGUE),
        **{id_: c.SetAccount(document=of) for id_, of in examples.ACCOUNTS.items()},
        **{id_: c.SetPerson(document=of) for id_, of in examples.PEOPLE.items()},
    }
    for stream, command in documents.items():
        await store.handle(stream, command, by=examples.OPERATOR, cause=CAUSE)
