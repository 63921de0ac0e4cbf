"""Makes the HTML of the views of the page: in a thread, and once for all streams with the same view.

It takes tenths of a second. In the event loop, other requests would wait so long.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

_MOST_VIEWS: Final = 64
"""The most views whose HTML is cached."""


@frozen
class View:
    """What a stream shows: plain values, and a function that makes HTML of them.

    Example:
        >>> View("greeting", "<p>{}</p>".format, ("hello",)) == View("greeting", "<p>{}</p>".format, ("hello",))
        True
    """

    path: str
    """The path of the stream."""
    html: Callable[..., str]
    """Returns the HTML; called with the values, in a thread."""
    values: tuple[Any, ...]
    """The values. Views with equal values are equal."""


class Rendering:
    """Makes the HTML of views, and caches it for the last view of each path.

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
        # A client that disconnects cancels only its own request, not the HTML that others wait for.
        return await asyncio.shield(made[1])
