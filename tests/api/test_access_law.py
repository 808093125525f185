"""What a person sees follows from the documents in force: whatever they are set to, at once."""

from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.configuration import Person
from domain.fold import case_of
from domain.runtime.store import Store
from domain.sight import sees
from domain.values import CUSTOMER_ROLES, Actor, Role
from tests import examples as x
from tests.api.http import Http
from tests.domain.runtime.test_store import on

CARLS = x.id_of(x.CARL)
# A service account has no cases of its own, and its token other rights: see test_scopes.
ROLES = sorted({*CUSTOMER_ROLES, Role.AGENT, Role.SUPPORT_ADMIN, Role.AUDITOR})
DOCUMENTS = st.builds(
    lambda role, account, active: Person(
        name="Carl",
        role=role,
        account=account if role in CUSTOMER_ROLES else None,
        active=active,
    ),
    st.sampled_from(ROLES),
    st.sampled_from([x.ACME, x.GLOBEX]),
    st.sampled_from([True, True, True, False]),
)
CONTACTS = st.sampled_from([x.CARL, x.CLARA])


def test_the_cases_listed_are_those_that_the_rule_shows_under_the_documents_in_force(
    asked: Http,
) -> None:
    own = [asked.raised(by)["id"] for by in (x.CARL, x.CLARA, x.ADA)]
    other = [asked.raised(by)["id"] for by in (x.GINA, x.GUS)]

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(st.lists(DOCUMENTS, min_size=1, max_size=3), CONTACTS)
    def law(documents: list[Person], contact: Actor) -> None:
        _set(asked, x.PEOPLE[CARLS])
        asked.do(x.ANNA, own[1], "change-details", contact=str(x.id_of(contact)))
        for document in documents:
            _set(asked, document)
        asked.shown()
        answer = asked.get(x.CARL, "/cases?status=all&limit=100")
        now = documents[-1]
        if not now.active:
            assert answer.status_code == 401
            return
        viewer = Actor(id=CARLS, role=now.role, account=now.account)
        expected = {case for case in (*own, *other) if _sees(asked, case, viewer)}
        assert {row["id"] for row in answer.json()["cases"]} == expected
        for case in (*own, *other):
            head = asked.get(x.CARL, f"/cases/{case}")
            assert (head.status_code == 200) is (case in expected)

    law()


def _set(http: Http, document: Person) -> None:
    path = f"/people/{CARLS}"
    assert http.ask(x.SUE, "PUT", path, document.model_dump(mode="json")).is_success


def _sees(http: Http, case: str, viewer: Actor) -> bool:
    found: list[bool] = []

    async def work(store: Store) -> None:
        now = case_of(await store.history(UUID(case)))
        assert now is not None
        found.append(sees(now, viewer.person, viewer))

    on(http.desk, work)
    return found[0]
