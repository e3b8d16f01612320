"""Replay: where it stands, how fast it goes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradedeck.cli import client
from tradedeck.cli.output import AsJson, done, rows, show

app = typer.Typer(
    help="Replayed prices: status, speed, pause, resume, step, seek.", no_args_is_help=True
)
Feed = Annotated[str | None, typer.Option("--feed", help="Which; by default the only one.")]


@app.command()
def status(as_json: AsJson = False) -> None:
    """All feeds."""
    columns = [
        ("FEED", "id"), ("KIND", "kind"), ("STATE", "state"), ("CURSOR", "cursor"),
        ("SPEED", "speed"), ("START", "start"), ("END", "end"), ("INSTRUMENTS", "instruments"),
    ]  # fmt: skip
    show(client.get("/feeds"), as_json=as_json, columns=columns, empty="No feeds.")


@app.command()
def speed(
    bars_per_s: Annotated[float, typer.Argument(min=0, help="0: as fast as possible.")],
    feed: Feed = None,
    as_json: AsJson = False,
) -> None:
    """Bars per second."""
    _set(feed, {"speed": bars_per_s}, f"{bars_per_s:g} bars/s.", as_json=as_json)


@app.command()
def pause(feed: Feed = None, as_json: AsJson = False) -> None:
    """Hold the replay."""
    _set(feed, {"paused": True}, "Paused.", as_json=as_json)


@app.command()
def resume(feed: Feed = None, as_json: AsJson = False) -> None:
    """Go on."""
    _set(feed, {"paused": False}, "Going on.", as_json=as_json)


@app.command()
def step(
    bars: Annotated[int, typer.Argument(min=1, help="How many bars.")] = 1,
    feed: Feed = None,
    as_json: AsJson = False,
) -> None:
    """Some bars, then hold."""
    _set(feed, {"step": bars}, f"{bars} bar(s) forward.", as_json=as_json)


@app.command()
def seek(
    time: Annotated[str, typer.Argument(help="Such as 2008-09-15 or 2008-09-15T00:00:00Z.")],
    feed: Feed = None,
    as_json: AsJson = False,
) -> None:
    """Go forward to a time; the bars in between are not traded."""
    when = time if "T" in time else f"{time}T00:00:00Z"
    _set(feed, {"seek": when}, f"Seeking {when}.", as_json=as_json)


def _set(feed: str | None, change: dict[str, Any], text: str, *, as_json: bool) -> None:
    name = feed or _only()
    done(text, client.post(f"/feeds/{name}/replay", change), as_json=as_json)


def _only() -> str:
    names = [str(feed["id"]) for feed in rows(client.get("/feeds")) if feed["kind"] == "replay"]
    if len(names) == 1:
        return names[0]
    raise typer.BadParameter(f"say --feed: one of {', '.join(names) or 'none'}")
