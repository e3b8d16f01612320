"""How a process logs: structlog and the standard library through one pipeline.

Every event is redacted by name and by shape, bounded in size, stamped with wall time and process,
and written as one JSON line to logs/<process>.jsonl; a person at a terminal sees it on stderr too.
Tracebacks carry no values of variables.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

import structlog

from tradedeck.adapters.logs.pipeline import Pipeline, render
from tradedeck.adapters.logs.sink import RotatingFile, Sink
from tradedeck.kernel.redaction import redact_text

if TYPE_CHECKING:
    from structlog.typing import EventDict

_QUIET = {"uvicorn.access": logging.WARNING, "httpx": logging.WARNING, "httpcore": logging.WARNING}


class StandardHandler(logging.Handler):
    """Routes the standard library's records (uvicorn, nats, asyncio) through the pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self._pipeline = pipeline

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        try:
            fields: dict[str, Any] = {}
            if record.exc_info and record.exc_info[1] is not None:
                fields["exception"] = render(record.exc_info[1])
            self._pipeline.write(record.levelname.lower(), record.name, record.getMessage(), fields)
        except Exception:  # noqa: BLE001 - the library's own rule for handlers
            self.handleError(record)


def configure(
    process: str,
    home: Path,
    *,
    level: str = "info",
    console: bool | None = None,
    log_file: str = "",
    now_ns: Callable[[], int] = time.time_ns,
) -> Pipeline:
    """Set up logging of this process; called once by its entry point.

    Args:
        process: the name in every line and of the file.
        home: whose logs/ folder is written.
        level: the least level written.
        console: human lines on stderr; by default when stderr is a terminal.
        log_file: LOG_FILE_PATH, a second file that all processes append to; `{process}` in it
            is replaced by the name.
        now_ns: the wall clock (tests).

    """
    files = [RotatingFile(home / "logs" / f"{process}.jsonl")]
    if log_file:
        files.append(RotatingFile(Path(log_file.replace("{process}", process)).expanduser()))
    shown = sys.stderr.isatty() if console is None else console
    pipeline = Pipeline(process, Sink(files), sys.stderr if shown else None, now_ns)
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, _Drain(pipeline)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [StandardHandler(pipeline)]
    root.setLevel(number)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(number, quiet))
    logging.captureWarnings(capture=True)
    sys.excepthook = _last_words(pipeline)
    return pipeline


class _Drain:
    """The last processor of structlog: hands the event to the pipeline and stops there."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def __call__(self, logger: Any, method: str, event: EventDict) -> str:
        fields: MutableMapping[str, Any] = event
        text = str(fields.pop("event", ""))
        name = str(fields.pop("logger", ""))
        error = _error(fields.pop("exc_info", None))
        if error is not None:
            fields["exception"] = render(error)
        self._pipeline.write("error" if method == "exception" else method, name, text, fields)
        raise structlog.DropEvent


def _error(info: object) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return cast("tuple[Any, BaseException | None, Any]", info)[1]
    return sys.exc_info()[1] if info else None


def _last_words(pipeline: Pipeline) -> Any:
    def hook(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        pipeline.write("critical", "", f"ended by {kind.__name__}", {"exception": render(error)})
        pipeline.flush()
        if not sys.stderr.isatty():  # the supervisor reads stderr of what could not start
            sys.stderr.write(redact_text(f"{kind.__name__}: {error}\n"))

    return hook
