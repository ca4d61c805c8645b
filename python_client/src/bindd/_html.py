"""What a notebook shows of a workspace: what its repr says, and what this process holds in it. Asks nobody."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bindd import Workspace


def workspace(shown: Workspace) -> str:
    counters = shown.statistics()
    live = {kind: count for kind, count in counters["live"].items() if count and kind != "Workspace"}
    facts = {
        "state": shown.state,
        "worker": str(shown.pid),
        "round trips": f"{counters['round_trips']:,}",
        "sent": f"{counters['bytes_sent']:,} bytes",
        "received": f"{counters['bytes_received']:,} bytes",
    }
    title = "private workspace" if shown.private else f"workspace {shown.name!r}"

    def row(name: str, value: str) -> str:
        return (
            f'<tr><td style="text-align:left">{escape(name)}</td>'
            f'<td style="text-align:right">{escape(value)}</td></tr>'
        )

    held = [row(kind, f"{count:,}") for kind, count in live.items()] or [row("handles", "none")]
    return (
        f"<table><caption>bindd: {escape(title)}</caption><tbody>"
        + "".join(row(name, value) for name, value in facts.items())
        + "</tbody><tbody>"
        + "".join(held)
        + "</tbody></table>"
    )
