"""Files: sent at once or in parts, attached by a command, seen by whoever sees their entry."""

import asyncio
import os
import re
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from httpx2 import Response

from domain.runtime import uploads
from domain.runtime.blobs import Blobs
from domain.values import Actor
from projections.sweeper import swept
from tests import examples as x
from tests.api.http import Http
from tests.desks import FILES
from tests.projections.following import codec_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 800
KINDS = [
    ("shot.png", PNG, "image/png"),
    ("photo.html", b"\xff\xd8\xff\xe0 jpeg", "image/jpeg"),
    ("moves.txt", b"GIF89a<script>alert(1)</script>", "image/gif"),
    ("page.png", b"<html><script>alert(1)</script>", "text/plain"),
    ("drawing.png", b"<?xml version='1.0'?><svg onload='alert(1)'/>", "text/plain"),
    ("log.exe", "Größe: 3\n".encode(), "text/plain"),
    ("paper", b"%PDF-1.7 so", "application/pdf"),
    ("film", b"\0\0\0\x20ftypmp42", "video/mp4"),
    ("screen", b"\x1a\x45\xdf\xa3", "video/webm"),
    ("all.zip", b"PK\x03\x04", "application/zip"),
    ("program", b"MZ\x90\0\x03", "application/octet-stream"),
    ("bell", b"So.\x07", "application/octet-stream"),
    ("latin", "Größe".encode("latin-1"), "application/octet-stream"),
]


def send(http: Http, by: Actor, name: str, content: bytes, more: str = "") -> Response:
    headers = {"authorization": f"Bearer {http.desk.token(by)}"}
    return http.client.post(
        f"/api/v1/uploads/file?name={name}{more}", headers=headers, content=content
    )


def sent(http: Http, by: Actor, name: str, content: bytes) -> dict[str, Any]:
    answer = send(http, by, name, content)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def put(http: Http, by: Actor, upload: str, number: int, content: bytes) -> Response:
    headers = {"authorization": f"Bearer {http.desk.token(by)}"}
    path = f"/api/v1/uploads/{upload}/parts/{number}"
    return http.client.put(path, headers=headers, content=content)


def begun(http: Http, by: Actor = x.CLARA, **fields: object) -> str:
    answer = http.post(by, "/uploads", {"name": "film.webm", **fields})
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    return id_


def attached(http: Http, by: Actor, case: str, *files: str, **fields: object) -> None:
    http.done(by, case, "post", text="See there.", attachments=list(files), **fields)
    http.shown()


def listed(http: Http, by: Actor, case: str) -> list[dict[str, Any]]:
    answer = http.get(by, f"/cases/{case}/attachments")
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()
    return told


def read(http: Http, by: Actor, case: str, file: str, more: str = "", **headers: str) -> Response:
    return http.get(by, f"/cases/{case}/attachments/{file}{more}", **headers)


def objects() -> set[str]:
    return {str(path.relative_to(FILES)) for path in FILES.rglob("*") if path.is_file()}


@pytest.fixture
def kept() -> set[str]:
    """The objects that were there before."""
    return objects()


@pytest.mark.parametrize(("name", "content", "media_type"), KINDS)
def test_a_file_is_what_its_bytes_are_and_comes_back_as_it_was(
    asked: Http, name: str, content: bytes, media_type: str
) -> None:
    upload = sent(asked, x.CLARA, name, content)
    assert (upload["name"], upload["size"], upload["complete"]) == (name, len(content), True)
    assert (upload["media_type"], upload["scanned"]) == (media_type, False)
    assert upload["digest"] == sha256(content).hexdigest()
    case = asked.raised(x.CLARA, attachments=[upload["id"]])["number"]
    asked.shown()
    (file,) = listed(asked, x.CLARA, case)
    assert (file["id"], file["name"], file["size"]) == (upload["id"], name, len(content))
    assert (file["by"]["name"], file["entry"], file["removed"]) == ("Clara", None, False)
    for by in (x.CLARA, x.ADA, x.ANNA, x.AUDREY):
        answer = read(asked, by, case, file["id"])
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"].partition(";")[0] == media_type
        assert answer.headers["content-disposition"].startswith("attachment; ")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    for by in (x.CARL, x.GINA):
        unseen = read(asked, by, case, file["id"])
        missing = asked.get(by, f"/cases/{uuid4()}/attachments/{uuid4()}")
        assert (unseen.status_code, unseen.content) == (404, missing.content)
    shown = read(asked, x.CLARA, case, file["id"], "?inline=true")
    assert shown.headers["content-disposition"].startswith(
        "inline" if file["inline"] else "attachment"
    )
    assert file["inline"] is (
        media_type in {"image/png", "image/jpeg", "image/gif", "text/plain"}
        or media_type in {"application/pdf", "video/mp4", "video/webm"}
    )


def test_files_are_attached_by_every_command_that_can_name_them(asked: Http) -> None:
    names = ["created", "posted", "commented", "noted", "added", "entry"]
    files = {name: sent(asked, x.ANNA, name, b"So.")["id"] for name in names}
    case = asked.raised(
        x.ANNA, account=str(x.ACME), contact=str(x.id_of(x.CLARA)), attachments=[files["created"]]
    )["number"]
    asked.done(x.ANNA, case, "post", text="So.", attachments=[files["posted"]])
    (post,) = (
        one["data"]["entry"] for one in asked.events(x.ANNA, case) if one["type"] == "case.posted"
    )
    asked.done(x.ANNA, case, "comment", post=post, text="So.", attachments=[files["commented"]])
    asked.done(x.ANNA, case, "note", text="So.", attachments=[files["noted"]])
    asked.done(x.ANNA, case, "add-attachment", attachments=[files["added"]])
    asked.done(x.ANNA, case, "add-attachment", attachments=[files["entry"]], entry=post)
    asked.shown()
    found = listed(asked, x.ANNA, case)
    assert [file["name"] for file in found] == names[::-1]
    assert [file["internal"] for file in found] == [False, False, True, False, False, False]
    assert [file["name"] for file in listed(asked, x.CLARA, case)] == [
        name for name in names[::-1] if name != "noted"
    ]
    assert read(asked, x.ANNA, case, files["noted"]).status_code == 200
    hidden = read(asked, x.CLARA, case, files["noted"])
    assert hidden.json() == read(asked, x.CLARA, case, str(uuid4())).json()
    asked.done(x.ANNA, case, "make-internal", entry=post)
    asked.shown()
    left = [file["name"] for file in listed(asked, x.CLARA, case)]
    assert left == ["added", "created"]
    assert read(asked, x.CLARA, case, files["posted"]).status_code == 404
    feed = asked.get(x.SUE, "/events?limit=1000&type=case.attachment-added").json()["events"]
    told = [one["data"] for one in (*feed, *asked.events(x.SUE, case)) if one["data"]]
    assert [data for data in told if "digest" in data]
    assert not [data for data in told if "digest" in data and "key" in data]


def test_a_file_is_found_by_its_name(asked: Http) -> None:
    case = asked.raised(x.CLARA)["number"]
    upload = sent(asked, x.ANNA, "wombat-report.log", b"So.")["id"]
    asked.done(x.ANNA, case, "note", text="So.", attachments=[upload])
    attached(asked, x.CLARA, case, sent(asked, x.CLARA, "Kookaburra.txt", b"So.")["id"])
    (found,) = asked.get(x.CLARA, "/cases?q=kookab").json()["cases"]
    assert found["highlights"] == [{"field": "file", "text": "Kookaburra.txt", "ranges": [[0, 10]]}]
    assert asked.get(x.CLARA, "/cases?q=wombat").json()["total"] == 0
    assert asked.get(x.ANNA, "/cases?q=wombat").json()["total"] == 1


def test_an_upload_is_ones_own_and_is_attached_once(asked: Http) -> None:
    case = asked.raised(x.CLARA)["number"]
    upload = sent(asked, x.CLARA, "a.txt", b"So.")["id"]
    for by in (x.ADA, x.ANNA, x.GINA):
        assert asked.get(by, f"/uploads/{upload}").status_code == 404
        assert put(asked, by, upload, 1, b"x").status_code == 404
        assert asked.post(by, f"/uploads/{upload}/complete", {}).status_code == 404
        assert asked.ask(by, "DELETE", f"/uploads/{upload}").status_code == 404
    refused = asked.do(x.ADA, case, "post", text="So.", attachments=[upload])
    assert (refused.status_code, refused.json()["title"]) == (422, "Upload unknown")
    attached(asked, x.CLARA, case, upload)
    assert asked.get(x.CLARA, f"/uploads/{upload}").status_code == 404
    for other in (case, asked.raised(x.CLARA)["number"]):
        again = asked.do(x.CLARA, other, "post", text="So.", attachments=[upload])
        assert (again.status_code, again.json()["title"]) == (422, "Upload unknown")
    unfinished = begun(asked)
    refused = asked.do(x.CLARA, case, "post", text="So.", attachments=[unfinished])
    assert refused.json()["title"] == "Upload unknown"


def test_a_command_that_is_repeated_is_answered_as_then(asked: Http) -> None:
    upload = sent(asked, x.CLARA, "a.txt", b"So.")["id"]
    case = asked.raised(x.CLARA)["number"]
    body = {"text": "So.", "attachments": [upload]}
    first = asked.post(x.CLARA, f"/cases/{case}/post", body, idempotency_key="file")
    again = asked.post(x.CLARA, f"/cases/{case}/post", body, idempotency_key="file")
    assert (first.status_code, again.json()) == (200, first.json())
    asked.shown()
    assert read(asked, x.CLARA, case, upload).content == b"So."


def test_parts_come_in_any_order_of_any_size_and_again(asked: Http, kept: set[str]) -> None:
    content = os.urandom(300_000)
    upload = begun(asked, recording=True)
    cuts = [0, 1, 70_000, 200_001, 300_000]
    for number in (3, 1, 4, 2, 3):
        part = content[cuts[number - 1] : cuts[number]]
        answer = put(asked, x.CLARA, upload, number, part)
        assert answer.json() == {"number": number, "size": len(part)}
    state = asked.get(x.CLARA, f"/uploads/{upload}").json()
    assert [part["number"] for part in state["parts"]] == [1, 2, 3, 4]
    assert (state["complete"], state["size"], state["most"]) == (False, None, 200 * 1024**2)
    assert len(objects() - kept) == 4, "what was replaced is gone"
    wrong = asked.post(x.CLARA, f"/uploads/{upload}/complete", {"digest": "0" * 64})
    assert (wrong.status_code, wrong.json()["title"]) == (409, "Digest differs")
    whole = {"digest": sha256(content).hexdigest()}
    for _ in range(2):
        done = asked.post(x.CLARA, f"/uploads/{upload}/complete", whole)
        assert (done.status_code, done.json()["size"]) == (200, 300_000)
    assert objects() - kept == {f"files/{upload}"}
    assert put(asked, x.CLARA, upload, 5, b"x").json()["title"] == "Upload complete"
    case = asked.raised(x.CLARA, attachments=[upload])["number"]
    asked.shown()
    assert read(asked, x.CLARA, case, upload).content == content


def test_a_part_that_is_missing_is_named_and_nothing_at_all_is_no_file(asked: Http) -> None:
    upload = begun(asked)
    empty = asked.post(x.CLARA, f"/uploads/{upload}/complete", {})
    assert (empty.status_code, empty.json()["title"]) == (422, "File empty")
    put(asked, x.CLARA, upload, 1, b"a")
    put(asked, x.CLARA, upload, 3, b"c")
    missing = asked.post(x.CLARA, f"/uploads/{upload}/complete", {})
    assert missing.status_code == 409
    assert missing.json()["detail"].startswith("Part 2 has not arrived")
    put(asked, x.CLARA, upload, 2, b"b")
    done = asked.post(x.CLARA, f"/uploads/{upload}/complete", {})
    assert done.json()["digest"] == sha256(b"abc").hexdigest()
    assert send(asked, x.CLARA, "none", b"").json()["title"] == "File empty"


def test_what_is_too_large_is_refused_while_it_arrives(
    asked: Http, kept: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 1_000)
    monkeypatch.setattr(uploads, "MOST_RECORDED", 2_000)
    assert send(asked, x.CLARA, "a", bytes(1_000)).status_code == 201
    for answer in (
        send(asked, x.CLARA, "a", bytes(1_001)),
        send(asked, x.CLARA, "a", bytes(2_001), "&recording=true"),
    ):
        assert (answer.status_code, answer.json()["title"]) == (413, "File too large")
    upload = begun(asked)
    assert put(asked, x.CLARA, upload, 1, bytes(600)).status_code == 200
    assert put(asked, x.CLARA, upload, 2, bytes(401)).status_code == 413
    assert put(asked, x.CLARA, upload, 1, bytes(1_000)).status_code == 200, "in its own place"
    assert put(asked, x.CLARA, upload, 2, bytes(1)).status_code == 413
    assert len([name for name in objects() - kept if name.startswith("parts/")]) == 1


def test_parts_that_come_at_once_are_added_up(asked: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 1_000)
    upload = begun(asked)
    statuses: list[int] = []

    def send_part(number: int) -> None:
        statuses.append(put(asked, x.CLARA, upload, number, bytes(400)).status_code)

    threads = [threading.Thread(target=send_part, args=(n,)) for n in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 200, 413, 413, 413]


def test_what_is_removed_before_it_is_attached_leaves_no_byte(asked: Http, kept: set[str]) -> None:
    upload = begun(asked)
    put(asked, x.CLARA, upload, 1, b"So.")
    whole = sent(asked, x.CLARA, "a", b"So.")["id"]
    assert len(objects() - kept) == 2
    for id_ in (upload, whole):
        assert asked.ask(x.CLARA, "DELETE", f"/uploads/{id_}").status_code == 204
        assert asked.get(x.CLARA, f"/uploads/{id_}").status_code == 404
    assert objects() == kept


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("C:\\Users\\Clara\\report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("exe.\u202egpj", "exe.gpj"),
        ("größe 1.txt", "größe 1.txt"),
    ],
)
def test_names_are_shown_and_never_paths(asked: Http, given: str, name: str) -> None:
    answer = asked.post(x.CLARA, "/uploads", {"name": given})
    assert answer.json()["name"] == name


@pytest.mark.parametrize("name", ["", "..", "a/", "a\nb", "a\x00b", "x" * 256])
def test_what_is_no_name_is_refused(asked: Http, name: str) -> None:
    answer = asked.post(x.CLARA, "/uploads", {"name": name})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_name_reaches_the_browser_whole_and_harmless(asked: Http) -> None:
    name = 'a"; filename=evil.exe; größe %41\\.txt'
    upload = asked.post(x.CLARA, "/uploads", {"name": name.replace("\\", "")}).json()["id"]
    put(asked, x.CLARA, upload, 1, b"So.")
    asked.post(x.CLARA, f"/uploads/{upload}/complete", {})
    case = asked.raised(x.CLARA, attachments=[upload])["number"]
    asked.shown()
    header = read(asked, x.CLARA, case, upload).headers["content-disposition"]
    assert re.fullmatch(r"attachment; filename=\"[^\"\\]*\"; filename\*=UTF-8''[\w.%-]+", header)
    assert header.endswith("UTF-8''a%22%3B%20filename%3Devil.exe%3B%20gr%C3%B6%C3%9Fe%20%2541.txt")


@pytest.mark.parametrize(
    ("asked_for", "status", "part"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=70000-", 206, slice(70_000, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=65530-65545", 206, slice(65_530, 65_546)),
        ("bytes=0-99999999", 200, slice(None)),
        ("bytes=9-3", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("pages=1-2", 200, slice(None)),
        ("bytes=99999999-", 416, None),
    ],
)
def test_a_part_of_a_file_can_be_asked_for(
    asked: Http, film: tuple[str, str, bytes], asked_for: str, status: int, part: slice | None
) -> None:
    case, file, content = film
    answer = read(asked, x.CLARA, case, file, range=asked_for)
    assert answer.status_code == status
    if part is None:
        assert answer.headers["content-type"] == "application/problem+json"
        return
    assert answer.content == content[part]
    assert answer.headers["accept-ranges"] == "bytes"
    if status == 206:
        begins, ends, _ = part.indices(len(content))
        assert answer.headers["content-range"] == f"bytes {begins}-{ends - 1}/{len(content)}"
    etag = answer.headers["etag"]
    assert read(asked, x.CLARA, case, file, if_none_match=etag).status_code == 304
    with_tag = {"range": "bytes=0-0", "if_range": etag}
    assert read(asked, x.CLARA, case, file, **with_tag).status_code == 206
    assert read(asked, x.CLARA, case, file, range="bytes=0-0", if_range='"x"').status_code == 200


@pytest.fixture(scope="module")
def film(asked: Http) -> tuple[str, str, bytes]:
    content = os.urandom(200_000)
    upload = sent(asked, x.CLARA, "film", content)["id"]
    case = asked.raised(x.CLARA, attachments=[upload])["number"]
    asked.shown()
    return case, upload, content


def test_a_removed_file_stays_for_auditors(asked: Http) -> None:
    case = asked.raised(x.CLARA)["number"]
    upload = sent(asked, x.CLARA, "a.txt", b"So.")["id"]
    attached(asked, x.CLARA, case, upload)
    asked.done(x.CLARA, case, "remove-attachment", attachment=upload)
    asked.shown()
    for by in (x.CLARA, x.ADA, x.ANNA, x.SUE):
        assert listed(asked, by, case) == []
        assert read(asked, by, case, upload).status_code == 404
    (file,) = listed(asked, x.AUDREY, case)
    assert (file["removed"], read(asked, x.AUDREY, case, upload).content) == (True, b"So.")


def test_a_redacted_file_is_gone_for_everybody_and_its_bytes_too(asked: Http) -> None:
    case = asked.raised(x.CLARA)["number"]
    upload = sent(asked, x.CLARA, "secret-name.txt", b"So.")["id"]
    attached(asked, x.CLARA, case, upload)
    asked.done(x.SUE, case, "redact", attachment=upload, reason="A name.")
    asked.shown()
    for by in (x.CLARA, x.ANNA, x.AUDREY):
        (file,) = listed(asked, by, case)
        assert file["name"] is None
        answer = read(asked, by, case, upload)
        assert (answer.status_code, answer.json()["title"]) == (410, "File gone")
        assert "secret-name" not in asked.get(by, f"/cases/{case}/activity").text
    assert f"files/{upload}" in objects()
    sweep(asked)
    assert f"files/{upload}" not in objects()


def sweep(http: Http) -> None:
    async def once() -> None:
        url = http.desk.settings.database_url
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            await swept(conn, codec_of(http.desk.settings), Blobs(FILES.as_uri()))

    asyncio.run(once())


def test_what_expired_is_swept_and_nothing_else(asked: Http, kept: set[str]) -> None:
    case = asked.raised(x.CLARA)["number"]
    waits, late, half = (sent(asked, x.CLARA, "a", b"So.")["id"] for _ in range(3))
    part = begun(asked)
    put(asked, x.CLARA, part, 1, b"So.")
    crashed = sent(asked, x.CLARA, "a", b"Kept.")["id"]
    with psycopg.connect(asked.desk.settings.database_url, autocommit=True) as conn:
        conn.execute("CREATE TEMP TABLE before AS SELECT * FROM desk.uploads")
        attached(asked, x.CLARA, case, crashed)
        # As if the process had died between the event and the forgetting.
        again = "INSERT INTO desk.uploads SELECT * FROM before WHERE id = %s"
        conn.execute(again, [crashed])
        named = "UPDATE desk.uploads SET streams = (SELECT array_agg(id) FROM read.cases)"
        conn.execute(named + " WHERE id = %s", [crashed])
        expire = "UPDATE desk.uploads SET expires_at = now() WHERE id = ANY(%s)"
        conn.execute(expire, [[UUID(id_) for id_ in (late, half, part, crashed)]])
        refused = asked.do(x.CLARA, case, "post", text="So.", attachments=[late])
        assert refused.json()["title"] == "Upload unknown"
        assert asked.get(x.CLARA, f"/uploads/{late}").status_code == 404
        sweep(asked)
        left = conn.execute("SELECT id::text FROM desk.uploads WHERE size = 3").fetchall()
    assert waits in {id_ for (id_,) in left}
    assert objects() - kept == {f"files/{waits}", f"files/{crashed}"}
    assert read(asked, x.CLARA, case, crashed).content == b"Kept."


def test_nobody_has_more_than_a_hundred_uploads_waiting(asked: Http) -> None:
    for _ in range(100):
        begun(asked, x.GUS)
    answer = asked.post(x.GUS, "/uploads", {"name": "a"})
    assert (answer.status_code, answer.json()["title"]) == (409, "Too many uploads")


def test_a_file_that_was_touched_is_said_to_be_damaged(asked: Http) -> None:
    upload = sent(asked, x.CLARA, "a", bytes(100))["id"]
    case = asked.raised(x.CLARA, attachments=[upload])["number"]
    asked.shown()
    file = FILES / "files" / upload
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    answer = read(asked, x.CLARA, case, upload)
    assert (answer.status_code, answer.json()["title"]) == (503, "File damaged")


def test_no_byte_of_a_file_can_be_read_where_it_lies(asked: Http) -> None:
    upload = sent(asked, x.CLARA, "a", b"A wallaby. " * 100)["id"]
    assert b"wallaby" not in Path(FILES / "files" / upload).read_bytes()


def test_scopes_decide_who_may_send_and_read(asked: Http) -> None:
    answer = asked.ask(None, "POST", "/uploads", {"name": "a"})
    assert answer.status_code == 401
