"""`with workspace:`: which workspace static creators use, in nested, interleaved and repeated blocks, threads and tasks."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import bindd
import pytest
from bindd import _bindd, errors
from bindd.graph import GraphView
from fake_daemon import SYNC, FakeDaemon

pytestmark = pytest.mark.timeout(60)


def used() -> int:
    """Generation of the workspace that a static creator uses."""
    return GraphView.create().__zig_address__() >> 32 & 0xFFFFFF


def test_nested(fake: FakeDaemon) -> None:
    with bindd.connect() as outer:
        with bindd.connect() as inner:
            assert used() == inner.generation
        assert used() == outer.generation and not inner.alive
    assert not outer.alive and used() not in (outer.generation, inner.generation)


def test_interleaved(fake: FakeDaemon) -> None:
    first, second, third = bindd.connect(), bindd.connect(), bindd.connect()
    first.__enter__(), second.__enter__(), third.__enter__()
    first.__exit__(None, None, None)
    assert used() == third.generation
    third.__exit__(None, None, None)
    assert used() == second.generation
    second.__exit__(None, None, None)
    assert not _bindd._is_entered()
    assert used() > third.generation


def test_the_same_workspace_again(fake: FakeDaemon) -> None:
    with bindd.connect() as workspace:
        with workspace, workspace:
            assert used() == workspace.generation
        assert workspace.alive and used() == workspace.generation
    assert not workspace.alive
    with pytest.raises(errors.StaleHandleError), workspace:
        pass


def test_an_exit_without_an_enter_closes(fake: FakeDaemon) -> None:
    workspace = bindd.connect()
    workspace.__exit__(None, None, None)
    assert not workspace.alive and not _bindd._is_entered()


def test_threads_have_their_own(fake: FakeDaemon) -> None:
    barrier = threading.Barrier(4)

    def work(_: int) -> bool:
        for _ in range(20):
            with bindd.connect() as workspace:
                barrier.wait(10)
                if used() != workspace.generation:
                    return False
                barrier.wait(10)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


def test_a_thread_may_enter_what_another_one_uses(fake: FakeDaemon) -> None:
    seen: list[int] = []

    def work() -> None:
        with workspace:
            seen.append(used())

    with bindd.connect() as workspace:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(10)
        assert seen == [workspace.generation] and workspace.alive and used() == workspace.generation
    assert not workspace.alive


def test_tasks_have_their_own(fake: FakeDaemon) -> None:
    async def work(turns: int) -> bool:
        with bindd.connect() as workspace:
            for _ in range(turns):
                await asyncio.sleep(0)
                if used() != workspace.generation:
                    return False
        return True

    async def main() -> list[bool]:
        return await asyncio.gather(*(work(turns) for turns in (9, 3, 7, 1, 5)))

    assert all(asyncio.run(main()))
    assert not _bindd._is_entered()


def test_a_task_inherits_and_outlives_its_makers_block(fake: FakeDaemon) -> None:
    async def child(gate: asyncio.Event) -> tuple[int, int]:
        inside = used()
        await gate.wait()
        return inside, used()

    async def main() -> None:
        gate = asyncio.Event()
        with bindd.connect() as outer:
            with bindd.connect() as inner:
                task = asyncio.create_task(child(gate))
                await asyncio.sleep(0)
            gate.set()
            assert await task == (inner.generation, outer.generation)

    asyncio.run(main())


def test_an_exit_in_another_context(fake: FakeDaemon) -> None:
    workspace = bindd.connect()
    contextvars.copy_context().run(workspace.__enter__)
    assert not _bindd._is_entered()
    workspace.__enter__()
    contextvars.Context().run(workspace.__exit__, None, None, None)
    assert workspace.alive
    contextvars.Context().run(workspace.__exit__, None, None, None)
    assert not workspace.alive and not _bindd._is_entered()


def test_a_generator_that_is_left_in_its_block(fake: FakeDaemon) -> None:
    def inside() -> Iterator[int]:
        with bindd.connect() as workspace:
            yield workspace.generation

    generator = inside()
    first = next(generator)
    with bindd.connect() as workspace:
        generator.close()
        assert used() == workspace.generation != first
    assert not _bindd._is_entered()


def test_a_lost_one_is_replaced_within_its_block_and_closed_with_it(fake: FakeDaemon) -> None:
    fake.answer = lambda client, message: message.operation == SYNC and not client.link.shutdown(2)
    with bindd.connect() as outer, bindd.connect() as workspace:
        with workspace:
            with pytest.raises(errors.WorkerCrashed):
                workspace.sync()
            fake.answer = lambda client, message: False
            fresh = used()
            assert fresh > workspace.generation
        assert used() == fresh
        replacement = _bindd._current()
        workspace.__exit__(None, None, None)
        assert not replacement.alive and used() == outer.generation


def test_closed_inside_its_block(fake: FakeDaemon) -> None:
    with bindd.connect() as workspace:
        workspace.close()
        with pytest.raises(errors.StaleHandleError, match="private workspace was closed inside its `with`"):
            GraphView.create()
    used()


def test_nothing_is_left_behind(fake: FakeDaemon) -> None:
    before = bindd.statistics()["live"]["Workspace"]
    for _ in range(10):
        with bindd.connect() as outer, bindd.connect() as inner, outer, inner:
            used()
    del outer, inner
    assert bindd.statistics()["live"]["Workspace"] == before


def test_how_a_workspace_shows_itself(fake: FakeDaemon) -> None:
    with bindd.connect() as private, bindd.connect("") as same:
        assert repr(private) == "<bindd.Workspace private worker 4000000>" == repr(same)
    assert repr(private) == "<bindd.Workspace private worker 4000000 closed>"
