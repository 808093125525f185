"""A case as it was: what existed then, as far as the viewer may see it now."""

from uuid import uuid4

from tests import examples as x
from tests.api.http import Http


def test_a_case_is_shown_as_of_a_version_and_an_instant(asked: Http) -> None:
    case = asked.raised()["id"]
    asked.done(x.ANNA, case, "take")
    asked.done(x.ANNA, case, "note", text="A loop.")
    asked.done(x.CLARA, case, "escalate", comment="We lose orders.")
    versions = {
        version: asked.get(x.ANNA, f"/cases/{case}?version={version}").json()["status"]
        for version in (1, 2, 3, 4, 99)
    }
    assert versions == {
        1: "Unassigned",
        2: "In Progress",
        3: "In Progress",
        4: "Escalated",
        99: "Escalated",
    }
    taken = asked.events(x.ANNA, case)[1]["at"]
    then = asked.get(x.ANNA, f"/cases/{case}?at={taken}")
    assert (then.json()["status"], then.headers["etag"]) == ("In Progress", '"2"')


def test_a_customer_counts_the_versions_that_a_customer_sees(asked: Http) -> None:
    case = asked.raised()["id"]
    asked.done(x.ANNA, case, "note", text="A loop.")
    asked.done(x.CLARA, case, "escalate", comment="We lose orders.")
    then = asked.get(x.CLARA, f"/cases/{case}?version=1")
    assert (then.json()["status"], then.json()["version"]) == ("Unassigned", 1)
    now = asked.get(x.CLARA, f"/cases/{case}?version=2")
    assert (now.json()["status"], now.json()["version"]) == ("Escalated", 2)


def test_what_did_not_exist_then_or_is_not_theirs_is_not_there(asked: Http) -> None:
    case = asked.raised()["id"]
    for path in (f"/cases/{case}?at=2020-01-01T00:00:00Z", f"/cases/{uuid4()}?version=1"):
        assert asked.get(x.CLARA, path).status_code == 404
    assert asked.get(x.GINA, f"/cases/{case}?version=1").status_code == 404
    assert asked.get(x.CLARA, f"/cases/{case}?version=0").status_code == 422


def test_what_was_redacted_since_is_not_shown_as_it_was(asked: Http) -> None:
    case = asked.raised()["id"]
    asked.done(x.SUE, case, "redact", version=1, reason="A name.")
    then = asked.get(x.CLARA, f"/cases/{case}?version=1").json()
    assert (then["subject"], then["description"]) == ("[redacted]", "[redacted]")
