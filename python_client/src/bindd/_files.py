"""What all that reads and writes users' files has in common: names as text, what a save may replace, modes. Starts nothing."""

from __future__ import annotations

import errno
import os
import stat


def shown(path: str | bytes | os.PathLike[str]) -> str:
    """A path as text for messages and labels: bytes that are not UTF-8 are no letters, and no reason to refuse a file."""
    return os.fsencode(path).decode("utf-8", "replace")


def check_replaceable(path: str) -> int | None:
    """The mode of what stands at a path without links; None where nothing does. Raises OSError for all but a regular file: a
    device or a pipe would be gone, with a file in its place."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "cannot save to a folder", path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "cannot save to what is no regular file", path)
    return stat.S_IMODE(mode)


def mode_of_new_files() -> int:
    """By this process's umask, which the daemon does not share. Looked up without changing it, also not for a moment."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
            for line in stream:
                if line.startswith("Umask:"):
                    return 0o666 & ~int(line.split()[1], 8)
    except (OSError, ValueError, IndexError):
        pass
    return 0o600
