"""The append queue on a bad way to the database: nothing is lost and nothing is written twice."""

import asyncio
from uuid import uuid4

import psycopg

from domain.runtime.appending import Answer, AppendQueue
from tests.conftest import Database
from tests.domain.runtime.appended import a_frame, positions, rows, run
from tests.domain.runtime.losing_proxy import losing_proxy

TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE application_name = 'casebook append' AND datname = current_database()
"""


def test_an_answer_that_got_lost_is_asked_for_again(database: Database) -> None:
    async def main() -> list[Answer]:
        async with losing_proxy(database.url) as proxy, AppendQueue(proxy.url) as queue:
            await queue.append([a_frame()], uuid4())
            proxy.every = 5
            answers = [await queue.append([a_frame()], uuid4()) for _ in range(40)]
            assert proxy.lost > 3
            return answers

    answers = run(main())
    assert [answer.first_position for answer in answers] == list(range(2, 42))
    assert positions(database) == list(range(1, 42))
    assert Answer("appended", 2) in answers
    # One's own first try, found again: only after a resend can `repeated` mean that.
    assert any(answer.outcome == "repeated" and answer.resent for answer in answers)
    assert not any(answer.outcome == "repeated" and not answer.resent for answer in answers)


def test_two_flushes_lost_together_are_both_found_again(database: Database) -> None:
    async def main() -> list[Answer]:
        async with losing_proxy(database.url) as proxy, AppendQueue(proxy.url) as queue:
            await queue.append([a_frame()], uuid4())
            proxy.every = 4
            answers: list[Answer] = []
            for _ in range(10):
                many = (queue.append([a_frame(), a_frame()], uuid4()) for _ in range(64))
                answers += await asyncio.gather(*many)
            return answers

    answers = run(main())
    first = sorted(answer.first_position or 0 for answer in answers)
    assert first == list(range(2, 2 + 2 * 10 * 64, 2))
    assert positions(database) == list(range(1, 2 + 2 * 10 * 64))
    assert any(answer.resent for answer in answers)


def test_what_changed_nothing_is_remembered_once_though_its_answer_got_lost(
    database: Database,
) -> None:
    async def main() -> list[Answer]:
        stream = uuid4()
        async with losing_proxy(database.url) as proxy, AppendQueue(proxy.url) as queue:
            await queue.append([a_frame(stream)], uuid4())
            proxy.every = 5
            return [
                await queue.remember(uuid4(), digest="d", stream=stream, version=1)
                for _ in range(30)
            ]

    answers = run(main())
    assert {answer.outcome for answer in answers} == {"unchanged", "repeated"}
    assert {answer.first_position for answer in answers} == {1}
    assert rows(database, "SELECT count(*) FROM log.unchanged") == [(30,)]


def test_the_queue_is_unwell_while_nobody_comes_through_and_well_again_afterwards(
    database: Database,
) -> None:
    async def main() -> list[bool]:
        async with losing_proxy(database.url) as proxy, AppendQueue(proxy.url) as queue:
            await queue.append([a_frame()], uuid4())
            health = [queue.healthy]
            await proxy.stop()
            waiting = asyncio.create_task(queue.append([a_frame()], uuid4()))
            await asyncio.sleep(0.05)
            health.append(queue.healthy)
            await proxy.start()
            assert await waiting == Answer("appended", 2, resent=True)
            return [*health, queue.healthy]

    assert run(main()) == [True, False, True]


def test_a_terminated_backend_costs_a_new_connection_and_no_command(database: Database) -> None:
    async def main() -> list[Answer]:
        answers: list[Answer] = []
        owner = await psycopg.AsyncConnection.connect(database.owner_url, autocommit=True)
        async with owner, AppendQueue(database.url) as queue:
            for _ in range(10):
                many = (queue.append([a_frame()], uuid4()) for _ in range(50))
                _, *found = await asyncio.gather(owner.execute(TERMINATE), *many)
                answers += [answer for answer in found if isinstance(answer, Answer)]
        return answers

    answers = run(main())
    assert sorted(answer.first_position or 0 for answer in answers) == list(range(1, 501))
    assert positions(database) == list(range(1, 501))


def test_poison_beside_lost_answers_still_harms_itself_alone(database: Database) -> None:
    async def main() -> list[Answer | BaseException]:
        async with losing_proxy(database.url) as proxy, AppendQueue(proxy.url) as queue:
            await queue.append([a_frame()], uuid4())
            proxy.every = 7
            frames = [
                a_frame(topic="x" * (300 if number % 40 == 7 else 3)) for number in range(200)
            ]
            return await asyncio.gather(
                *(queue.append([frame], uuid4()) for frame in frames), return_exceptions=True
            )

    answers = run(main())
    good = [answer for answer in answers if isinstance(answer, Answer)]
    assert len(good) == 195
    assert sorted(answer.first_position or 0 for answer in good) == list(range(2, 197))
    assert positions(database) == list(range(1, 197))


def test_a_socket_that_the_loop_no_longer_watches_is_looked_after(database: Database) -> None:
    """As after a kill of the server, when a new socket had the number of the lost one."""

    async def main() -> list[Answer]:
        async with AppendQueue(database.url) as queue:
            answers = [await queue.append([a_frame()], uuid4())]
            assert queue._pipeline is not None
            asyncio.get_running_loop().remove_reader(queue._pipeline._socket)
            answers += await asyncio.gather(*(queue.append([a_frame()], uuid4()) for _ in "ab"))
            return answers

    assert [answer.first_position for answer in run(main())] == [1, 2, 3]
