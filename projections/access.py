"""Who may see a case? The rule of `domain.permitted.sees`, as rows and as a WHERE clause."""

from collections.abc import Mapping
from typing import Any, Final, LiteralString

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.values import CUSTOMER_ROLES, Actor
from projections.page import Page

NAME: Final = "access"

FORGET: Final = "DELETE FROM access WHERE case_id = ANY(%(cases)s)"
ADD: Final = """
INSERT INTO access (account, person, case_id)
SELECT account, person, case_id FROM jsonb_populate_recordset(NULL::access, %(rows)s)
"""

ALL_CASES: Final = "true"
NO_CASE: Final = "false"
OF_ACCOUNT: Final = "c.account = %(viewer_account)s"
OF_PERSON: Final = """
c.id IN (SELECT a.case_id FROM read.access a
          WHERE a.account = %(viewer_account)s AND a.person = %(viewer)s)
"""


def apply(conn: Connection[TupleRow], page: Page) -> None:
    """Writes who may see the cases of the page."""
    if not page.cases:
        return
    rows = [
        {"account": str(case.account), "person": str(person), "case_id": str(case.id)}
        for case in page.cases.values()
        for person in sorted({case.details.contact, case.submitter})
    ]
    if not page.is_whole:
        conn.execute(FORGET, {"cases": list(page.cases)})
    conn.execute(ADD, {"rows": Jsonb(rows)})


def visible_to(viewer: Actor) -> tuple[LiteralString, Mapping[str, Any]]:
    """A condition on `read.cases c` and its values: true for the cases that the viewer sees."""
    if not viewer.is_customer:
        return NO_CASE if viewer.role in CUSTOMER_ROLES else ALL_CASES, {}
    values = {"viewer_account": viewer.account, "viewer": viewer.person}
    return (OF_ACCOUNT, values) if viewer.sees_account else (OF_PERSON, values)
