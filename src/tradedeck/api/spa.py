"""Serves the built cockpit from memory: assets for ever, pages never cached.

Read once at start, so a request can name no file that was not there. The folder is made by the
build of `web/`; without it a page says how to build it.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
FILES_MAX = 2_000
BYTES_MAX = 64 * 1024 * 1024  # a cockpit is one or two megabytes; a folder of more is a mistake
_IMMUTABLE = "public, max-age=31536000, immutable"  # names of assets bear their hash
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".html": "text/html; charset=utf-8",
    ".map": "application/json",
}
NOT_BUILT = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tradedeck</title></head>
<body><h1>The cockpit was not built</h1>
<p>The api is running. Build the page with <code>make setup</code> in the checkout, or install
the wheel, which carries it; then restart.</p>
<p>Until then: <code>tradedeck status</code>.</p></body></html>
"""


class Site:
    """The files of the built cockpit."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        total = 0
        found = sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
        for path in found[:FILES_MAX]:
            total += path.stat().st_size
            if total > BYTES_MAX:
                break
            media = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
            content = path.read_bytes()
            name = path.relative_to(folder).as_posix()
            self._files[name] = (content, media or "application/octet-stream")

    @property
    def built(self) -> bool:
        """Whether there is a cockpit to serve."""
        return "index.html" in self._files

    def page(self) -> bytes:
        """The one document of the single-page application."""
        return self._files["index.html"][0] if self.built else NOT_BUILT

    def page_response(self) -> Response:
        """`page` with its headers; no-store comes from `front`."""
        status = 200 if self.built else 503
        return Response(self.page(), status, media_type="text/html; charset=utf-8")

    def file(self, name: str) -> Response | None:
        """A file by its name, or None."""
        found = self._files.get(name)
        if found is None or name == "index.html":
            return None
        content, media = found
        cache = _IMMUTABLE if name.startswith("assets/") else "no-cache"
        return Response(content, media_type=media, headers={"cache-control": cache})
