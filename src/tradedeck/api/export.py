"""A list as a file: CSV that no spreadsheet executes, Parquet when DuckDB is there. Streamed.

Reads a page at a time, so that a million rows cost the memory of a thousand.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import orjson
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse

from tradedeck.api.context import Context
from tradedeck.audit.types import Act, Action
from tradedeck.identity.permissions import Permission, holds
from tradedeck.identity.plans import Feature
from tradedeck.identity.types import Actor
from tradedeck.kernel.errors import Code, TradedeckError
from tradedeck.readmodels.lists import Listing, Query, Row, oldest_first

PARQUET: Final = "application/vnd.apache.parquet"
CSV: Final = "text/csv; charset=utf-8"
ROWS_MAX: Final = 5_000_000
# What a spreadsheet takes for a formula when a cell begins with it; numbers may begin so.
_RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER: Final = re.compile(r"^[+-]?\d+(\.\d+)?$")
_MONEY: Final = frozenset(
    {
        "entry_price",
        "exit_price",
        "pnl",
        "r_multiple",
        "equity",
        "quantity",
        "price",
        "fee",
        "fees",
        "balance",
        "amount",
        "limit_price",
        "stop_price",
        "decision_price",
        "filled",
        "average_price",
        "planned_stop",
        "drawdown",
    }
)
_TIMES: Final = frozenset(
    {
        "trade_time",
        "opened",
        "time",
        "at",
        "created",
        "expires",
        "updated_at",
    }
)
_COUNTS: Final = frozenset({"seq", "line", "at_ns", "sent_at_ns", "acked_at_ns", "venue_seq"})

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        }
    }
}


class Format(StrEnum):
    """How a list is answered."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def safe_cell(value: Any) -> str:
    """A value as a CSV cell that no spreadsheet takes for a formula."""
    text = cell(value)
    return "'" + text if text.startswith(_RISKY) and not _NUMBER.match(text) else text


def cell(value: Any) -> str:
    """A value as text; nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else str(value)


def csv_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, safe: bool) -> bytes:
    """Rows as CSV, RFC 4180."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    as_text = safe_cell if safe else cell
    for row in rows:
        writer.writerow([as_text(row[name]) for name in columns])
    return buffer.getvalue().encode()


async def respond(
    context: Context, actor: Actor, listing: Listing, query: Query, *, wanted: Format, name: str
) -> Response:
    """The whole list as a file; recorded in the audit."""
    if not holds(actor, Permission.EXPORT):
        raise TradedeckError(Code.FORBIDDEN, f"The role {actor.role} may not export.")
    context.demand(Feature.EXPORTS)
    columns = list(listing.view(_Blank(listing)))
    if wanted is Format.PARQUET:
        _duckdb()  # before anything is recorded or read
    await context.audit(Act(Action.DATA_EXPORT, actor.who(), f"{name}.{wanted}"))
    disposition = {"content-disposition": f'attachment; filename="{name}.{wanted}"'}
    pages = _pages(context, listing, query)
    if wanted is Format.CSV:
        return StreamingResponse(_csv(pages, columns), headers=disposition, media_type=CSV)
    path = await _parquet(pages, columns)
    return FileResponse(
        path,
        media_type=PARQUET,
        headers=disposition,
        background=BackgroundTask(path.unlink, missing_ok=True),
    )


class _Blank(dict[str, Any]):
    """A row of the list without content: shows which columns its view has."""

    def __init__(self, listing: Listing) -> None:
        super().__init__(
            {
                column.name: 0 if column.name.endswith("_ns") else None
                for column in listing.table.columns
            }
        )


async def _pages(context: Context, listing: Listing, query: Query) -> AsyncIterator[list[Row]]:
    after: int | None = 0
    read = 0
    while after is not None and read < ROWS_MAX:
        position = after
        rows, after = await context.store.read(
            lambda r, position=position: oldest_first(r, listing, query, position)
        )
        read += len(rows)
        if rows:
            yield rows


async def _csv(pages: AsyncIterator[list[Row]], columns: Sequence[str]) -> AsyncIterator[bytes]:
    yield csv_lines([dict(zip(columns, columns, strict=True))], columns, safe=False)
    async for rows in pages:
        yield csv_lines(rows, columns, safe=True)


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        raise TradedeckError(
            Code.MISSING_DEPENDENCY,
            "Parquet needs DuckDB, which is not installed.",
            hint="Install tradedeck[parquet], or ask for format=csv.",
        ) from None
    return duckdb


async def _parquet(pages: AsyncIterator[list[Row]], columns: Sequence[str]) -> Path:
    """A temporary Parquet file, written by way of CSV: DuckDB reads that at once."""
    with tempfile.NamedTemporaryFile(suffix=".csv", delete=False) as staged:
        source = Path(staged.name)
        try:
            staged.write(csv_lines([dict(zip(columns, columns, strict=True))], columns, safe=False))
            async for rows in pages:
                staged.write(csv_lines(rows, columns, safe=False))
            staged.flush()
            return await asyncio.to_thread(_convert, source, columns)
        finally:
            await asyncio.to_thread(source.unlink, missing_ok=True)


def _convert(source: Path, columns: Sequence[str]) -> Path:
    target = source.with_suffix(".parquet")
    connection = _duckdb().connect(
        ":memory:",
        config={
            "memory_limit": "256MB",
            "threads": 1,
            "enable_external_access": True,
        },
    )
    try:
        chosen = ", ".join(_typed(name) for name in columns)
        connection.execute(
            f"COPY (SELECT {chosen} "  # noqa: S608 - the columns and the file are our own
            f"FROM read_csv('{source}', header=true, all_varchar=true, nullstr='', "
            f"quote='\"', escape='\"', parallel=false)) TO '{target}' (FORMAT parquet)"
        )
    finally:
        connection.close()
    return target


def _typed(name: str) -> str:
    if name in _MONEY:
        return f'CAST("{name}" AS DECIMAL(38, 10)) AS "{name}"'
    if name in _TIMES:
        return f'CAST("{name}" AS TIMESTAMPTZ) AS "{name}"'
    if name in _COUNTS:
        return f'CAST("{name}" AS BIGINT) AS "{name}"'
    return f'"{name}"'
