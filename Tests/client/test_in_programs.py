"""bindd inside what runs programs: preforking servers, test runners, kernels, clusters, threads, loops. Afterwards nothing is left.

`home` looks at the end of each test whether a process, a descriptor or a file stayed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from conftest import ROOT, Home, alone


def no_worker(home: Home) -> bool:
    """No private workspace is left: the daemon has none, or is gone itself."""
    done = home.command("status", "-o", "json")
    return done.returncode == 3 or json.loads(done.stdout)["workers"] == []


def test_a_preforking_server(home: Home, tmp_path: Path) -> None:
    """gunicorn loads the program, which uses bindd at once, and forks: each child has a connection of its own."""
    (tmp_path / "served.py").write_text("""
import os
from bindd.graph import GraphView
before_the_fork = GraphView.create()
before_the_fork.create_and_insert_node()
assert before_the_fork.get_node_count() == 2
mine = []

def application(environ, start_response):
    if not mine:
        mine.append(GraphView.create())
    mine[0].create_and_insert_node()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {mine[0].get_node_count()}".encode()]
""")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--preload", "--workers", "3", "--bind", f"127.0.0.1:{port}", "served:application",
         "--worker-tmp-dir", str(tmp_path)],
        env=home.environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seen: dict[str, list[int]] = {}

    def ask() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                pid, count = answer.read().decode().split()
        except (ConnectionError, urllib.error.URLError):
            return False
        seen.setdefault(pid, []).append(int(count))
        return len(seen) == 3

    try:
        assert home.wait_until(ask, 20), seen
        for counts in seen.values():
            assert counts == list(range(2, 2 + len(counts))), "each process counts its own"
    finally:
        server.terminate()
        out, _ = server.communicate(timeout=20)
    assert "Traceback" not in out, out
    assert home.wait_until(lambda: no_worker(home)), "the workers went with their clients"


def test_a_distributed_test_run(home: Home, tmp_path: Path) -> None:
    (tmp_path / "test_many.py").write_text("""
import pytest
from bindd.graph import GraphView
@pytest.mark.parametrize("count", range(12))
def test_one(count):
    view = GraphView.create()
    for _ in range(count):
        view.create_and_insert_node()
    assert view.get_node_count() == count + 1
""")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "3", "-p", "no:cacheprovider", str(tmp_path)], env=home.environment,
        cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert "12 passed" in done.stdout, done.stdout + done.stderr
    assert home.wait_until(lambda: no_worker(home))


def test_a_kernel_is_restarted(home: Home, tmp_path: Path) -> None:
    """The worker of a Jupyter kernel goes with it, also when the kernel is restarted or killed."""
    done = subprocess.run([sys.executable, "-c", """
import os, sys
from jupyter_client import KernelManager
import bindd

def run(client, code):
    text = []
    answer = client.execute_interactive(code, timeout=30, output_hook=lambda message: text.append(message["content"].get("text", "")))
    assert answer["content"]["status"] == "ok", answer["content"]
    return "".join(text)

manager = KernelManager(kernel_name="python3")
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
code = "from bindd.graph import GraphView; v = GraphView.create(); print(v.get_node_count()); from bindd import _bindd; print(_bindd._current().pid)"
one, first = run(client, code).split()
for now in (False, True):
    manager.restart_kernel(now=now)
    client.wait_for_ready(timeout=60)
    count, second = run(client, code).split()
    assert count == one == "1" and second != first
    end = 100
    while os.path.exists(f"/proc/{first}") and end:
        import time; time.sleep(0.05); end -= 1
    assert not os.path.exists(f"/proc/{first}"), "the old kernel's worker is still there"
    assert len(bindd.handles()["workspaces"]) == 1
    first = second
client.stop_channels()
manager.shutdown_kernel(now=True)
print("good")
"""], env={**home.environment, "IPYTHONDIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=110)
    assert done.stdout.endswith("good\n"), done.stdout + done.stderr
    assert home.wait_until(lambda: no_worker(home))


def test_two_hundred_boards_through_a_cluster(home: Home, tmp_path: Path) -> None:
    """examples/dask_boards.py as a program would use it."""
    script = tmp_path / "cluster.py"
    script.write_text(f"""
import sys
sys.path.insert(0, {str(ROOT / "examples")!r})
from dask_boards import report_all

def board(number):
    parts = "".join(f'\\n  (footprint "R_0402" (layer "F.Cu") (at {{i}} {{number}}))' for i in range(number % 7))
    return f'(kicad_pcb (version 20240108) (net 0 "") (net 1 "GND"){{parts}})'

def crash(text):
    from bindd import debug
    debug.crash(how="SEGV")

if __name__ == "__main__":
    import bindd
    from distributed import Client, LocalCluster
    boards = {{f"board{{number}}": board(number) for number in range(200)}}
    boards["broken"] = "(kicad_pcb (net"
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory={str(tmp_path)!r}) as cluster:
        with Client(cluster) as client:
            rows = report_all(boards, client)
            *good, broken = rows
            assert [row["footprint"] for row in good] == [number % 7 for number in range(200)]
            assert all(row["net"] == 2 for row in good) and "line 1" in broken["error"].replace(":1:", " line 1 ")
            processes = {{row["process"] for row in rows}}
            assert len(processes) == 2, processes
            workers = [w for w in bindd.handles()["workspaces"] if w["name"] == ""]
            assert len(workers) == 2, "each has a private workspace"
            try:
                client.submit(crash, "x", pure=False).result()
            except bindd.WorkerCrashed as error:
                assert error.signal_name == "SIGSEGV"
            assert report_all({{"again": board(5)}}, client)[0]["footprint"] == 5, "a crash costs one result"
    print("good")
""")
    done = subprocess.run([sys.executable, script], env=home.environment, capture_output=True, text=True, timeout=110)
    assert done.stdout == "good\n", done.stdout + done.stderr[-4000:]
    assert home.wait_until(lambda: no_worker(home))


@alone
def test_eight_threads_build_at_once() -> None:
    import threading

    from bindd.graph import EdgeReference, GraphView

    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def build(number: int) -> None:
        try:
            start.wait()
            for _ in range(5):
                view = GraphView.create()
                last = view.get_self_node().node()
                for count in range(200):
                    node = view.create_and_insert_node().node()
                    view.insert_edge(edge=EdgeReference.create(source=last, target=node, edge_type=number, order=count))
                    last = node
                assert view.get_counts() == (201, 200)
                assert {row["order"] for row in view.attribute_rows(of="edges")} == set(range(200))
                view.destroy()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


@alone
def test_a_loop_goes_on_while_threads_wait() -> None:
    """asyncio.to_thread is the way: the wait is without the GIL, so that the loop and 1,000 tasks go on meanwhile."""
    import asyncio

    from bindd import debug
    from bindd.graph import GraphView

    async def one(number: int) -> int:
        def work() -> int:
            view = GraphView.create()
            for _ in range(number % 5):
                view.create_and_insert_node()
            return int(view.get_node_count())

        return await asyncio.to_thread(work)

    async def main() -> None:
        hanging = asyncio.create_task(asyncio.to_thread(debug.hang, 0.5))
        turns = 0
        while not hanging.done():
            await asyncio.sleep(0.001)
            turns += 1
        await hanging
        assert turns > 20, f"the loop turned {turns} times while a call waited"
        results = await asyncio.gather(*(one(number) for number in range(1000)))
        assert results == [number % 5 + 1 for number in range(1000)]

    asyncio.run(main())


def test_a_notebook_shows_a_workspace_as_a_table(home: Home) -> None:
    done = home.python("""
from xml.etree import ElementTree
import bindd
from bindd.graph import GraphView
with bindd.connect("<lab>") as workspace:
    def shown():
        table = ElementTree.fromstring(workspace._repr_html_())
        return table.find("caption").text, {name.text: value.text for name, value in table.iter("tr")}
    assert shown()[1]["handles"] == "none"
    views = [GraphView.create() for _ in range(1200)]
    title, rows = shown()
    assert title == "bindd: workspace '<lab>'" and rows["GraphView"] == "1,200" and rows["state"] == "alive", rows
    assert rows["worker"] == str(workspace.pid) and "NodeReference" not in rows
    before = workspace.statistics()
    shown()
    assert workspace.statistics() == before, "nobody is asked"
assert shown()[1]["state"] == "closed"
""")
    assert done.returncode == 0, done.stderr


@alone
def test_a_loop_goes_on_while_a_task_connects() -> None:
    """The daemon is not there at first: the loop turns while it starts. A task that is cancelled leaves no connection."""
    import asyncio

    import bindd
    import pytest
    from bindd.graph import GraphView
    from inspection import inspect
    from test_memory import until

    async def main() -> None:
        opening = asyncio.create_task(bindd.aconnect("lab", timeout=20))
        turns = 0
        while not opening.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 1
        with await opening as workspace:
            assert workspace.name == "lab" and GraphView.create().get_node_count() == 1
            opened = await asyncio.gather(*(bindd.aconnect("lab") for _ in range(20)))
            assert len({each.pid for each in opened}) == 1
            for each in opened:
                each.close()
            with pytest.raises(ValueError, match="timeout must be"):
                await bindd.aconnect(timeout=0)
            given_up = [asyncio.create_task(bindd.aconnect("lab")) for _ in range(20)]
            await asyncio.sleep(0)  # each has a thread that connects
            for task in given_up:
                task.cancel()
            assert all(isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*given_up, return_exceptions=True))

    asyncio.run(main())  # waits for the threads, not for what they opened

    def clients() -> list[str]:
        return [client for each in inspect()["workspaces"] if each["name"] == "lab" for client in each["clients"]]

    assert until(lambda: clients() == []), clients()


def test_the_recipe_can_be_read() -> None:
    """The example imports nothing at its top that a reader may lack."""
    spec = importlib.util.spec_from_file_location("dask_boards", ROOT / "examples" / "dask_boards.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert os.path.basename(module.__file__ or "") == "dask_boards.py" and "private bindd" in (module.__doc__ or "")
