"""Many boards on many machines: an existing engine spreads the work, each of its workers has a private bindd.

    python examples/dask_boards.py BOARD...

Nothing is set up for it: the first use in a worker process starts a daemon there and opens a private workspace, which ends with
the process. Send paths or texts to the workers and plain values back; what must travel as it is, travels by pickle: a view or a
document by value (another copy, with ids of its own), a workspace with a name by that name, on the same machine. A board that
crashes the native side costs its worker one exception, which comes back as that board's result. Needs `pip install distributed`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def report(name: str, text: str) -> dict[str, Any]:
    """One board, in a worker: counts only, so that little goes back."""
    import os

    import bindd
    from bindd import sexp

    try:
        with sexp.parse(text, label=name) as document:
            root = document.root
            assert isinstance(root, sexp.List)
            counts = {kind: len(root.find_all(kind)) for kind in ("footprint", "net", "segment")}
        return {"board": name, "process": os.getpid(), **counts}
    except bindd.BinddError as error:
        return {"board": name, "process": os.getpid(), "error": str(error)}


def report_all(boards: dict[str, str], client: Any) -> list[dict[str, Any]]:
    """client: a dask.distributed.Client. Results in the order of the boards."""
    futures = [client.submit(report, name, text, pure=False) for name, text in boards.items()]
    results: list[dict[str, Any]] = client.gather(futures)
    return results


def main(paths: list[str]) -> None:
    from distributed import Client, LocalCluster

    boards = {path: Path(path).read_text(encoding="utf-8") for path in paths}
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        for row in report_all(boards, client):
            print(row)


if __name__ == "__main__":
    main(sys.argv[1:])
