"""The append queue: what each caller is told, whatever happens to the others."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest

from domain.runtime.appending import (
    MOST_ITEMS,
    Answer,
    AppendQueue,
    CommandRefused,
    OutcomeUnknown,
    QueueClosed,
    QueueFull,
)
from domain.runtime.frames import MOST_STATE_BYTES, Frame, StateTooLarge
from tests.conftest import Database
from tests.domain.runtime.appended import a_frame, positions, rows, run

NOWHERE = "postgresql://nobody@/nothing?host=/nowhere"
NOT_WAITING = timedelta(seconds=0)


def test_appended_conflict_and_repeated_are_told_apart(database: Database) -> None:
    async def main() -> None:
        stream, command = uuid4(), uuid4()
        async with AppendQueue(database.url) as queue:
            two = [a_frame(stream, 1), a_frame(stream, 2)]
            assert await queue.append(two, command) == Answer("appended", 1)
            assert await queue.append([a_frame(stream, 2)], uuid4()) == Answer("conflict", None)
            assert await queue.append([a_frame(stream, 3)], command) == Answer("repeated", 1)

    run(main())


def test_a_command_that_changes_nothing_is_remembered_through_the_queue(
    database: Database,
) -> None:
    async def main() -> None:
        stream, command = uuid4(), uuid4()
        async with AppendQueue(database.url) as queue:
            await queue.append([a_frame(stream, 1)], uuid4())
            for outcome in ("unchanged", "repeated"):
                answer = await queue.remember(command, digest="d", stream=stream, version=1)
                assert answer == Answer(outcome, 1)
            stale = await queue.remember(uuid4(), digest="d", stream=stream, version=7)
            assert stale == Answer("conflict", None)

    run(main())


def test_of_two_commands_on_one_version_one_is_appended(database: Database) -> None:
    async def main() -> list[Answer]:
        stream = uuid4()
        async with AppendQueue(database.url) as queue:
            both = (queue.append([a_frame(stream)], uuid4()) for _ in range(2))
            return await asyncio.gather(*both)

    assert sorted(answer.outcome for answer in run(main())) == ["appended", "conflict"]


@pytest.mark.parametrize("shared", ["stream", "command"])
def test_a_stream_and_a_command_stand_once_in_a_flush(database: Database, shared: str) -> None:
    """Else the database would refuse the flush, and halving it would cost everybody time."""

    async def main() -> list[Answer]:
        frame, command = a_frame(), uuid4()
        twice = (frame, uuid4()) if shared == "stream" else (a_frame(), command)
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            async with AppendQueue(database.url) as queue:
                owner.execute("SELECT pg_advisory_lock(4716)")  # nothing is written meanwhile
                given = [(frame, command), twice, (a_frame(), uuid4())]
                tasks = [asyncio.create_task(queue.append([f], id_)) for f, id_ in given]
                await asyncio.sleep(0.1)
                assert (queue._in_the_air, queue.waiting) == (2, 1)
                owner.execute("SELECT pg_advisory_unlock(4716)")
                return await asyncio.gather(*tasks)

    one, two, other = run(main())
    assert (one, other) == (Answer("appended", 1), Answer("appended", 2))
    assert two.outcome == ("conflict" if shared == "stream" else "repeated")


def test_a_command_given_twice_at_once_is_written_once(database: Database) -> None:
    async def main() -> list[Answer]:
        command, frames = uuid4(), [a_frame()]
        async with AppendQueue(database.url) as queue:
            return await asyncio.gather(*(queue.append(frames, command) for _ in range(3)))

    answers = run(main())
    assert sorted(answer.outcome for answer in answers) == ["appended", "repeated", "repeated"]
    assert {answer.first_position for answer in answers} == {1}


def test_a_conflict_over_two_streams_is_told_to_its_caller_alone(database: Database) -> None:
    async def main() -> list[Answer]:
        taken = a_frame()
        async with AppendQueue(database.url) as queue:
            await queue.append([taken], uuid4())
            commands = ([a_frame()], [a_frame(), taken], [a_frame(), a_frame()])
            return await asyncio.gather(*(queue.append(frames, uuid4()) for frames in commands))

    assert run(main()) == [Answer("appended", 2), Answer("conflict", None), Answer("appended", 3)]


POISON = {
    "a topic too long": a_frame(topic="x" * 256),
    "a topic with a zero": a_frame(topic="a\0b"),
    "a version beyond an integer": a_frame(version=2**40),
    "an unknown slot": a_frame(keys={"other": b"k"}),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
@pytest.mark.parametrize("others", [2, 100])
def test_poison_harms_its_own_command_alone(database: Database, poison: Frame, others: int) -> None:
    async def main() -> list[Answer | BaseException]:
        frames = [*(a_frame() for _ in range(others)), poison, *(a_frame() for _ in range(others))]
        async with AppendQueue(database.url) as queue:
            return await asyncio.gather(
                *(queue.append([frame], uuid4()) for frame in frames), return_exceptions=True
            )

    answers = run(main())
    refused = answers.pop(others)
    assert isinstance(refused, CommandRefused)
    assert [answer.outcome for answer in answers if isinstance(answer, Answer)] == (
        ["appended"] * 2 * others
    )
    assert positions(database) == list(range(1, 2 * others + 1))


def test_a_state_above_256_kib_is_refused_to_its_own_caller(database: Database) -> None:
    async def main() -> list[Answer | BaseException]:
        too_large = a_frame(state=b"x" * (MOST_STATE_BYTES + 1))
        async with AppendQueue(database.url) as queue:
            return await asyncio.gather(
                *(queue.append([frame], uuid4()) for frame in (a_frame(), too_large, a_frame())),
                return_exceptions=True,
            )

    one, refused, two = run(main())
    assert (one, two) == (Answer("appended", 1), Answer("appended", 2))
    assert isinstance(refused, StateTooLarge)


def test_what_cannot_be_encoded_fails_in_its_own_caller(database: Database) -> None:
    async def main() -> tuple[Answer | BaseException, ...]:
        async with AppendQueue(database.url) as queue:
            return await asyncio.gather(
                queue.append([a_frame()], uuid4()),
                queue.append([a_frame(topic="\ud800")], uuid4()),
                return_exceptions=True,
            )

    good, bad = run(main())
    assert good == Answer("appended", 1)
    assert isinstance(bad, TypeError)


def test_cancelled_while_waiting_is_not_written(database: Database) -> None:
    async def main() -> None:
        async with AppendQueue(database.url) as queue:
            tasks = [asyncio.create_task(queue.append([a_frame()], uuid4())) for _ in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(outcomes[1], asyncio.CancelledError)

    run(main())
    assert positions(database) == [1, 2]


def test_cancelled_in_the_air_leaves_the_others_their_answers(database: Database) -> None:
    async def main() -> list[Answer | BaseException]:
        with psycopg.connect(database.owner_url, autocommit=True) as owner:
            async with AppendQueue(database.url) as queue:
                owner.execute("SELECT pg_advisory_lock(4716)")  # nothing is written meanwhile
                tasks = [asyncio.create_task(queue.append([a_frame()], uuid4())) for _ in range(3)]
                await asyncio.sleep(0.1)
                assert queue._in_the_air == 3
                tasks[1].cancel()
                owner.execute("SELECT pg_advisory_unlock(4716)")
                return await asyncio.gather(*tasks, return_exceptions=True)

    one, cancelled, three = run(main())
    assert (one, three) == (Answer("appended", 1), Answer("appended", 3))
    assert isinstance(cancelled, asyncio.CancelledError)
    assert positions(database) == [1, 2, 3]


def test_more_than_a_flush_goes_out_in_several(database: Database) -> None:
    async def main() -> list[Answer]:
        async with AppendQueue(database.url) as queue:
            many = (queue.append([a_frame()], uuid4()) for _ in range(3 * MOST_ITEMS + 1))
            return await asyncio.gather(*many)

    found = [answer.first_position for answer in run(main())]
    assert sorted(filter(None, found)) == positions(database)
    assert len(found) == 3 * MOST_ITEMS + 1


def test_a_flush_larger_than_any_socket_buffer_arrives_whole(database: Database) -> None:
    async def main() -> list[Answer]:
        async with AppendQueue(database.url) as queue:
            large = [a_frame(state=b"%03d" % n + b"x" * 200_000) for n in range(60)]
            return await asyncio.gather(*(queue.append([frame], uuid4()) for frame in large))

    assert {answer.outcome for answer in run(main())} == {"appended"}
    found = rows(database, "SELECT substr(state, 1, 3), length(state) FROM log.events ORDER BY 1")
    assert found == [(b"%03d" % n, 200_003) for n in range(60)]


def test_a_full_queue_refuses_at_once(database: Database) -> None:
    async def main() -> list[Answer | BaseException]:
        async with AppendQueue(database.url, most_waiting=20) as queue:
            return await asyncio.gather(
                *(queue.append([a_frame()], uuid4()) for _ in range(21)), return_exceptions=True
            )

    *taken, refused = run(main())
    assert isinstance(refused, QueueFull)
    assert refused.retry_after > NOT_WAITING
    assert len(taken) == 20
    assert len(positions(database)) == 20


def test_leaving_writes_what_was_taken_and_takes_no_more(database: Database) -> None:
    async def main() -> None:
        async with AppendQueue(database.url) as queue:
            tasks = [asyncio.create_task(queue.append([a_frame()], uuid4())) for _ in range(600)]
            await asyncio.sleep(0)
        assert {answer.outcome for answer in await asyncio.gather(*tasks)} == {"appended"}
        with pytest.raises(QueueClosed):
            await queue.append([a_frame()], uuid4())

    run(main())
    assert len(positions(database)) == 600


def test_while_the_database_stays_away_the_outcome_is_unknown() -> None:
    async def main() -> None:
        async with AppendQueue(NOWHERE, patience=timedelta(seconds=0.1)) as queue:
            for _ in range(2):
                with pytest.raises(OutcomeUnknown):
                    await queue.append([a_frame()], uuid4())

    run(main())


def test_a_cancelled_writer_leaves_nobody_waiting(database: Database) -> None:
    async def main() -> list[Answer | BaseException]:
        queue = AppendQueue(database.url)
        await queue.__aenter__()
        tasks = [asyncio.create_task(queue.append([a_frame()], uuid4())) for _ in range(50)]
        await asyncio.sleep(0)
        for writer in queue._writers:
            writer.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert {type(outcome) for outcome in run(main())} == {OutcomeUnknown}


def test_the_service_may_start_before_its_database_is_there(database: Database) -> None:
    async def main() -> list[bool]:
        async with AppendQueue(NOWHERE) as queue:
            waiting = asyncio.create_task(queue.append([a_frame()], uuid4()))
            await asyncio.sleep(0.05)
            health = [queue.healthy]
            queue._url = database.url
            assert (await waiting).outcome == "appended"
            health.append(queue.healthy)
        return [*health, queue.healthy]

    assert run(main()) == [False, True, False]
    assert positions(database) == [1]
