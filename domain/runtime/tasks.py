"""Tasks beside the one that runs, ended for certain."""

import asyncio
from typing import Final

AGAIN_SECONDS: Final = 0.1


async def ended(*tasks: asyncio.Task[None]) -> None:
    """Returns when none of the tasks runs any more; what came of them is their own business.

    Cancelled again and again: before Python 3.12 `asyncio.wait_for`, which libraries call, loses
    that it is cancelled in the moment in which what it waits for comes.
    """
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=AGAIN_SECONDS)
