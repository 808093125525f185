import asyncio

from domain.runtime.tasks import ended


async def _loses_what_it_is_told(times: int) -> None:
    while times:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            times -= 1
    await asyncio.sleep(60)


async def _fails() -> None:
    raise ValueError


def test_a_task_ends_though_a_library_loses_that_it_is_cancelled() -> None:
    async def work() -> list[bool]:
        tasks = [asyncio.create_task(_loses_what_it_is_told(n)) for n in range(3)]
        tasks.append(asyncio.create_task(_fails()))
        await asyncio.sleep(0)
        await ended(*tasks)
        return [task.done() for task in tasks]

    assert asyncio.run(asyncio.wait_for(work(), 20)) == [True] * 4
