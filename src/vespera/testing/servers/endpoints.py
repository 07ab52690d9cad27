"""What one path of a server answers."""

import inspect
import re
from collections import deque
from collections.abc import Callable, Mapping

from vespera.testing.servers.faults import FaultPlan
from vespera.testing.servers.messages import RecordedRequest, Reply, error_reply, reply_with

Render = Callable[[RecordedRequest, object], Reply]


class RequestRefused(Exception):
    """The request is not as the endpoint wants it; ``reply`` says so."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.reply = error_reply(status, message, param=param, code=code)


class Endpoint(FaultPlan):
    """What one method of one path answers, and what it was asked.

    Attributes:
        method: such as "GET".
        public: whether it asks for no key.
        requests: those that came here, the first at the front.
    """

    def __init__(
        self, method: str, path: str, default: object, render: Render, *, public: bool = False
    ) -> None:
        super().__init__()
        self.method, self.public = method, public
        self.requests: list[RecordedRequest] = []
        self._name = f"{method} {path}"
        self._pattern = _pattern(path)
        self._default, self._render = default, render
        self._replies: deque[object] | None = None
        self._function: Callable[[RecordedRequest], object] | None = None

    def replies(self, *replies: object) -> None:
        """Answer the next requests with these, in turn; a request that fails takes none.

        Further calls add to them. One request too many is answered with status 500 and an error
        that says so.

        Args:
            replies: what the endpoint knows how to send, or a ``Reply``, sent as it is. One made
                by ``HttpServer.at`` sends bytes as they are, text as UTF-8, and all else as JSON.
        """
        self._replies = deque([*(self._replies or ()), *replies])

    def answers(self, function: Callable[[RecordedRequest], object]) -> None:
        """Answer each request with what ``function``, async or not, makes of it.

        What it raises is answered with status 500, and raised again when the server stops.
        """
        self._function = function

    def values_in(self, path: str) -> Mapping[str, str] | None:
        """What stands at the places that the endpoint names; None: another path is meant."""
        found = self._pattern.fullmatch(path)
        return found.groupdict() if found else None

    async def reply_to(self, request: RecordedRequest) -> Reply:
        """The reply that is due.

        Raises:
            RequestRefused: the request is not as it must be, or there is no reply left.
        """
        if self._function:
            given = self._function(request)
            return self._rendered(request, await given if inspect.isawaitable(given) else given)
        if self._replies is None:
            return self._rendered(request, self._default)
        if not self._replies:
            raise RequestRefused(500, f"{self._name} was asked more often than it has replies.")
        reply = self._rendered(request, self._replies[0])
        self._replies.popleft()  # not before: a request that is refused takes none
        return reply

    def _rendered(self, request: RecordedRequest, given: object) -> Reply:
        return given if isinstance(given, Reply) else self._render(request, given)


def as_it_is(_request: RecordedRequest, given: object) -> Reply:
    """A reply with just what was given."""
    return reply_with(given)


def _pattern(path: str) -> re.Pattern[str]:
    """``/orders/{id}`` as a pattern."""
    texts = re.split(r"\{(\w+)\}", path)
    texts[::2] = map(re.escape, texts[::2])
    texts[1::2] = [f"(?P<{name}>[^/]+)" for name in texts[1::2]]
    return re.compile("".join(texts))
