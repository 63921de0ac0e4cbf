"""Values with a masked repr, so that a traceback with local variables shows no secret."""

from __future__ import annotations

from typing import Any, Final

MASK: Final = "***"
"""The text that replaces a secret."""


class HiddenText(str):
    """A text whose repr is ``'***'``, so that a traceback with local variables does not show it.

    Example:
        >>> token = HiddenText("a-key")
        >>> {"token": token}, token == "a-key"
        ({'token': '***'}, True)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


class HiddenBytes(bytes):
    """Bytes whose repr is ``b'***'``.

    Example:
        >>> HiddenBytes(b"apikey=a-key")
        b'***'
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK.encode())


class HiddenFields(dict[str, Any]):
    """A dictionary whose repr does not show its values.

    Example:
        >>> HiddenFields(proxies={"https": "http://user:password@host"})
        {'proxies': ***}
    """

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {MASK}' for name in self)}}}"


def hidden(given: Any) -> Any:
    """Return a text as a :class:`HiddenText`, and any other value unchanged.

    Example:
        >>> hidden("a-key"), hidden(None)
        ('***', None)
    """
    return HiddenText(given) if isinstance(given, str) else given
