"""Sockets, folders and daemons of somebody else are refused, with the reason; whoever runs these tests may be anybody."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from conftest import Home

COUNT = "from bindd.graph import GraphView; print(GraphView.create().get_node_count())"
NOBODY = 65534
IS_ROOT = os.getuid() == 0

# Connects as another user; prints what came before the end.
INTRUDER = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
link = socket.socket(socket.AF_UNIX)
link.settimeout(10)
link.connect(sys.argv[1])
try:
    print(link.recv(100))
except ConnectionResetError:
    print(b"")
"""

# Listens as another user at a place of ours.
IMPOSTOR = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
os.setuid(int(sys.argv[2]))
listener.listen(8)
print("ready", flush=True)
while True:
    link = listener.accept()[0]
    print("told", link.recv(100), flush=True)
"""


def system_python() -> str:
    """One that another user may run: the test's own may lie in a home folder."""
    return "/usr/bin/python3"


def test_another_users_connection_is_refused(home: Home) -> None:
    assert home.python(COUNT).stdout == "1\n"
    assert home.folder.stat().st_mode & 0o777 == 0o700, "others cannot even enter"
    if not IS_ROOT:  # nobody else to be; BinddTests/ListenerTests has the check behind the folder
        return
    opened = [home.folder, *home.folder.parents[:4]]
    before = {folder: folder.stat().st_mode & 0o7777 for folder in opened}
    try:
        for folder in opened:
            folder.chmod(before[folder] | 0o011)
        home.socket.chmod(0o777)
        intruder = subprocess.run(
            [system_python(), "-c", INTRUDER, str(home.socket), str(NOBODY)], capture_output=True, text=True, timeout=20)
    finally:
        for folder in opened:
            folder.chmod(before[folder])
    assert intruder.stdout == "b''\n", intruder.stderr
    told = [line for line in (home.folder / "t.sock.log").read_text().splitlines() if "peer_refused" in line]
    assert len(told) == 1 and f"has uid {NOBODY}" in told[0], told
    assert home.python(COUNT).stdout == "1\n"


def test_a_daemon_of_another_user_is_told_nothing(home: Home) -> None:
    if not IS_ROOT:
        return
    impostor = subprocess.Popen(
        [system_python(), "-c", IMPOSTOR, str(home.socket), str(NOBODY)], stdout=subprocess.PIPE, text=True)
    try:
        assert impostor.stdout and impostor.stdout.readline() == "ready\n"
        done = home.python(COUNT)
        assert done.returncode == 1 and "BinddUnavailable" in done.stderr, done.stderr
        assert f"belongs to uid {NOBODY}, not to you" in done.stderr, done.stderr
        status = home.command("status")
        assert status.returncode not in (0, 3) and f"uid {NOBODY}" in status.stderr, status
    finally:
        impostor.kill()
        rest = impostor.communicate()[0]
        home.socket.unlink()
    assert all(line == "told b''" for line in rest.splitlines()), f"it was told {rest!r}"


def foreign_folder(tmp_path: Path) -> tuple[Path, int]:
    if not IS_ROOT:
        return Path("/usr"), 0
    folder = tmp_path / "foreign"
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, -1)
    return folder, NOBODY


def test_folders_of_others_are_refused(home: Home, tmp_path: Path) -> None:
    folder, owner = foreign_folder(tmp_path)
    environment = {"BINDD_SOCKET": str(folder / "s.sock")}
    done = home.python(COUNT, **environment)
    assert done.returncode == 1 and "BinddUnavailable" in done.stderr
    assert f"belongs to uid {owner}" in done.stderr and "hint" in done.stderr, done.stderr
    for words in (["status"], ["serve", "--detach"], ["stop"]):
        told = subprocess.run([home.binary, *words], env={**home.environment, **environment}, capture_output=True, text=True)
        assert told.returncode not in (0, 3) and f"belongs to uid {owner}" in told.stderr, (words, told)
    assert not (folder / "s.sock").exists()


@pytest.mark.parametrize("what", ["socket", "lock", "log", "start"])
def test_links_that_were_planted_beside_the_socket(home: Home, tmp_path: Path, what: str) -> None:
    """A link in the place of one of the daemon's files is no way to make it write or listen somewhere else."""
    home.folder.chmod(0o700)
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    name = {"socket": "t.sock", "lock": "t.sock.lock", "log": "t.sock.log", "start": "t.sock.start"}[what]
    planted = home.folder / name
    planted.symlink_to(victim)
    done = home.python(COUNT)
    assert victim.read_text() == "precious\n", f"what stood behind {name} was written to"
    assert not victim.is_socket()
    if done.returncode != 0:
        assert "BinddUnavailable" in done.stderr and name in done.stderr, done.stderr
        planted.unlink()
    assert home.python(COUNT).stdout == "1\n"
    assert victim.read_text() == "precious\n"


def test_a_socket_that_leads_elsewhere(home: Home, tmp_path: Path) -> None:
    """Who can plant a link in our folder is us: it is followed to a daemon of ours, and to nobody else's."""
    elsewhere = Home(tmp_path / "other")
    assert elsewhere.python(COUNT).stdout == "1\n"
    try:
        (home.folder / "t.sock").symlink_to(elsewhere.socket)
        done = home.python(COUNT)
        assert done.stdout == "1\n" or "BinddUnavailable" in done.stderr, done.stderr
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(elsewhere.socket))  # that one is still there
    finally:
        elsewhere.end()
        (home.folder / "t.sock").unlink(missing_ok=True)
