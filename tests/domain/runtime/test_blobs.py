"""A file is read as it was written, from anywhere in it, and not at all once it was touched."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.runtime import blobs
from domain.runtime.blobs import PIECE, SALT_BYTES, TAG_BYTES, Blobs, FileDamaged, FilesAway
from tests.bench.http import answers
from tests.deploy.running import free_port, within

KEY = bytes(range(32))
WHOLE = PIECE + TAG_BYTES


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "files"


async def given_in(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def written(place: Path, content: bytes, name: str = "a/b", cut: int = 10_000) -> Blobs:
    kept = Blobs(place.as_uri())
    parts = [content[at : at + cut] for at in range(0, len(content), cut)]
    assert asyncio.run(kept.write(name, KEY, given_in(parts))) == len(content)
    return kept


def read(kept: Blobs, size: int, *where: int, key: bytes = KEY, name: str = "a/b") -> bytes:
    async def all_of_it() -> bytes:
        return b"".join([part async for part in kept.read(name, key, size, *where)])

    return asyncio.run(all_of_it())


SIZES = st.sampled_from([0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 20 * PIECE + 7])


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(SIZES, st.integers(1, 3 * PIECE), st.data())
def test_any_part_of_a_file_is_what_was_written(
    place: Path, size: int, cut: int, data: st.DataObject
) -> None:
    content = os.urandom(size)
    kept = written(place, content, cut=cut)
    begins = data.draw(st.integers(0, size))
    ends = data.draw(st.integers(begins, size))
    assert read(kept, size) == content
    assert read(kept, size, begins, ends) == content[begins:ends]


def test_no_byte_of_it_can_be_read_in_the_store_and_no_two_writings_are_alike(place: Path) -> None:
    content = b"A secret. " * 1_000
    written(place, content)
    first = (place / "a" / "b").read_bytes()
    written(place, content)
    second = (place / "a" / "b").read_bytes()
    assert b"secret" not in first
    assert len(first) == SALT_BYTES + len(content) + TAG_BYTES
    assert first[SALT_BYTES:] != second[SALT_BYTES:]


@pytest.mark.parametrize(
    "touched",
    [
        lambda kept: kept[:-1],
        lambda kept: kept + b"x",
        lambda kept: kept[: SALT_BYTES + WHOLE],
        lambda kept: kept[:SALT_BYTES] + kept[SALT_BYTES + WHOLE :],
        lambda kept: kept[: SALT_BYTES + 5] + b"\0" + kept[SALT_BYTES + 6 :],
        lambda kept: b"\0" * SALT_BYTES + kept[SALT_BYTES:],
        lambda kept: (
            kept[:SALT_BYTES]
            + kept[SALT_BYTES + WHOLE : SALT_BYTES + 2 * WHOLE]
            + kept[SALT_BYTES : SALT_BYTES + WHOLE]
            + kept[SALT_BYTES + 2 * WHOLE :]
        ),
        lambda _kept: b"",
    ],
)
def test_what_was_touched_is_not_read(place: Path, touched: object) -> None:
    content = os.urandom(2 * PIECE + 100)
    kept = written(place, content)
    file = place / "a" / "b"
    assert callable(touched)
    file.write_bytes(touched(file.read_bytes()))
    with pytest.raises(FileDamaged):
        read(kept, len(content))


def test_another_key_opens_nothing_and_what_is_removed_is_gone(place: Path) -> None:
    kept = written(place, b"Words.")
    with pytest.raises(FileDamaged):
        read(kept, 6, key=bytes(32))
    asyncio.run(kept.remove(["a/b", "never/there"]))
    with pytest.raises(FileDamaged):
        read(kept, 6)
    assert not [file for file in place.rglob("*") if file.is_file()]


def test_a_large_file_is_read_a_few_pieces_at_a_time(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "AT_ONCE", 2)
    content = os.urandom(5 * PIECE + 1)
    assert read(written(place, content), len(content)) == content


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An object store that speaks as S3 does, on loopback; a bucket in it."""
    port = free_port()
    program = str(Path(sys.executable).with_name("moto_server"))
    command = [program, "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert within(30, lambda: answers(port)), "moto did not start"
        url = f"http://127.0.0.1:{port}"
        urlopen(Request(f"{url}/casebook", method="PUT")).close()  # noqa: S310  loopback
        yield url
    finally:
        process.terminate()
        process.wait(10)


def test_an_object_store_does_as_well_as_a_folder(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one request, and in several parts of its own."""
    for name, value in {
        "AWS_ENDPOINT_URL": bucket,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    kept = Blobs("s3://casebook/some/where")
    for content in (b"", b"Words.", os.urandom(10_000_000)):
        assert asyncio.run(kept.write("a/b", KEY, given_in([content]))) == len(content)
        assert read(kept, len(content)) == content
    assert read(kept, 10_000_000, 70_000, 90_000) == content[70_000:90_000]
    asyncio.run(kept.remove(["a/b", "never/there"]))
    with pytest.raises(FileDamaged):
        read(kept, len(content))


def test_a_store_that_does_not_answer_is_said_to_be_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(FilesAway):
        written(tmp_path / "file" / "below", b"Words.")
    kept = written(tmp_path / "files", b"Words.", "folder/file")
    with pytest.raises(FilesAway):
        asyncio.run(kept.remove(["folder"]))
