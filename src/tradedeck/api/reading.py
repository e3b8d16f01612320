"""What reading routes share: parameters with their limits, and answers that skip a second check.

Rows come out of our own SELECTs, so the shapes in `views` document them and tests hold them to it;
validating 500 rows again at every request would cost more than reading them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import orjson
from fastapi import Path, Query
from starlette.responses import Response

from tradedeck.api import export
from tradedeck.api.context import Context
from tradedeck.identity.types import Actor
from tradedeck.kernel.clock import parse_ns
from tradedeck.kernel.errors import Code, Fault, TradedeckError
from tradedeck.readmodels import lists

LIMIT_MAX: Final = 500
CURSOR_MAX: Final = 2**53
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$"
_EARLIEST_NS: Final = -(2**62)
_LATEST_NS: Final = 2**62

Name = Annotated[str, Path(pattern=_NAME, max_length=63)]
NameFilter = Annotated[str | None, Query(pattern=_NAME, max_length=63)]
Cursor = Annotated[str | None, Query(pattern="^[0-9]{1,16}$", max_length=16)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
From = Annotated[str | None, Query(alias="from", max_length=40, examples=["2008-09-15T00:00:00Z"])]
To = Annotated[str | None, Query(max_length=40)]


def answer(content: object, status: int = 200) -> Response:
    """JSON bytes."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def instant_ns(text: str | None, name: str) -> int | None:
    """A time of a query.

    Raises:
        TradedeckError: INVALID, naming the parameter.
    """
    if text is None:
        return None
    try:
        found = parse_ns(text)
    except (ValueError, OverflowError) as error:
        raise TradedeckError(
            Code.INVALID,
            f"{name} was not a time.",
            hint="Write 2008-09-15T00:00:00Z.",
            faults=(Fault(f"query.{name}", str(error)),),
        ) from None
    return min(max(found, _EARLIEST_NS), _LATEST_NS)


def query(
    *,
    from_: str | None = None,
    to: str | None = None,
    one_of: dict[str, Sequence[object] | None] | None = None,
    **equal: object,
) -> lists.Query:
    """The filters that were given."""
    return lists.Query(
        equal={name: value for name, value in equal.items() if value is not None},
        one_of={name: values for name, values in (one_of or {}).items() if values},
        from_ns=instant_ns(from_, "from"),
        to_ns=instant_ns(to, "to"),
    )


async def listed(
    context: Context,
    actor: Actor,
    listing: lists.Listing,
    wanted: lists.Query,
    *,
    cursor: str | None,
    limit: int,
    form: export.Format,
    name: str,
) -> Response:
    """A page as JSON, or the whole list as a file."""
    if form is not export.Format.JSON:
        return await export.respond(context, actor, listing, wanted, wanted=form, name=name)
    before = None if cursor is None else min(int(cursor), CURSOR_MAX)
    items, following = await context.store.read(
        lambda r: lists.page(r, listing, wanted, before=before, limit=limit)
    )
    return answer({"items": items, "next_cursor": None if following is None else str(following)})


def not_found(what: str, name: str) -> TradedeckError:
    """The problem of something that is not there."""
    return TradedeckError(Code.NOT_FOUND, f"There is no {what} {name}.")


def found(row: Any, what: str, name: str) -> Any:
    """`row`, or the problem of its absence."""
    if row is None:
        raise not_found(what, name)
    return row
