"""docs/LEAKS.md, run: its program, its three commands, in its order, each fed with what the one before showed."""

from __future__ import annotations

import re
import subprocess
import sys

from conftest import ROOT, Home

TEXT = (ROOT / "docs" / "LEAKS.md").read_text()


def test_the_leak_is_found_in_three_commands(home: Home) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    commands = [command.split()[1:] for command in re.findall(r"^\$ (bindd .*)$", TEXT, re.M)]
    assert len(commands) == 3
    path = home.folder / "leaky.py"
    path.write_text(program)
    leak = next(number for number, text in enumerate(program.splitlines(), 1) if "sexp.parse" in text)
    caller = next(number for number, text in enumerate(program.splitlines(), 1) if "document = read_board()" in text)
    running = subprocess.Popen([sys.executable, path], env=home.environment)
    try:
        assert home.wait_until(lambda: home.command("inspect", "handles").returncode == 0 and "Document" in home.command(
            "inspect", "handles").stdout, 20)
        growing = home.command(*commands[0])
        assert growing.returncode == 0, growing.stderr
        kinds = [line.split()[0] for line in growing.stdout.splitlines()[1:] if "leaky.py" in line]
        assert kinds == ["Document"], growing.stdout
        assert commands[1][commands[1].index("--kind") + 1] == kinds[0]
        by_place = home.command(*commands[1]).stdout
        line = by_place.splitlines()[1]
        assert re.search(rf"leaky\.py:{leak} read_board <- .*leaky\.py:{caller} on_change <- ", line), by_place
        assert "board.kicad_pcb" in line
        (id,) = re.findall(r"0x[0-9a-f]{16}", line)
        one = home.command(*[id if word == "ID" else word for word in commands[2]])
        assert one.returncode == 0, one.stderr
        assert re.search(rf"at +.*leaky\.py:{leak} read_board <- .*leaky\.py:{caller} on_change", one.stdout), one.stdout
        assert re.search(r"label +board\.kicad_pcb", one.stdout) and f"pid {running.pid}" in one.stdout
        hints = home.command("inspect", "handles").stdout
        assert "of the same label board.kicad_pcb: opened again and not freed?" in hints
        assert home.command("inspect", "handles", "--kind", "Document", "--fail-if", "count>10").returncode == 4
    finally:
        running.kill()
        running.wait()
        path.unlink()
