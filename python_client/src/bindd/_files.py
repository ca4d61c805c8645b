"""What all that reads and writes users' files has in common: names as text, what a save may replace, modes. Starts nothing."""

from __future__ import annotations

import errno
import os
import stat


def shown(path: str | bytes | os.PathLike[str]) -> str:
    """A path as text for messages and labels: bytes that are not UTF-8 are no letters, and no reason to refuse a file."""
    return os.fsencode(path).decode("utf-8", "replace")


def is_replaced(path: str) -> bool:
    """Whether a file stands at a path without links. Raises OSError for all but a regular one: a device or a pipe would be gone,
    with a file in its place."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "cannot save to a folder", path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "cannot save to what is no regular file", path)
    return True


def look_like(file: int, old: str) -> None:
    """Gives an open new file owner, group, mode, access list and the user's extended attributes of the file that it replaces, where
    the system lets it. A group that cannot be kept gets no more than all others have."""
    present = os.stat(old)
    mode = stat.S_IMODE(present.st_mode)
    try:
        os.fchown(file, present.st_uid, present.st_gid)
    except OSError:
        mode &= 0o1777
        try:
            os.fchown(file, -1, present.st_gid)
        except OSError:
            mode = mode & ~0o070 | (mode & 0o007) << 3
    os.fchmod(file, mode)
    now = os.fstat(file)
    kept = ("user.", "system.posix_acl_access") if (now.st_uid, now.st_gid) == (present.st_uid, present.st_gid) else ("user.",)
    try:
        names = [name for name in os.listxattr(old) if name.startswith(kept)]
    except OSError:
        return  # a file system without them
    for name in names:
        try:
            os.setxattr(file, name, os.getxattr(old, name))
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENODATA):
                raise


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
