"""What can go wrong with a call, each by a code that a client can tell it by."""

from __future__ import annotations

import math
from typing import Any

# What a cell may not do; it is counted and told.
FORBIDDEN = frozenset(
    ["route_refused", "model_not_offered", "budget_exhausted", "body_too_large", "web_refused"]
)
# This may have cost tokens although not a word came; other faults before the first word did not.
SPENT_IN_SILENCE = frozenset(["model_timeout"])


class Fault(Exception):
    """The model did not answer as it should, or may not be asked so."""

    def __init__(
        self, code: str, said: str, status: int = 502, retry_after_s: float | None = None
    ) -> None:
        super().__init__(said)
        self.code = code
        self.said = said
        self.status = status
        self.retry_after_s = retry_after_s

    def as_json(self) -> dict[str, Any]:
        """OpenAI's shape of an error."""
        upstream = self.code.startswith("model_") and self.code not in FORBIDDEN
        kind = "upstream_error" if upstream else "invalid_request_error"
        error = {"message": self.said, "type": kind, "code": self.code, "param": None}
        later = {} if self.retry_after_s is None else {"retry_after_s": self.retry_after_s}
        return {"error": error | later}

    def headers(self) -> dict[str, str]:
        """For clients that know how to wait."""
        if self.retry_after_s is None:
            return {}
        return {"retry-after": str(math.ceil(self.retry_after_s))}
