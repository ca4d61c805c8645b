"""What becomes of a workspace whose worker died: asking the supervisor how, going on with the next worker, and the exception
in words. The extension calls `obituary`, `kill`, `Return`, `recovered`, `crash_error`, `hung_error`; each has a deadline.
"""

from __future__ import annotations

import json
import os
import signal as signals
import sys
import time
from typing import Any

from bindd import _daemon
from bindd.errors import BinddUnavailable, MemoryLimit, ProtocolError, WorkerCrashed, WorkerDied, WorkerHung

STOPPED = "the daemon was stopped"  # what a worker says before it leaves on the supervisor's word …
GONE = "the daemon is gone"  # … or because there is no supervisor any more
RETURN_S = 5.0  # connecting again; what the next worker then takes to apply a journal is not counted


def _ask_obituary(path: str, command: str, arguments: dict[str, int | str]) -> dict[str, Any]:
    """What the supervisor knows; "gone" when there is none, nothing when it cannot be asked. One that ends over the question
    is as good as gone. Only Ctrl-C comes through."""
    deadline = time.monotonic() + _daemon.CONTROL_S
    peer = 0
    try:
        link = _daemon._running(path, deadline)
        if link is None:
            return {"known": False, "gone": True}
        peer = _daemon._peer(link)[0]
        answer = _daemon._ask(link, path, command, arguments, deadline)
    except Exception:
        return {"known": False, "gone": True} if _daemon.is_over(peer) else {}
    return answer if isinstance(answer, dict) else {}


def _cause(known: dict[str, Any]) -> str:
    number = known.get("signal")
    if isinstance(number, int) and number > 0:
        return f"died with {known.get('signal_name') or _daemon.signal_name(number)}"
    return f"exited with status {known.get('exit_code', '?')}"


def _during(known: dict[str, Any]) -> str:
    name = known.get("operation_name")
    return f" during {name} (request {known.get('request')})" if name else ""


def obituary(path: str, pid: int, notice: str, workspace: str, crash: dict[str, Any] | None = None) -> dict[str, Any]:
    """How the worker of the workspace ("": a private one) ended, with `text` in words. `crash` is what it said itself."""
    known = _ask_obituary(path, "obituary", {"pid": pid})
    is_heard = bool(known)
    if crash is not None and not known.get("known"):
        known = {**known, **crash, "known": True}
    known["workspace"] = workspace
    if notice in (STOPPED, GONE):
        known["stopped" if notice == STOPPED else "gone"] = True
        notice = ""
    known["last_words"] = notice
    if known.get("stopped"):
        known["text"] = STOPPED
    elif known.get("gone"):
        known["text"] = GONE
    elif known.get("known"):
        known["text"] = f"it {_cause(known)}{_during(known)}"
    else:
        known["text"] = "the connection to the worker ended, and the supervisor cannot say why"
    if notice:
        known["text"] += f"; its last words: {notice}"
    # A private workspace ends with its daemon; the journal of a named one is there for the next, who knows nothing of this end.
    known["can_go_on"] = is_heard and not known.get("stopped") and bool(known.get("known") or workspace)
    return known


def kill(path: str, pid: int, name: str, reason: str, workspace: str) -> dict[str, Any]:
    """Has a worker killed that does not answer; what the supervisor knows of its end."""
    known = _ask_obituary(path, "kill", {"pid": pid, "reason": f"no answer to {name}"})
    known["text"] = reason
    known["workspace"] = workspace
    known["can_go_on"] = bool(known.get("known"))
    return known


class Return:
    """The way back to a workspace: connections on which its session may go on. For a named workspace a daemon that is gone is
    started again: its journal is still there. A private one ended with its daemon."""

    def __init__(self, path: str, workspace: str) -> None:
        self.path, self.workspace = path, workspace
        self.attempts = _daemon.Attempts(time.monotonic() + RETURN_S)

    def connect(self) -> tuple[int, str]:
        """A connection, as a descriptor, and the program's name."""
        if self.workspace:
            link = self.attempts.connect(self.path)
        else:
            found = _daemon._running(self.path, self.attempts.deadline)
            if found is None:
                raise BinddUnavailable(GONE, socket=self.path)
            link = found
        link.settimeout(None)
        return link.detach(), _daemon._program()

    def again(self, error: BaseException) -> bool:
        """Whether to connect once more after that error in answer to the hello. Waits a little first."""
        return self.attempts.again(error)


def recovered(text: str) -> dict[str, Any]:
    """What a new worker says of a session that goes on."""
    facts = json.loads(text) if text else None
    if not isinstance(facts, dict):
        raise ProtocolError("the answer to the hello says nothing of the session")
    return facts


def _is_idle(known: dict[str, Any]) -> bool:
    """Whether the worker is known to have ended between two requests: no request is to blame."""
    return bool(known.get("known")) and not known.get("operation_name")


def _fill(error: WorkerDied, known: dict[str, Any], call: str, number: int, pid: int, living: int) -> None:
    is_known = bool(known.get("known"))
    error.pid = pid
    error.signal = known.get("signal") if is_known else None
    error.signal_name = (known.get("signal_name") or (_daemon.signal_name(error.signal) if error.signal else None)) if is_known else None
    error.exit_code = known.get("exit_code") if is_known and not error.signal else None
    error.operation = known.get("operation_name") or call
    error.request_id = known.get("request") or number or None
    error.elapsed_ms = known.get("elapsed_ms")
    error.stderr_tail = str(known.get("stderr_tail") or "")
    error.call = call
    if error.signal in (signals.SIGSEGV, signals.SIGBUS) and known.get("code", 0) > 0:
        error.address = known.get("address")
    stack = known.get("stack")
    error.native_stack = tuple(str(frame) for frame in stack) if isinstance(stack, list) else ()
    error.frames = known.get("frames") or len(error.native_stack)
    error.memory_bytes = known.get("resident_bytes") or None
    error.report = known.get("report") or None
    if not known.get("request") or (known["request"] == number and error.operation == call):
        error.site = _site()
    _keep_python_stack(error.report)
    recovery = known.get("recovery")
    if recovery is None:
        error.lost = living
        return
    error.kept = living
    error.unapplied = tuple(str(each.get("operation")) for each in recovery.get("unapplied", ()))
    error.recovery = recovery


def _site() -> str:
    """The line of Python that called into the extension: the innermost one outside of bindd."""
    frame = sys._getframe()
    inside = _daemon._own_folders()
    while frame is not None and frame.f_code.co_filename.startswith(inside):
        frame = frame.f_back  # type: ignore[assignment]
    return f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}" if frame is not None else ""


def _keep_python_stack(report: str | None) -> None:
    """Beside the report, unless BINDD_SITES is off: where Python was. The folder is the daemon's, of the same user."""
    if not report or os.environ.get("BINDD_SITES") == "off":
        return
    import traceback

    try:
        name = os.path.join(report, f"python-{os.getpid()}.txt")
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as out:
            out.writelines(traceback.format_stack(sys._getframe(3)))
    except (OSError, ValueError):
        pass  # the folder is elsewhere, or was tidied away: the exception has the line all the same


def _last_line(error: WorkerDied) -> str:
    """What the worker wrote last, or the line that says why it gave up."""
    words = error.stderr_tail.strip().splitlines()
    return next((line for line in words if "Fatal error" in line), words[-1] if words else "").strip()


def _native(error: WorkerDied, known: dict[str, Any]) -> str:
    """The frame that says most in words, and what the worker wrote; "" where no handler ran."""
    if not error.native_stack:
        return ""
    deep = f"  x {error.frames:,} frames" if error.frames > 1000 else ""
    said = _last_line(error)
    return str(known.get("top") or error.native_stack[0])[:120] + deep + (f"  {said}"[:120] if said else "")


def _said(error: WorkerDied, known: dict[str, Any]) -> str:
    """What it told its client at last; where there is no stack, what it wrote."""
    words = str(known.get("last_words") or "").strip().splitlines()
    text = words[0].strip() if words else "" if error.native_stack else _last_line(error)
    return text[:160]


def _short_path(path: str) -> str:
    home = os.path.expanduser("~").rstrip("/")
    return "~" + path[len(home) :] if home and path.startswith(home + "/") else path


def _details(error: WorkerDied, known: dict[str, Any]) -> list[str]:
    if error.operation is None:
        lines = [f"  while it was idle; seen by {error.call}  worker pid {error.pid}"]
    else:
        request = f"  request {error.request_id:,}  {error.operation}" if error.request_id else f"  call    {error.operation}"
        if error.elapsed_ms:
            request += f"  after {error.elapsed_ms:,} ms"
        if error.call and error.call != error.operation:
            request += f"  seen by {error.call}"
        lines = [f"{request}  worker pid {error.pid}"]
    native = _native(error, known)
    if native:
        lines.append(f"  native  {native}")
    said = _said(error, known)
    if said:
        lines.append(f"  said    {said}")
    recovery = known.get("recovery")
    lines += [_not_kept(error, known)] if recovery is None else _kept(error, recovery)
    if error.report:
        lines.append(f"  report  {_short_path(error.report)}  (bindd crash show {error.pid})")
    return lines


def _not_kept(error: WorkerDied, known: dict[str, Any]) -> str:
    workspace = str(known.get("workspace") or "")
    if why := known.get("not_recovered"):
        return f"  lost    {error.lost:,} handles: {str(why).splitlines()[0]}"
    if workspace:
        rest = f"of workspace {workspace!r}; it is fresh for everyone who uses it."
    else:
        rest = "of this workspace; the next use gets a fresh one."
    return f"  lost    {error.lost:,} handles {rest} Nothing is retried."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _never_applied(recovery: dict[str, Any]) -> str:
    """What requests that did not reach the worker, or that it did not get to, were to make and to change."""
    commands, objects, documents = (recovery.get(name, 0) for name in ("lost_commands", "lost_objects", "lost_edits"))
    words = [_count(objects, "new object")] if objects else []
    words += [f"edits of {_count(documents, 'document')}"] if documents else []
    if not commands:
        return " and ".join(words)
    return _count(commands, "command") + (f" ({', '.join(words)})" if words else "")


def _kept(error: WorkerDied, recovery: dict[str, Any]) -> list[str]:
    """What went on with the new worker, and what did not."""
    replayed, unapplied = recovery.get("replayed", 0), recovery.get("unapplied_count", 0)
    behind = [name for name in error.unapplied if name != error.operation] if error.unapplied else []
    took = recovery.get("elapsed_us", 0) / 1000
    line = f"  kept    {_count(error.kept, 'handle')} ({_count(replayed, 'request')} applied again in {took:,.0f} ms)"
    if again := recovery.get("resent_edits"):
        line += f", {_count(again, 'edit')} sent again"
    never = _never_applied(recovery)
    if lost := recovery.get("lost_count"):
        return [line, f"  lost    {_count(lost, 'acknowledged request')}: {recovery.get('damage')}" + (f"; {never}" if never else "")]
    if unapplied > 1 and behind:
        names = ", ".join(list(dict.fromkeys(behind))[:3])
        names += f" ({never})" if never else ""
        return [line, f"  lost    {_count(unapplied - 1, 'request')} behind it, not acknowledged: {names}"]
    if never:
        return [line, f"  lost    {never}, not acknowledged. Not retried."]
    return [f"{line}; lost: nothing acknowledged. Not retried."]


def _head(known: dict[str, Any], error: WorkerDied, call: str) -> str:
    if known.get("stopped"):
        return f"{STOPPED} during {call}"
    if known.get("gone"):
        return f"{GONE}, and the native core with it, during {call}"
    if not known.get("known"):
        return f"the native core went away during {call}"
    address = f" (address {error.address:#x})" if error.address is not None else ""
    why = " for want of memory" if known.get("memory_exhausted") else ""
    return f"the native core {_cause(known)}{address}{why}" + (f" during {error.operation}" if error.operation else "")


def crash_error(known: dict[str, Any], call: str, number: int, pid: int, living: int) -> WorkerCrashed | MemoryLimit:
    error = MemoryLimit() if known.get("memory_exhausted") else WorkerCrashed()
    _fill(error, known, call, number, pid, living)
    if _is_idle(known) and not known.get("stopped"):
        error.operation = error.request_id = error.elapsed_ms = None
    head = f"{_head(known, error, call)}; your Python process is fine."
    error.message = "\n".join([head, *_details(error, known)])
    error.args = (error.message,)
    return error


def hung_error(known: dict[str, Any], call: str, number: int, pid: int, living: int, waited: float) -> WorkerHung:
    error = WorkerHung()
    _fill(error, known, call, number, pid, living)
    error.waited = waited
    head = f"the native core did not answer {call} within {waited:.3g} s and was killed; your Python process is fine."
    error.message = "\n".join([head, *_details(error, known)])
    error.args = (error.message,)
    return error
