"""Something done behind a fork. Imports nothing of bindd: some tests have to be there first."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable


def in_child(body: Callable[[], object]) -> None:
    """Runs the body after fork; fails when it fails."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            body()
            status = 0
        except BaseException:  # noqa: B036
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
