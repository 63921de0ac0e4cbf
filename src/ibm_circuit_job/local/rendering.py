"""Making HTML of the views of the page: in a thread, and once for all streams that show the same.

It takes tenths of a second, in which the event loop would answer no request.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

_MOST_VIEWS: Final = 64
"""Of how many views the HTML stays in memory."""


@frozen
class View:
    """What a stream shows: plain values, and the function that makes HTML of them.

    Example:
        >>> View("greeting", "<p>{}</p>".format, ("hello",)) == View("greeting", "<p>{}</p>".format, ("hello",))
        True
    """

    path: str
    """The path of the stream."""
    html: Callable[..., str]
    """Called with the values, in a thread."""
    values: tuple[Any, ...]
    """The values; views with equal ones are the same."""


class Rendering:
    """Makes HTML of views, and remembers that of the last view of each path.

    Example:
        >>> import asyncio
        >>> asyncio.run(Rendering().html(View("greeting", "<p>{}</p>".format, ("hello",))))
        '<p>hello</p>'
    """

    def __init__(self) -> None:
        self._made: OrderedDict[str, tuple[View, asyncio.Future[str]]] = OrderedDict()

    async def html(self, view: View) -> str:
        """Return the HTML of a view."""
        made = self._made.pop(view.path, None)
        if made is None or made[0] != view:
            made = view, asyncio.ensure_future(asyncio.to_thread(view.html, *view.values))
        self._made[view.path] = made
        if len(self._made) > _MOST_VIEWS:
            self._made.popitem(last=False)
        # A client that leaves ends its own request alone.
        return await asyncio.shield(made[1])
