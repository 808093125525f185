"""How many cases are there of each application, status, severity … among those that are wanted?"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, LiteralString, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed, Literal

from projections.listing import Seen, where

MOST_OF_EACH: Final = 50


class Facet(NamedTuple):
    """What is counted by, how it is called, and the conditions that choose among it.

    Those do not narrow its own counts: they say what else could be chosen.
    """

    key: LiteralString
    name: LiteralString
    own: Collection[str]
    beside: LiteralString = ""


FACETS: Final[Mapping[str, Facet]] = MappingProxyType({
    "status": Facet("c.status", "c.status", ("status", "open", "closed")),
    "application": Facet("c.application", "c.application_name", ("application",)),
    "type": Facet("c.type ->> 'key'", "c.type ->> 'name'", ("type",)),
    "severity": Facet("c.severity", "c.severity_name", ("severity",)),
    "account": Facet("c.account::text", "c.account_name", ("account",)),
    "assignee": Facet(
        "c.assignee::text", "c.assignee_name", ("assignee", "nobody", "assignee_or_nobody")
    ),
    "team": Facet("c.team ->> 'key'", "c.team ->> 'name'", ("team",)),
    "tag": Facet("t.tag", "t.tag", ("tag",), ", unnest(c.tags) AS t(tag)"),
})  # fmt: skip
FOR_CUSTOMERS: Final = ("status", "application", "type", "severity")

ONE: Final = SQL("""
(SELECT {facet} AS facet, {key} AS key, max({name}) AS name, count(*) AS count
   FROM read.cases c{beside} WHERE {where}
  GROUP BY 2 ORDER BY count DESC, key LIMIT %(most)s)
""")


@dataclass(frozen=True, slots=True)
class Counted:
    """So many cases have this; `key` None: so many have none."""

    key: str | None
    name: str | None
    count: int


async def counted(
    conn: AsyncConnection[TupleRow],
    facets: Collection[str],
    conditions: Mapping[str, Any],
    seen: Seen,
) -> dict[str, list[Counted]]:
    """The most frequent of each facet, the most frequent first."""
    condition, values = seen
    statement = SQL(" UNION ALL ").join(_one(name, condition, conditions) for name in facets)
    asked = {**values, **conditions, "most": MOST_OF_EACH}
    found: dict[str, list[Counted]] = {name: [] for name in facets}
    for facet, key, name, count in await (await conn.execute(statement, asked)).fetchall():
        found[facet].append(Counted(key, name, count))
    return found


def _one(name: str, condition: LiteralString, conditions: Mapping[str, Any]) -> Composed:
    facet = FACETS[name]
    others = tuple(one for one in conditions if one not in facet.own)
    return ONE.format(
        facet=Literal(name),
        key=SQL(facet.key),
        name=SQL(facet.name),
        beside=SQL(facet.beside),
        where=where(condition, others),
    )
