"""Saving: what a save that is killed at any of its system calls leaves, who owns a file afterwards, links, changes by others."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest
from conftest import Home


def test_killed_at_every_system_call(home: Home, tmp_path: Path) -> None:
    """The file is the old one or the new one, whole; the next save works, and takes away what the killed one left."""
    code = """
import os, sys
from pathlib import Path
from bindd import debug, errors
from bindd.sexp import pcb
from test_models import BOARD
folder = Path(sys.argv[1])
for name in ("old", "fresh"):
    path = folder / f"{name}.kicad_pcb"
    outcomes = {"old": 0, "new": 0}
    step = 0
    while True:
        step += 1
        assert step < 60
        before = None
        if name == "old":
            path.write_text(BOARD)
            before = path.read_bytes()
        else:
            path.unlink(missing_ok=True)
        file = pcb.loads(path) if before else pcb.loads(BOARD.encode())
        file.kicad_pcb.nets[1].name = f"N{step}"
        new = pcb.dumps(file).encode()
        assert new != before and f"N{step}".encode() in new
        debug.die_at("sexp.save", how="KILL", when=str(step))
        try:
            pcb.dumps(file, path)
        except errors.WorkerDied:
            pass
        else:
            assert path.read_bytes() == new
            break
        now = path.read_bytes() if path.exists() else None
        assert now in (before, new), (step, now)
        outcomes["new" if now == new else "old"] += 1
        pcb.dumps(file, path)  # the document is as it was
        assert path.read_bytes() == new
        left = sorted(entry.name for entry in folder.iterdir())
        assert all(not entry.startswith(".bindd-") for entry in left), (step, left)
        file.free()
    assert outcomes["old"] >= 8 and outcomes["new"] >= 2, outcomes
    print(name, outcomes)
"""
    done = home.python(code, str(tmp_path), timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


def test_what_others_left_stays(home: Home, tmp_path: Path) -> None:
    """Only files of dead processes that nobody has locked are taken away."""
    code = """
import fcntl, os, subprocess, sys
from pathlib import Path
from bindd.sexp import pcb
from test_models import BOARD
folder = Path(sys.argv[1])
dead = subprocess.Popen(["true"])
dead.wait()
names = {
    f".bindd-{dead.pid}-0.tmp": False, f".bindd-{dead.pid}-1.tmp": True, f".bindd-{os.getpid()}-0.tmp": True,
    ".bindd-x-0.tmp": True, f".bindd-{dead.pid}-0.txt": True, f".bindd-{dead.pid}.tmp": True,
}
for name in names:
    (folder / name).touch()
locked = open(folder / f".bindd-{dead.pid}-1.tmp")
fcntl.flock(locked, fcntl.LOCK_EX)
(folder / "target").touch()
(folder / f".bindd-{dead.pid}-2.tmp").symlink_to(folder / "target")
(folder / f".bindd-{dead.pid}-3.tmp").mkdir()
pcb.dumps(pcb.loads(BOARD), folder / "a.kicad_pcb")
assert {name: (folder / name).exists() for name in names} == names
assert (folder / f".bindd-{dead.pid}-2.tmp").is_symlink() and (folder / f".bindd-{dead.pid}-3.tmp").is_dir()
"""
    done = home.python(code, str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]


def test_modes_and_links(home: Home, tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from bindd.sexp import pcb
from test_models import BOARD
folder = Path(sys.argv[1])
file = pcb.loads(BOARD)
for mask in (0o022, 0o077, 0o002, 0o000):  # of this process, not of the daemon
    os.umask(mask)
    path = folder / f"{mask:o}.kicad_pcb"
    pcb.dumps(file, path)
    assert path.stat().st_mode & 0o7777 == 0o666 & ~mask, (mask, oct(path.stat().st_mode))
os.umask(0o022)
for mode in (0o600, 0o640, 0o666, 0o444, 0o755):
    path.chmod(mode)
    pcb.dumps(file, path)
    assert path.stat().st_mode & 0o7777 == mode

# Links: through one or several, relative and absolute, to what is not there yet, and into a folder that is a link.
(folder / "real").mkdir()
(folder / "by").symlink_to("real")
(folder / "one").symlink_to("by/target.kicad_pcb")
(folder / "two").symlink_to(folder / "one")
for target in (folder / "two", folder / "one"):
    pcb.dumps(file, target)
    assert (folder / "one").is_symlink() and (folder / "two").is_symlink()
    assert (folder / "real" / "target.kicad_pcb").read_bytes() == path.read_bytes()
    (folder / "real" / "target.kicad_pcb").unlink()
(folder / "lost").symlink_to("none/x")
(folder / "round").symlink_to("round")
for bad in ("lost", "round"):
    try:
        pcb.dumps(file, folder / bad)
    except OSError as error:
        assert error.errno, error
    else:
        raise SystemExit("saved")
    assert (folder / bad).is_symlink()
assert not [entry for entry in os.listdir(folder) if entry.startswith(".bindd")]
"""
    done = home.python(code, str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]


SAVES = {
    "board": "from bindd.sexp import pcb; f = pcb.loads('(kicad_pcb (version 1))'); pcb.dumps(f, sys.argv[1])",
    "view": "from bindd.graph import GraphView; GraphView.create().save(path=sys.argv[1])",
}


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
@pytest.mark.parametrize("owner, group", [(12_345, 23_456), (0, 23_456)])
def test_owner_and_group(home: Home, tmp_path: Path, save: str, owner: int, group: int) -> None:
    """They stay where the system lets whoever saves give a file away: root may; anybody else keeps its own."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    wanted = (os.getuid(), os.getgid())
    if os.getuid() == 0:
        os.chown(path, owner, group)
        wanted = (owner, group)
    path.chmod(0o664)
    done = home.python(f"import sys; {save}", str(path))
    assert done.returncode == 0, done.stderr[-3000:]
    facts = path.stat()
    assert (facts.st_uid, facts.st_gid, facts.st_mode & 0o777) == (*wanted, 0o664) and path.read_bytes() != b"old"


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
def test_access_list_and_attributes(home: Home, tmp_path: Path, save: str) -> None:
    """What the file system keeps of them beside a file, it keeps beside the one that replaces it."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    everybody = 0xFFFF_FFFF
    entries = [(0x01, 6, everybody), (0x02, 4, 12_345), (0x04, 4, everybody), (0x10, 4, everybody), (0x20, 0, everybody)]
    values = {
        "user.note": b"by hand", "user.empty": b"",
        "system.posix_acl_access": struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries),
    }
    for name, value in values.items():
        try:
            os.setxattr(path, name, value)
        except OSError as error:
            assert error.errno == errno.ENOTSUP, error
    before = {name: os.getxattr(path, name) for name in os.listxattr(path)}, path.stat().st_mode
    done = home.python(f"import sys; {save}", str(path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert path.read_bytes() != b"old"
    assert ({name: os.getxattr(path, name) for name in os.listxattr(path)}, path.stat().st_mode) == before


def test_changes_by_others(home: Home, tmp_path: Path) -> None:
    """Between load and save; what comes while a save is at work is in BinddTests/AtomicFileTests."""
    done = home.python("""
import copy, pickle, sys
from pathlib import Path
from bindd import errors
from bindd.sexp import pcb
from test_models import BOARD
def again(value):
    return pickle.loads(pickle.dumps(value))
path = Path(sys.argv[1]) / "a.kicad_pcb"
path.write_text(BOARD)
file = pcb.loads(path)
file.kicad_pcb.version = 7
pcb.dumps(file, path)
path.unlink()  # gone: nothing is lost by writing it
pcb.dumps(file, path)
made = pcb.PcbFile(kicad_pcb=pcb.KicadPcb(generator="g", generator_version="v"))
pcb.dumps(made, path, force=True)
files = {"made": made, "file": pcb.loads(path)}
for name in list(files):
    files |= {f"{name} {how.__name__}": how(files[name]) for how in (copy.copy, copy.deepcopy, again)}
files |= {f"{name} twice": again(one) for name, one in files.items()}
for change in (b"", BOARD.encode() + b" "):
    path.write_bytes(change)
    for name, one in files.items():
        try:
            pcb.dumps(one, path)
        except errors.FileChanged as error:
            assert "load it again" in str(error) or error.hint, error
        else:
            raise SystemExit(f"overwritten: {name}")
        assert path.read_bytes() == change
part = again(files["file"].kicad_pcb)
assert part.generator == "g" and repr(again(files["file"])) == repr(files["file"])
""", str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
