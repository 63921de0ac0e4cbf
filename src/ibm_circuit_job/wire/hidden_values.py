"""Values whose repr does not show them, for what a traceback with local variables must not show."""

from __future__ import annotations

from typing import Any, Final

MASK: Final = "***"
"""What is shown in the place of a secret."""


class HiddenText(str):
    """A text whose repr is ``'***'``, so that a traceback which shows local variables does not show it.

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
    """Return a text as one whose repr does not show it, and anything else as it is.

    Example:
        >>> hidden("a-key"), hidden(None)
        ('***', None)
    """
    return HiddenText(given) if isinstance(given, str) else given
