"""Cases are found by their words as they are typed, by whoever may see them, best first."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import highlights
from domain.values import Actor
from projections import finding, search
from projections.query import Term
from projections.rebuild import rebuild, verify
from projections.words import words_of
from tests import examples as x
from tests.api.http import Http
from tests.projections.following import key_of, rows, silent

LOOP = "The queue loops since 2.4.1, error ORA-01555 at night."


@pytest.fixture(scope="module")
def cases(asked: Http) -> dict[str, str]:
    """Some cases, by a word of their subjects; the number of each."""
    told: dict[str, tuple[Actor, dict[str, object]]] = {
        "queue": (x.CLARA, {"subject": "Orders stay in the queue", "severity": "urgent"}),
        "nightly": (x.CLARA, {"subject": "Nightly job fails", "description": LOOP}),
        "invoice": (x.ADA, {"subject": "Invoice missing", "customer_reference": "INC-20731"}),
        "größe": (x.CLARA, {"subject": "Falsche Größe bei Müller", "type": "services"}),
        "besançon": (x.CLARA, {"subject": "L'été à Besançon", "description": "Rien."}),
        "ıstanbul": (x.CLARA, {"subject": "İSTANBUL deposu ısınıyor"}),
        "οδός": (x.CLARA, {"subject": "Λάθος ΟΔΌΣ στην Ελλάδα"}),
        "支付": (x.CLARA, {"subject": "支付失败了", "description": "東京のサーバー: 日本ABC社"}),
        "globex": (x.GINA, {"subject": "Queue of Globex", "external_ids": {"crm": "7001"}}),
    }
    numbers = {word: asked.raised(by, **fields)["number"] for word, (by, fields) in told.items()}
    asked.done(x.ANNA, numbers["invoice"], "post", text="Please restart the Gateway, politely.")
    asked.done(x.ANNA, numbers["invoice"], "note", text="Secretly a zebra: see prefetch.")
    asked.done(x.ANNA, numbers["invoice"], "change-tags", add=["vip"])
    asked.done(x.ANNA, numbers["queue"], "take")
    asked.done(x.CLARA, numbers["queue"], "escalate", comment="So.")
    asked.done(x.ANNA, numbers["nightly"], "close", reason="Done.")
    asked.shown()
    return numbers


def answer(http: Http, by: Actor, q: str, more: str = "") -> dict[str, Any]:
    found = http.get(by, f"/cases?q={quote(q)}{more}")
    assert found.status_code == 200, found.text
    body: dict[str, Any] = found.json()
    return body


def found(http: Http, by: Actor, q: str, more: str = "") -> list[str]:
    body = answer(http, by, q, more)
    numbers = [case["number"] for case in body["cases"]]
    assert body["total"] == len(numbers)
    return numbers


def refused(http: Http, by: Actor, q: str) -> list[str]:
    answer = http.get(by, f"/cases?q={quote(q)}")
    assert answer.status_code == 422, answer.text
    assert all(error["pointer"] == "query: q" for error in answer.json()["errors"])
    return [error["detail"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("q", "word"),
    [
        ("queue", "queue"),
        ("QUE", "queue"),
        ("orders stay", "queue"),
        ("stay orders", "queue"),
        ('"in the queue"', "queue"),
        ("INC-20731", "invoice"),
        ("inc-207", "invoice"),
        ("gateway", "invoice"),
        ("restart politely", "invoice"),
        ("groesse", "größe"),
        ("grosse muller", "größe"),
        ("GRÖSSE mueller", "größe"),
        ("ete besancon", "besançon"),
        ("l'été", "besançon"),
        ("istanbul", "ıstanbul"),
        ("ISINIYOR", "ıstanbul"),
        ("οδοσ ελλαδα", "οδός"),
        ("ΟΔΌΣ", "οδός"),
        ("支付", "支付"),
        ("付失败", "支付"),
        ("失", "支付"),
        ("了", "支付"),
        ("サーバー", "支付"),
        ("東京", "支付"),
        ("日本ABC", "支付"),
        ("日本abc社", "支付"),
    ],
)
def test_a_case_is_found_by_its_words(
    asked: Http, cases: dict[str, str], q: str, word: str
) -> None:
    assert found(asked, x.CLARA if word != "invoice" else x.ADA, q) == [cases[word]]


@pytest.mark.parametrize(
    ("q", "by"),
    [
        ('"stay the queue"', x.CLARA),
        ("orders zebra", x.ANNA),
        ("rd", x.CLARA),
        ("orders -queue", x.CLARA),
        ('orders -"the queue"', x.CLARA),
        ("付支", x.CLARA),
        ("globex", x.ADA),
        ("invoice", x.CLARA),
        ('"missing please"', x.ADA),
    ],
)
def test_what_does_not_tell_of_all_of_it_is_not_found(
    asked: Http, cases: dict[str, str], q: str, by: Actor
) -> None:
    assert found(asked, by, q, "&status=all") == []


@pytest.mark.parametrize("q", ["zebra", "secretly", "vip", '"secretly a zebra"', "zeb", "prefetch"])
def test_what_is_internal_is_found_by_the_desk_alone(
    asked: Http, cases: dict[str, str], q: str
) -> None:
    for by in (x.ANNA, x.SUE, x.AUDREY):
        assert found(asked, by, q) == [cases["invoice"]]
    assert answer(asked, x.ANNA, q)["cases"][0]["highlights"][0]["field"] in {"note", "tags"}
    for by in (x.ADA, x.CLARA, x.GINA):
        assert found(asked, by, q, "&status=all") == []
    assert found(asked, x.ADA, f"invoice -{q}") == [cases["invoice"]], "nor by leaving it out"


def test_only_what_is_left_out_may_be_asked_for(asked: Http, cases: dict[str, str]) -> None:
    left = found(asked, x.ADA, "-queue", "&limit=100")
    assert cases["queue"] not in left
    assert cases["invoice"] in left


def test_a_number_finds_its_case_whatever_its_status_also_partly_typed(
    asked: Http, cases: dict[str, str]
) -> None:
    number = cases["nightly"]
    plain = number.lstrip("0")
    for q in (number, plain, f"#{plain}", number[:-1], f"number:{plain}"):
        assert number in found(asked, x.CLARA, q), q
        assert number not in found(asked, x.GINA, q), q
    case = answer(asked, x.CLARA, plain)["cases"][0]
    assert case["number"] == number
    begins = 8 - len(plain)
    marked = {"field": "number", "text": number, "ranges": [[begins, begins + len(plain)]]}
    assert case["highlights"] == [marked]
    assert found(asked, x.CLARA, number, "&status=open") == []


def test_of_a_short_number_the_case_itself_comes_first(asked: Http, cases: dict[str, str]) -> None:
    one = cases["queue"].lstrip("0")[:1]
    some = found(asked, x.ANNA, one, "&status=all")
    assert some[0] == one.zfill(8)


@pytest.mark.parametrize(
    ("q", "parameters", "by"),
    [
        ("is:open", "status=open", x.ANNA),
        ("is:closed", "status=Closed", x.ANNA),
        ("-is:closed", "status=open", x.CLARA),
        ("-is:unassigned", "status=Escalated&status=Closed", x.ANNA),
        ("is:escalated", "escalated=true", x.CLARA),
        ("-is:escalated", "escalated=false", x.CLARA),
        ("is:unassigned is:closed", "status=Unassigned&status=Closed", x.ANNA),
        ("is:close-requested", "close_requested=true", x.ANNA),
        ("-is:resolution-proposed", "resolution_proposed=false", x.ANNA),
        ("status:all", "status=all", x.CLARA),
        ('status:"in progress"', "status=In Progress", x.ANNA),
        ("severity:URGENT", "severity=urgent", x.CLARA),
        ('type:"product issue"', "type=product-issue", x.CLARA),
        ("type:services", "type=services", x.CLARA),
        ("application:atlas", "application=atlas", x.CLARA),
        ("awaiting:any", "awaiting=any", x.ANNA),
        ("tag:VIP", "tag=vip", x.ANNA),
        ("assignee:me", "assignee=me", x.ANNA),
        ("assignee:nobody", "assignee=nobody", x.ANNA),
        ("assignee:anna", f"assignee={x.id_of(x.ANNA)}", x.SUE),
        ("contact:me", "contact=me", x.CLARA),
        ("contact:clara", f"contact={x.id_of(x.CLARA)}", x.ANNA),
        ("account:glob", f"account={x.GLOBEX}", x.ANNA),
        ("reference:INC-20731", "customer_reference=INC-20731", x.ADA),
        ("external:crm:7001", "external_id=crm:7001", x.ANNA),
        ("created:>2020-01-01", "created_after=2020-01-02T00:00:00Z", x.CLARA),
        ("created:>=2020-01-01", "created_after=2020-01-01T00:00:00Z", x.CLARA),
        ("created:<2020-01-01", "created_before=2020-01-01T00:00:00Z", x.CLARA),
        ("created:<=2100-01-01", "created_before=2100-01-02T00:00:00Z", x.CLARA),
        (
            "created:2020-01-01..2100-01-01",
            "created_after=2020-01-01T00:00:00Z&created_before=2100-01-02T00:00:00Z",
            x.CLARA,
        ),
    ],
)
def test_a_filter_that_is_typed_is_that_of_the_address(
    asked: Http, cases: dict[str, str], q: str, parameters: str, by: Actor
) -> None:
    plain = asked.get(by, f"/cases?{parameters}")
    assert plain.status_code == 200, plain.text
    typed = answer(asked, by, q)
    assert typed == plain.json()
    facets = asked.get(by, f"/cases/facets?{parameters}").json()
    assert asked.get(by, f"/cases/facets?q={quote(q)}").json() == facets
    file = asked.get(by, f"/cases/export?{parameters}").text
    assert asked.get(by, f"/cases/export?q={quote(q)}").text == file


def test_a_day_is_that_day(asked: Http, cases: dict[str, str]) -> None:
    case = answer(asked, x.CLARA, "orders")["cases"][0]
    day = case["created_at"][:10]
    assert found(asked, x.CLARA, f"orders created:{day}") == [case["number"]]
    assert found(asked, x.CLARA, f"orders created:>{day}") == []


@pytest.mark.parametrize(
    ("q", "said"),
    [
        ("severity:hgih", "severity:hgih: there is no severity 'hgih'; there are: Critical, "),
        ('type:"cloud dwon"', "type:\"cloud dwon\": there is no type 'cloud dwon'; there are: "),
        ("is:opn", "is:opn: there is no state 'opn'; there are: open, closed, "),
        ("is:", "is:: what?"),
        ("application:nil", "application:nil: there is no application 'nil'; there are: Atlas"),
        ("status:lost", "status:lost: there is no status 'lost'; there are: open, all, "),
        ("account:zzz", "account:zzz: there is no account 'zzz'"),
        ("contact:zzz", "contact:zzz: there is no person 'zzz'"),
        ("created:monday", "created:monday: 'monday' is no day, as 2026-11-01 is"),
        ("created:9999-12-31", "created:9999-12-31: '9999-12-31' is no day, as 2026-11-01 is"),
        ("number:abc", "number:abc: there is no such value"),
        ("-severity:low", "-severity:low: only words can be left out so, and what is: says"),
        (" ".join("abcdefghijklmnopq"), "more than 16 words"),
    ],
)
def test_what_cannot_be_understood_is_said(asked: Http, q: str, said: str) -> None:
    (why,) = refused(asked, x.ANNA, q)
    assert why.startswith(said)
    assert [one[:4] for one in refused(asked, x.ANNA, f"is:nil severity:nil {q}"[:200])][:1] == (
        ["is:n"] if "more" not in said else ["more"]
    )


def test_more_than_200_characters_are_refused(asked: Http) -> None:
    (why,) = refused(asked, x.ANNA, "a" * 201)
    assert "200" in why
    assert found(asked, x.ANNA, "q" * 200) == []


def test_what_takes_too_long_is_refused_with_a_sentence(asked: Http, cases: dict[str, str]) -> None:
    """And meanwhile nothing else waits, however many search."""
    paths = ["/cases?q=queue", "/cases?q=queue&sort=created", "/cases/facets?q=queue"] * 3
    with psycopg.connect(asked.desk.settings.database_url) as conn, ThreadPoolExecutor(9) as many:
        conn.execute("LOCK read.search, read.search_open")
        answers = [many.submit(asked.get, x.ANNA, path) for path in paths]
        assert asked.get(x.ANNA, "/cases").status_code == 200
        assert not any(answer.done() for answer in answers)
        for answer in (waiting.result() for waiting in answers):
            assert (answer.status_code, answer.json()["title"]) == (422, "Search too broad")
            assert answer.json()["detail"].startswith("This search takes too long: ask for more")
    assert found(asked, x.CLARA, "queue") == [cases["queue"]]


def test_customers_cannot_type_what_they_cannot_ask_for(asked: Http) -> None:
    for q in ("tag:vip", "assignee:nobody", f"account:{x.ACME}"):
        answer = asked.get(x.CLARA, f"/cases?q={quote(q)}")
        assert answer.status_code in {403, 422}
    assert refused(asked, x.CLARA, "account:globex") == [
        "account:globex: there is no account 'globex'"
    ]


def test_a_word_that_occurs_nowhere_is_replaced_by_the_nearest_and_that_is_said(
    asked: Http, cases: dict[str, str]
) -> None:
    for typed, meant, word in (
        ("qeue", "queue", "queue"),
        ("ordres", "orders", "queue"),
        ("ordrs stya", "orders", "queue"),
        ("Besanson", "besancon", "besançon"),
    ):
        body = answer(asked, x.CLARA, typed)
        assert body["did_you_mean"][0] == {"typed": typed.split()[0], "meant": [meant]}
        assert [case["number"] for case in body["cases"]] == [cases[word]]
        assert body["cases"][0]["highlights"]
    half = answer(asked, x.ADA, "politley restrat")
    assert [one["meant"] for one in half["did_you_mean"]] == [["politely"], ["restart"]]
    assert answer(asked, x.ADA, "invioc")["did_you_mean"] == [
        {"typed": "invioc", "meant": ["invoice"]}
    ]
    assert answer(asked, x.CLARA, "queue")["did_you_mean"] == []
    assert answer(asked, x.CLARA, "qwertyuiop")["did_you_mean"] == []


def test_nothing_is_suggested_that_stands_in_no_case_of_the_viewer(
    asked: Http, cases: dict[str, str]
) -> None:
    assert answer(asked, x.ANNA, "zerba")["did_you_mean"] == [
        {"typed": "zerba", "meant": ["zebra"]}
    ]
    for q in ("zerba", "prefecth", "vpi", "zebr"):
        assert answer(asked, x.ADA, q)["did_you_mean"] == []
    assert answer(asked, x.GINA, "glbex")["did_you_mean"][0]["meant"] == ["globex"]
    assert answer(asked, x.ADA, "glbex")["did_you_mean"] == []
    assert answer(asked, x.CLARA, "invioce")["did_you_mean"] == [], "it is another's case"


def test_only_words_that_occur_nowhere_are_replaced_and_only_by_the_nearest(asked: Http) -> None:
    asked.raised(x.CLARA, subject="Gecko gekkos gecka")
    asked.shown()
    body = answer(asked, x.CLARA, "gecko gekko")
    assert body["did_you_mean"] == [], "the last word goes on"
    body = answer(asked, x.CLARA, "gekko gecko")
    assert body["did_you_mean"] == [{"typed": "gekko", "meant": ["gecko", "gekkos"]}]
    assert answer(asked, x.CLARA, "geccko")["did_you_mean"][0]["meant"] == ["gecko"]


def test_who_comes_to_another_account_finds_nothing_of_the_one_before(asked: Http) -> None:
    """Although the words of their cases there still have them as contact."""
    own = asked.raised(x.CARL, subject="Ocelot")["number"]
    asked.shown()
    assert found(asked, x.CARL, "ocelot") == [own]
    path = f"/people/{x.id_of(x.CARL)}"
    before = x.PEOPLE[x.id_of(x.CARL)]
    moved = before.model_copy(update={"account": x.GLOBEX, "email": "carl@globex.com"})
    assert asked.ask(x.SUE, "PUT", path, moved.model_dump(mode="json")).is_success
    for q in ("ocelot", own, "oclot"):
        body = answer(asked, x.CARL, q, "&status=all")
        assert (body["cases"], body["did_you_mean"]) == ([], [])
    assert asked.ask(x.SUE, "PUT", path, before.model_dump(mode="json")).is_success


def test_highlights_tell_customers_nothing_internal(asked: Http) -> None:
    """Not even where the same word stands in public too."""
    case = asked.raised(x.CLARA, description="A marmot.")["number"]
    asked.done(x.ANNA, case, "post", text="A lemming.")
    asked.done(x.ANNA, case, "note", text="Secret of the lemming.")
    asked.done(x.ANNA, case, "change-tags", add=["marmot"])
    asked.shown()
    for by, fields in ((x.CLARA, ["description", "conversation"]), (x.ANNA, ["tags", "note"])):
        (one,) = answer(asked, by, "marmot lemming")["cases"]
        assert [shown["field"] for shown in one["highlights"]] == fields


def test_where_nothing_open_matches_it_is_said_how_many_closed_ones_do(
    asked: Http, cases: dict[str, str]
) -> None:
    for by, closed in ((x.CLARA, 1), (x.GINA, 0), (x.ANNA, 1)):
        body = answer(asked, by, "nightly")
        assert (body["total"], body["closed_matches"]) == (0, closed)
    assert answer(asked, x.CLARA, "nigthly")["closed_matches"] == 1, "also of what was meant"
    assert found(asked, x.CLARA, "nightly", "&status=all") == [cases["nightly"]]
    assert answer(asked, x.CLARA, "orders")["closed_matches"] is None


def test_the_subject_counts_more_than_the_description_and_that_more_than_the_rest(
    asked: Http,
) -> None:
    told = [
        asked.raised(x.CLARA, subject=subject, description=description)["number"]
        for subject, description in (
            ("Walrus here", "Nothing."),
            ("Walrus again", "Nothing."),
            ("Nothing", "A walrus."),
            ("Nothing", "Something."),
        )
    ]
    asked.done(x.ANNA, told[3], "post", text="A walrus.")
    asked.shown()
    order = [told[1], told[0], told[2], told[3]]
    assert found(asked, x.CLARA, "walrus") == order
    assert found(asked, x.CLARA, "walr") == order
    assert found(asked, x.CLARA, "walrus", "&sort=relevance") == order
    assert found(asked, x.CLARA, "walrus", "&sort=created") == told
    assert found(asked, x.CLARA, "walrus", "&sort=-number") == told[::-1]
    assert found(asked, x.CLARA, "walrus nothing") == [told[2], told[1], told[0], told[3]]
    pages, cursor = list[str](), ""
    while True:
        body = answer(asked, x.CLARA, "walrus", f"&limit=1{cursor}")
        assert body["total"] == 4
        pages += [case["number"] for case in body["cases"]]
        if not body["next"]:
            break
        cursor = f"&cursor={body['next']}"
    assert pages == order
    back = answer(asked, x.CLARA, "walrus", f"&limit=1&cursor={body['prev']}")
    assert [case["number"] for case in back["cases"]] == [order[2]]
    third = answer(asked, x.CLARA, "walrus", "&limit=1&page=3")
    assert [case["number"] for case in third["cases"]] == [order[2]]
    by_column = answer(asked, x.CLARA, "walrus", "&limit=3&sort=created")
    rest = answer(asked, x.CLARA, "walrus", f"&sort=created&cursor={by_column['next']}")
    assert [case["number"] for case in rest["cases"]] == [told[3]]


@pytest.mark.parametrize(("bird", "ranked", "order"), [("Dodo", 2, "210"), ("Moa", 3, "021")])
def test_of_those_that_are_no_more_ranked_the_age_alone_counts(
    asked: Http, monkeypatch: pytest.MonkeyPatch, bird: str, ranked: int, order: str
) -> None:
    told = {bird: "An egg.", "Nest": f"Of a {bird}.", "Egg": f"Of a {bird}, too."}
    numbers = [
        asked.raised(x.CLARA, subject=subject, description=text)["number"]
        for subject, text in told.items()
    ]
    asked.shown()
    monkeypatch.setattr(finding, "RANKED", ranked)
    for passed in (0, 10**9):
        monkeypatch.setattr(finding, "PASSED", passed)
        for by in (x.CLARA, x.ANNA):
            assert found(asked, by, bird) == [numbers[int(at)] for at in order]


@pytest.mark.parametrize("ranked", [2, 250])
@pytest.mark.parametrize("q", ["plover", "plo", "plover -first", "00"])
def test_both_ways_to_the_newest_come_to_the_same(
    asked: Http, monkeypatch: pytest.MonkeyPatch, q: str, ranked: int
) -> None:
    told = {"Plover": "first", "Eggs": "A plover.", "Nest": "Empty.", "Plovers": "A plover too."}
    for subject, description in told.items():
        asked.raised(x.CLARA, subject=subject, description=description)
    asked.shown()
    monkeypatch.setattr(finding, "RANKED", ranked)
    pages = []
    # Looked up; met on the way back; and so many that not all of them are known.
    for passed, most_counted in ((10**9, 10_000), (0, 10_000), (0, 0)):
        monkeypatch.setattr(finding, "PASSED", passed)
        monkeypatch.setattr(finding, "MOST_COUNTED", most_counted)
        some = [answer(asked, x.ANNA, q, f"&limit=2&page={page}")["cases"] for page in (1, 2)]
        pages.append([[case["number"] for case in page] for page in some])
    assert pages[0] == pages[1] == pages[2]
    assert len(pages[0][0]) == 2


def test_what_most_cases_have_is_found_from_the_newest_on(
    asked: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        asked.raised(x.CLARA, subject="Every dunlin")
    asked.shown()
    whole = answer(asked, x.ANNA, "ever", "&limit=1")
    rebuild(key_of(asked.desk.settings), [search.NAME], silent)  # counts the rows
    monkeypatch.setattr(finding, "RANKED", 1)
    monkeypatch.setattr(finding, "FOUND", "only going back in time is left")
    finding._statement.cache_clear()
    assert answer(asked, x.ANNA, "ever", "&limit=1") == whole
    finding._statement.cache_clear()


def test_relevance_needs_words_and_a_cursor_its_own_list(asked: Http) -> None:
    problem = asked.get(x.CLARA, "/cases?sort=relevance")
    assert (problem.status_code, problem.json()["title"]) == (422, "Nothing to rank")
    assert asked.get(x.CLARA, "/cases?q=is:open&sort=relevance").status_code == 422
    cursor = answer(asked, x.ANNA, "the", "&limit=1&status=all")["next"]
    wrong = asked.get(x.ANNA, f"/cases?sort=created&cursor={cursor}")
    assert wrong.json()["title"] == "Cursor not ours"


@given(
    st.text("ab1_- .Z\n", max_size=30) | st.builds("a".__mul__, st.integers(55, 65)),
    st.text("ab1 -äZ", max_size=6),
    st.booleans(),
    st.sets(st.text("ab1", min_size=1, max_size=3), max_size=2),
)
def test_in_plain_letters_the_same_places_are_found_as_in_any_others(
    text: str, typed: str, begins: bool, instead: set[str]
) -> None:
    term = Term(typed, begins=begins, instead=tuple(instead))
    if any(one.words for one in term.alternatives()):
        quickly = highlights.places(text, [term])
        assert quickly == highlights.places_of_tokens(text, [term])


def test_highlights_show_where_the_words_are(asked: Http, cases: dict[str, str]) -> None:
    def shown(q: str, by: Actor = x.CLARA, more: str = "") -> list[tuple[str, list[str]]]:
        (case,) = answer(asked, by, q, more)["cases"]
        return [
            (one["field"], [one["text"][begins:ends] for begins, ends in one["ranges"]])
            for one in case["highlights"]
        ]

    assert shown("queue orde") == [("subject", ["Orders", "queue"])]
    assert shown('"the queue"') == [("subject", ["the queue"])]
    assert shown("grösse mueller") == [("subject", ["Größe", "Müller"])]
    assert shown("失败") == [("subject", ["失败"])]
    assert shown("サーバー 支付") == [("subject", ["支付"]), ("description", ["サーバー"])]
    assert shown("2.4 loops", more="&status=all") == [("description", ["loops", "2.4"])]
    assert shown("inc-20731", x.ADA) == [("customer_reference", ["INC-20731"])]
    assert shown("7001", x.GINA) == [("external_ids", ["7001"])]
    assert shown("gateway invoice", x.ADA) == [
        ("subject", ["Invoice"]),
        ("conversation", ["Gateway"]),
    ]
    assert shown("vip zebra", x.ANNA) == [("tags", ["vip"]), ("note", ["zebra"])]


def test_of_a_long_text_that_part_is_shown_where_the_words_are(asked: Http) -> None:
    long = "No word of it. " * 100 + "Here walks a Pangolin alone. " + "Nor here. " * 100
    asked.raised(x.CLARA, description=long)
    asked.shown()
    (case,) = answer(asked, x.CLARA, "pangolin")["cases"]
    (one,) = case["highlights"]
    assert len(one["text"]) < 300
    assert one["text"].startswith("…")
    assert one["text"].endswith("…")
    ((begins, ends),) = one["ranges"]
    assert one["text"][begins:ends] == "Pangolin"


def test_without_words_a_list_has_no_highlights(asked: Http, cases: dict[str, str]) -> None:
    body = asked.get(x.CLARA, "/cases").json()
    assert body["did_you_mean"] == []
    assert all("highlights" not in case for case in body["cases"])
    assert answer(asked, x.CLARA, " -- ") == body, "signs alone ask for nothing"


def test_facets_and_files_are_of_what_was_found(asked: Http, cases: dict[str, str]) -> None:
    facets = asked.get(x.ANNA, "/cases/facets?q=queue&status=all").json()
    assert sum(one["count"] for one in facets["status"]) == 3
    assert {one["name"] for one in facets["account"]} == {"Acme", "Globex"}
    file = asked.get(x.ADA, "/cases/export?q=queue&status=all&column=number")
    assert file.text.split() == ['"Case', 'Id"', f'"{cases["nightly"]}"', f'"{cases["queue"]}"']


def test_what_is_edited_removed_or_made_internal_is_found_so(asked: Http) -> None:
    case = asked.raised(x.CLARA)["number"]

    def posted(text: str) -> str:
        asked.done(x.ANNA, case, "post", text=text)
        entry: str = asked.events(x.ANNA, case)[-1]["data"]["entry"]
        return entry

    edited, removed, hidden = posted("An aardvark."), posted("A bullfinch."), posted("A capybara.")
    asked.shown()
    for word in ("aardvark", "bullfinch", "capybara"):
        assert found(asked, x.CLARA, word) == [case]
    asked.done(x.ANNA, case, "edit-entry", entry=edited, text="A dormouse.")
    asked.done(x.ANNA, case, "remove-entry", entry=removed)
    asked.done(x.ANNA, case, "make-internal", entry=hidden)
    asked.shown()
    assert found(asked, x.CLARA, "dormouse") == [case]
    for word in ("aardvark", "bullfinch", "capybara"):
        assert found(asked, x.CLARA, word) == []
        assert found(asked, x.ANNA, word) == ([case] if word == "capybara" else [])
        typo = word.replace("ar", "ra").replace("ch", "hc")
        meant = [one["meant"] for one in answer(asked, x.ANNA, typo)["did_you_mean"]]
        assert meant == ([["capybara"]] if word == "capybara" else [])


def test_a_tag_or_another_subject_is_found_from_then_on(asked: Http) -> None:
    case = asked.raised(x.CLARA)["number"]
    asked.shown()
    asked.done(x.ANNA, case, "change-tags", add=["okapi"])
    asked.shown()
    assert found(asked, x.ANNA, "okapi") == [case]
    asked.done(x.ANNA, case, "change-tags", remove=["okapi"])
    asked.done(x.ANNA, case, "change-details", subject="A narwhal")
    asked.shown()
    assert found(asked, x.ANNA, "okapi") == []
    assert found(asked, x.CLARA, "narwhal") == [case]
    asked.done(x.ANNA, case, "close", reason="Done.")
    asked.shown()
    assert found(asked, x.CLARA, "narwhal") == []
    asked.done(x.CLARA, case, "reopen", comment="Again.")
    asked.shown()
    assert found(asked, x.CLARA, "narwhal") == [case]


def test_every_word_that_occurs_is_kept_and_no_other_however_it_came(
    http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written in two ways, or in a case that has more words than fit."""

    def has(at: int) -> bool:
        body = answer(http, x.CLARA, f"langz{LETTERS[at]}")
        return body["total"] == 1 and not body["did_you_mean"]

    for name, small in (("ALWAYS_FIT", 6), ("MOST_BYTES", 900)):
        monkeypatch.setattr(search, name, small)
    written = http.raised(x.CLARA, subject="Mister Koenig")["number"]
    http.raised(x.CLARA, subject="Mister König")
    long = http.raised(x.CLARA, subject="Aardwolf")["number"]
    for at in range(4):
        http.done(x.ANNA, long, "post", text=" ".join(f"lang{a}{LETTERS[at]}" for a in LETTERS))
        http.shown()
    assert found(http, x.CLARA, "aardwolf") == [long]
    assert [has(at) for at in range(4)] == [True, True, False, False]
    http.done(x.ANNA, long, "remove-entry", entry=http.events(x.ANNA, long)[1]["data"]["entry"])
    http.done(x.SUE, written, "redact", version=1, reason="A name.")
    http.shown()
    assert [has(at) for at in range(4)] == [False, True, True, False]
    key = key_of(http.desk.settings)
    assert list(verify(key, [search.NAME], silent)) == []


LETTERS = "abcdefghijklmnopqrstuvwxyz"


def test_words_that_are_destroyed_are_gone_with_the_next_look(asked: Http) -> None:
    other = asked.raised(x.CLARA, subject="Somebody else")["number"]
    asked.done(x.ANNA, other, "post", text="Said nothing.")
    case = asked.raised(x.CLARA, subject="Mister Quokka", description="Of Quokka.")["number"]
    asked.done(x.ANNA, case, "post", text="Quokka said so.")
    asked.shown()
    assert found(asked, x.CLARA, "quokka") == [case]
    for version in (1, 2):
        asked.done(x.SUE, case, "redact", version=version, reason="A name.")
    asked.shown()
    for by in (x.CLARA, x.ANNA, x.AUDREY):
        assert found(asked, by, "quokka", "&status=all") == []
        assert answer(asked, by, "quoka", "&status=all")["did_you_mean"] == []
    for table, kept in rows(asked.desk.settings).items():
        if table.startswith("search"):
            assert kept
            assert not [row for row in kept if "quokka" in str(row).lower()], table


WORDS = ("slow", "slower", "queue", "Größe", "grosse", "supra", "日本語", "note", "2.4", "x-ray")
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
TYPED = st.lists(
    st.tuples(st.sampled_from(["", "", "", "-"]), st.sampled_from([*WORDS, "slo", '"slow queue"'])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=3), st.lists(TYPED, max_size=8)
)
def test_what_is_found_is_what_reading_every_text_would_find(
    http: Http, told: list[tuple[str, str, str]], typed: list[list[tuple[str, str]]]
) -> None:
    """Each case is raised, answered in public and noted in secret, under a word of its own."""
    own = f"law{next(COUNTED)}"
    numbers = {}
    for subject, post, note in told:
        case = http.raised(x.CLARA, subject=f"{subject} {own}", description="So.")["number"]
        http.done(x.ANNA, case, "post", text=post)
        http.done(x.ANNA, case, "note", text=note)
        numbers[case] = ([f"{subject} {own}", "So.", post], [note])
    http.shown()
    for parts in typed:
        q = " ".join([own, *(sign + word for sign, word in parts)])
        for by, internal in ((x.CLARA, False), (x.ANNA, True), (x.ADA, False), (x.GINA, False)):
            body = answer(http, by, q)
            if body["did_you_mean"]:
                continue
            expected = {
                number
                for number, (public, notes) in numbers.items()
                if by is not x.GINA and reads([*public, *(notes if internal else [])], own, parts)
            }
            assert {case["number"] for case in body["cases"]} == expected, (q, by.role)


COUNTED = count(1)


def reads(texts: list[str], own: str, parts: list[tuple[str, str]]) -> bool:
    """Whether somebody who reads all of it finds everything, and nothing to be left out."""
    lines = [[set(filter(None, word)) for word in words_of(text)] for text in texts]
    for at, (sign, word) in enumerate([("", own), *parts]):
        begins = at == max(n for n, (s, _) in enumerate([("", own), *parts]) if not s)
        there = any(stands(line, word, begins and not word.startswith('"')) for line in lines)
        if there is bool(sign):
            return False
    return True


def stands(line: list[set[str]], word: str, begins: bool) -> bool:
    asked = [set(filter(None, one)) for one in words_of(word)]
    if word == "日本語":
        asked = asked[:-1]
    for at in range(len(line) - len(asked) + 1):
        row = line[at : at + len(asked)]
        if all(have & want for have, want in zip(row[:-1], asked[:-1], strict=True)) and (
            row[-1] & asked[-1]
            or (begins and any(h.startswith(w) for h in row[-1] for w in asked[-1]))
        ):
            return True
    return False
