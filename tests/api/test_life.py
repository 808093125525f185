"""The whole life of a case over HTTP, and that every command and every document has a route."""

from dataclasses import dataclass, field, replace
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest

from domain import commands as c
from domain import events as e
from domain.configuration import Catalogue, ServiceLevels
from domain.runtime.codec import NAMES
from domain.runtime.store import Store
from domain.values import Actor, Ground, Window
from tests import examples as x
from tests.api.http import Http
from tests.domain.runtime.test_store import on

AT_THE_COMMAND_LINE = {c.Erase, c.Forget}
ON_A_CASE = [k for k in get_args(c.CaseCommand) if k not in AT_THE_COMMAND_LINE | {c.Create}]


@dataclass
class Story:
    """One case, and what is true after each command: told as the answer and shown as the head."""

    http: Http
    case: dict[str, Any]
    by: Actor
    version: int
    """The whole one, as the desk is told it."""
    used: set[str] = field(default_factory=set)

    def goes_on(
        self,
        by: Actor,
        command: str,
        *,
        status: str,
        badges: tuple[str, ...] = (),
        events: int = 1,
        **fields: Any,  # noqa: ANN401  any field of a command
    ) -> None:
        """A command that is carried out; `events` is how many happen in this case."""
        before = self.case
        if by.is_customer == self.by.is_customer:
            assert before["allowed"][command] is None
        answer = self.http.do(by, before["id"], command, **fields)
        assert answer.status_code == 200, answer.text
        self.case = told = answer.json()
        self.version += events
        assert answer.headers["position"] == str(told["position"])
        assert told["position"] >= before["position"] + events
        assert (told["id"], told["number"]) == (before["id"], before["number"])
        assert (told["status"], tuple(told["badges"])) == (status, badges)
        assert by.is_customer or told["version"] == self.version
        self._agrees_with_the_head(by, answer.headers["etag"], told)
        self.used.add(command)
        self.by = by

    def _agrees_with_the_head(self, by: Actor, etag: str, told: dict[str, Any]) -> None:
        assert etag == f'"{told["version"]}"'
        head = self.http.seen(by, told["number"])
        for same in ("id", "number", "status", "badges", "version"):
            assert head[same] == told[same]

    def entry(self) -> str:
        """The entry that was written last."""
        return next(
            str(one["data"]["entry"])
            for one in reversed(self.http.events(x.SUE, self.case["id"]))
            if one["type"] in {"case.posted", "case.commented"}
        )


def begun(http: Http) -> Story:
    told = http.raised(x.CLARA, recipients="bo@acme.com, law@law.com")
    assert (told["status"], told["badges"], told["version"]) == ("Unassigned", [], 2)
    return Story(http, told, x.CLARA, version=2)


def handled(story: Story) -> None:
    """It is taken, talked about and waited for."""
    clara, anna, busy = x.CLARA, x.ANNA, "In Progress"
    story.goes_on(anna, "take", status=busy)
    assert story.case["allowed"]["take"].startswith("Anna has had the case since")
    story.goes_on(anna, "unassign", status="Unassigned", reason="Lunch.")
    story.goes_on(anna, "assign", status="Unassigned", team="network")
    story.goes_on(anna, "assign", status=busy, assignee=str(x.id_of(x.ALAN)))
    story.goes_on(anna, "post", status=busy, text="Which version?")
    story.goes_on(clara, "comment", status=busy, post=story.entry(), text="2.0")
    story.goes_on(clara, "edit-entry", status=busy, entry=story.entry(), text="2.1")
    story.goes_on(clara, "remove-entry", status=busy, entry=story.entry())
    story.goes_on(anna, "note", status=busy, text="A bug of ours.")
    story.goes_on(anna, "post", status=busy, text="For the wrong eyes.")
    story.goes_on(anna, "make-internal", status=busy, entry=story.entry())
    waiting: dict[str, Any] = {"awaited": "customer", "reason": "The version."}
    story.goes_on(anna, "await", status=busy, badges=("awaiting customer",), **waiting)
    story.goes_on(clara, "post", status=busy, events=2, text="2.0")
    story.goes_on(
        anna, "await", status=busy, badges=("awaiting third party",), awaited="third party"
    )
    story.goes_on(anna, "resume", status=busy)
    story.goes_on(anna, "change-severity", status=busy, severity="urgent")
    story.goes_on(anna, "change-severity", status=busy, events=0, severity="urgent")
    story.goes_on(anna, "change-details", status=busy, component="gateway", category=None)
    story.goes_on(anna, "change-tags", status=busy, add=["vpn", "slow"], remove=["slow"])
    story.goes_on(anna, "change-recipients", status=busy, add="law@law.com", remove="bo@acme.com")
    story.goes_on(clara, "watch", status=busy)
    story.goes_on(clara, "unwatch", status=busy)


def ended(story: Story) -> None:
    """It is escalated, resolved, closed, opened again and rated."""
    clara, anna, busy = x.CLARA, x.ANNA, "In Progress"
    asked, proposed = ("close requested",), ("resolution proposed",)
    solved: dict[str, Any] = {
        "type": "provided",
        "root_cause": "A loop.",
        "summary": "Update to 2.1.",
    }
    calm: dict[str, Any] = {"justification": "Secret.", "message": "We are on it."}
    story.goes_on(clara, "escalate", status="Escalated", comment="Orders are lost.")
    story.goes_on(anna, "deescalate", status=busy, **calm)
    story.goes_on(clara, "request-close", status=busy, badges=asked, resolved_by="own")
    story.goes_on(clara, "withdraw-close-request", status=busy)
    story.goes_on(clara, "request-close", status=busy, badges=asked, resolved_by="own")
    story.goes_on(anna, "decline-close-request", status=busy, reason="Not yet.")
    story.goes_on(anna, "resolve", status=busy, badges=proposed, **solved)
    story.goes_on(clara, "reject-resolution", status=busy, comment="No.")
    story.goes_on(anna, "resolve", status=busy, badges=proposed, **solved)
    story.goes_on(clara, "post", status=busy, events=2, text="It is not solved.")
    story.goes_on(anna, "resolve", status=busy, badges=proposed, **solved)
    story.goes_on(clara, "accept-resolution", status="Closed")
    assert story.http.seen(clara, story.case["id"])["resolution"]["summary"] == "Update to 2.1."
    story.goes_on(clara, "rate", status="Closed", score=2, comment="Slow.")
    story.goes_on(clara, "reopen", status=busy, comment="Again.")
    assert story.http.seen(clara, story.case["id"])["rating"] is None
    story.goes_on(anna, "close", status="Closed", reason="No answer.")
    assert story.case["allowed"]["post"].startswith("The case is closed")
    head = story.http.seen(clara, story.case["id"])
    assert (head["closed_on"], head["reopen_until"] is None) == ("agent", False)
    story.goes_on(anna, "reopen", status=busy, comment="After all.")


def tied(story: Story) -> None:
    """It is linked, merged and unmerged, and words of it are destroyed."""
    anna, busy, other = x.ANNA, "In Progress", story.http.raised(x.CLARA)
    link: dict[str, Any] = {"kind": "duplicates", "case": other["number"]}
    story.goes_on(anna, "link", status=busy, **link)
    story.goes_on(anna, "unlink", status=busy, **link)
    story.goes_on(anna, "merge", status="Closed", badges=("merged",), into=other["number"])
    assert story.http.seen(x.CLARA, story.case["id"])["merged_into"] == other["number"]
    refused = story.http.do(x.CLARA, story.case["id"], "post", text="Hello?")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/case-merged")
    story.goes_on(anna, "unmerge", status=busy)
    story.goes_on(x.CLARA, "post", status=busy, text="hunter2")
    story.goes_on(x.SUE, "redact", status=busy, entry=story.entry(), reason="A password.")
    assert "hunter2" not in str(story.http.events(x.CLARA, story.case["id"]))


def test_a_case_lives_its_whole_life_over_http(http: Http) -> None:
    story = begun(http)
    handled(story)
    ended(story)
    tied(story)
    history = http.events(x.SUE, story.case["id"])
    assert [one["version"] for one in history] == list(range(1, story.version + 1))
    left = {command.path() for command in ON_A_CASE} - story.used
    # No file can be uploaded yet, and a window ends in weeks: see the refusals below.
    assert left == {"add-attachment", "remove-attachment", "follow-up"}
    never = {kind for kind in NAMES if kind.endswith(".set") or kind.startswith("external-id")}
    never |= {"case.attachment-added", "case.attachment-removed", "case.followed-up", "erased"}
    assert {one["type"] for one in history} == set(NAMES) - never


@pytest.mark.parametrize(
    ("command", "fields", "refusal"),
    [
        ("add-attachment", {"attachments": [str(uuid4())]}, (422, "upload-unknown")),
        ("remove-attachment", {"attachment": str(uuid4())}, (422, "attachment-unknown")),
        ("follow-up", {"description": "Again."}, (409, "case-open")),
    ],
)
def test_what_has_no_way_to_succeed_yet_is_refused_by_its_rule(
    asked: Http, command: str, fields: dict[str, Any], refusal: tuple[int, str]
) -> None:
    case = asked.raised()
    answer = asked.do(x.CLARA, case["id"], command, **fields)
    assert (answer.status_code, answer.json()["type"]) == (refusal[0], f"/problems/{refusal[1]}")


@pytest.mark.parametrize("command", ON_A_CASE, ids=lambda command: command.path())
@pytest.mark.parametrize("reference", ["id", "number"])
def test_every_command_has_a_route_by_id_and_by_number(
    asked: Http, command: type[c.Command], reference: str
) -> None:
    case = asked.raised()
    answer = asked.do(x.SUE, case[reference], command.path(), nonsense=1)
    assert answer.status_code == 422, answer.text
    assert {"pointer": "#/nonsense", "detail": "Extra inputs are not permitted"} in answer.json()[
        "errors"
    ]


@pytest.mark.parametrize("command", [c.Erase, c.Forget], ids=lambda command: command.path())
def test_erasing_is_for_the_command_line(asked: Http, command: type[c.Command]) -> None:
    assert command in AT_THE_COMMAND_LINE
    case = asked.raised()
    answer = asked.do(x.SUE, case["id"], command.path(), reason="Hm.")
    assert answer.status_code == 404


DOCUMENTS: dict[str, Any] = {
    f"/accounts/{x.GLOBEX}": x.GLOBEX_ACCOUNT.model_copy(update={"tier": "gold"}),
    f"/people/{x.id_of(x.CARL)}": x.PEOPLE[x.id_of(x.CARL)].model_copy(update={"name": "Carlos"}),
    "/catalogue": Catalogue(applications=(x.ATLAS,)),
    "/calendars/berlin": x.HOLIDAYS,
    "/service-levels": ServiceLevels(levels=x.LEVELS.levels),
}


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_is_set_as_a_whole_and_read_as_it_was_set(http: Http, path: str) -> None:
    document = DOCUMENTS[path].model_dump(mode="json")
    answer = http.ask(x.SUE, "PUT", path, document, idempotency_key="k")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["document"] == document
    assert answer.headers["etag"] == f'"{told["version"]}"'
    assert answer.headers["position"] == str(told["position"])
    read = http.get(x.SUE, path)
    assert read.json() == {**told, "position": None}
    again = http.ask(x.SUE, "PUT", path, document, idempotency_key="k")
    assert (again.json(), again.headers["idempotent-replayed"]) == (told, "true")
    stale = http.ask(x.SUE, "PUT", path, document, if_match=f'"{told["version"] - 1}"')
    assert (stale.status_code, stale.json()["current"]) == (412, told["version"])
    same = http.ask(x.SUE, "PUT", path, document, if_match=f'"{told["version"]}"')
    assert same.json()["version"] == told["version"], "nothing changed is no event"
    refused = http.ask(x.ANNA, "PUT", path, document)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/role-may-not")


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if p.count("/") > 1 and "cal" not in p])
def test_a_document_is_never_set_over_something_else(http: Http, path: str) -> None:
    """It would end both: what was there could no longer be read."""
    case = http.raised()
    kind = path.split("/")[1]
    document = DOCUMENTS[path].model_dump(mode="json")
    other = x.ACME if kind == "people" else x.id_of(x.CLARA)
    for stream in (case["id"], str(other)):
        answer = http.ask(x.SUE, "PUT", f"/{kind}/{stream}", document)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/document-unknown")
    assert http.seen(x.CLARA, case["id"])["version"] == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/accounts/{x.ACME}", 200),
        (f"/accounts/{x.GLOBEX}", 404),
        (f"/people/{x.id_of(x.ADA)}", 200),
        (f"/people/{x.id_of(x.GINA)}", 404),
        (f"/people/{x.id_of(x.ANNA)}", 404),
        ("/catalogue", 200),
        ("/calendars/standard", 404),
        ("/service-levels", 404),
    ],
)
def test_a_customer_reads_documents_of_the_own_account_and_the_desk_all(
    asked: Http, path: str, code: int
) -> None:
    assert asked.get(x.CLARA, path).status_code == code
    assert asked.get(x.ANNA, path).status_code == 200


def test_a_case_whose_window_is_over_is_followed_up_by_a_new_one(http: Http) -> None:
    case = http.raised()

    async def close_it_long_ago(store: Store) -> None:
        (first,) = await store.history(UUID(case["id"]))
        over = Window(until=first.at, zone="UTC")
        closed = e.Closed(ground=Ground.AGENT, customers_word=False, reason="Done.", window=over)
        recorded = replace(first, event=closed, version=2, command=None)
        await store.queue.append([store.codec.encode(recorded)], uuid4())

    on(http.desk, close_it_long_ago)
    refused = http.do(x.CLARA, case["id"], "reopen", comment="Again.")
    assert refused.json()["type"] == "/problems/reopen-window-passed"
    old = http.done(x.CLARA, case["id"], "follow-up", description="Again.")
    assert (old["status"], old["version"]) == ("Closed", 3)
    http.shown()
    followed = http.events(x.CLARA, case["id"])[-1]["data"]
    new = http.seen(x.CLARA, followed["number"])
    assert (new["id"], new["subject"]) == (followed["case"], x.CREATE.subject)
    assert (new["description"], new["status"]) == ("Again.", "Unassigned")
