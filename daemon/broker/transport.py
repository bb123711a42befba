"""How httpx reaches a model: by aiohttp's connections, whose parser is not written in Python.

A streamed call costs a seventh of what it costs over httpx's own connections. What differs is put
right here, so that callers know httpx's errors alone.
"""

from __future__ import annotations

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

IDLE_CONNECTION_SECONDS = 15.0


class Transport(AiohttpTransport):
    """Connections to any number of places at a time, kept for a while; cookies are not."""

    def __init__(self) -> None:
        super().__init__(trust_env=False, client=self._session)

    def _session(self) -> aiohttp.ClientSession:
        """Within the loop, which a session belongs to."""
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=IDLE_CONNECTION_SECONDS, ssl=self.ssl_context
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises httpx.ConnectError when none was made, RemoteProtocolError when it broke."""
        try:
            return await super().handle_async_request(request)
        except aiohttp.ClientResponseError as error:  # it spoke no HTTP
            raise httpx.RemoteProtocolError(error.message) from error
        except httpx.ConnectTimeout as error:  # whatever happened to the connection
            cause = error.__cause__
            if isinstance(cause, aiohttp.ServerTimeoutError):
                raise
            if isinstance(cause, aiohttp.ClientConnectorError):
                raise httpx.ConnectError(str(getattr(cause, "os_error", cause))) from cause
            raise httpx.RemoteProtocolError(str(cause)) from cause
