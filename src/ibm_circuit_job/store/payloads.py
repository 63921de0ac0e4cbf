"""Which place outside of its database a store has for payloads, and the payloads of it there.

The place is a row of ``settings``, so that all programs that open the store use the same one. A body without parts in
the database lies there. It is written before the transaction that refers to it is over, and deleted after no row refers
to it any more: ``unused_bodies`` has what is to be deleted, so that a process that is killed leaves it to the next one.
A process that saves such a body again takes it out of ``unused_bodies`` first, and waits there for one that deletes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, Final

import sqlalchemy as sql

from ibm_circuit_job.errors import JobStoreError
from ibm_circuit_job.store import schema
from ibm_circuit_job.store.places import Place, place_at
from ibm_circuit_job.store.statements import insert_new
from ibm_circuit_job.store.trouble import Damaged

_NAME: Final = "payloads"
"""The name of the row of ``settings`` that has the place."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Payloads:
    """The place that one open store has for payloads, as far as this process knows it.

    Args:
        given: The place that the store is to have; ``None`` for the one that it has.

    Raises:
        JobStoreError: If it names no place.
    """

    def __init__(self, given: Any = None) -> None:
        self._given = None if given is None else place_at(given)
        self.forget()

    def forget(self) -> None:
        """Forget the place: another database may be open."""
        self._place: Place | None = None
        self._is_known = False

    @property
    def is_given(self) -> bool:
        """Whether a place was given that the database is to have."""
        return self._given is not None

    @property
    def known(self) -> Place | None:
        """The place that :meth:`look` has found."""
        return self._place

    def look(self, connection: sql.Connection, *, again: bool = False) -> Place | None:
        """Return the place that the store has, if any.

        A store that has one never gets another, and one that has none may get one while it is open here.

        Args:
            connection: The transaction.
            again: Whether to look for one that was given since it was seen that there was none.

        Raises:
            Damaged: If what the database says is no place.
        """
        if self._place is None and (again or not self._is_known):
            said = connection.execute(_SETTING).scalar()
            try:
                self._place = None if said is None else place_at(said)
            except JobStoreError as error:
                raise Damaged(f"what it says of its payloads cannot be used: {error}") from None
            self._is_known = True
        return self._place

    def is_settled(self, connection: sql.Connection) -> bool:
        """Return whether the database has the place that was given.

        Raises:
            NotThatPlace: If it has another one.
        """
        found = self.look(connection, again=True)
        if found is not None and self._given is not None and found.url != self._given.url:
            self.forget()
            raise NotThatPlace(
                f"its payloads are in {found.url}, and payloads= names {self._given.url}; leave payloads= out, "
                "or export the store and import it into a new one"
            )
        return found is not None

    def prepare(self) -> None:
        """Make the place ready that was given.

        Raises:
            JobStoreUnavailableError: If it cannot be reached.
        """
        if self._given is not None:
            self._given.prepare()

    def settle(self, connection: sql.Connection) -> None:
        """Have the database remember the place that was given, within a transaction that writes.

        Raises:
            NotThatPlace: If it has got another one meanwhile.
        """
        if self._given is not None:
            insert_new(connection, schema.settings, [{"name": _NAME, "value": self._given.url}])
            self.is_settled(connection)


class NotThatPlace(Exception):  # noqa: N818 - named for what it says
    """A store has its payloads in another place than the one that was given; the message says where."""


_SETTING: Final = sql.select(schema.settings.c.value).where(schema.settings.c.name == _NAME)


def payloads_of(connection: sql.Connection) -> Payloads:
    """Return the payloads of the store that a connection is of."""
    found = connection.get_execution_options().get("payloads")
    return found if isinstance(found, Payloads) else Payloads()


def name_of(sha256: str) -> str:
    """Return what the object of a payload is called in its place.

    Example:
        >>> name_of("ab" + 62 * "0")[:8]
        'ab/ab000'
    """
    return f"{sha256[:2]}/{sha256}.zst"


def packed_of(connection: sql.Connection, sha256: Any, size: Any) -> bytes:
    """Return a payload as it lies in its place; empty where it is not there.

    Args:
        connection: The transaction.
        sha256: What the database says that it is. A damaged one may be anything, also the path of another file.
        size: How large it is when it is unpacked.

    Raises:
        JobStoreUnavailableError: If the place cannot be reached.
    """
    place = payloads_of(connection).look(connection, again=True)
    if place is None or type(size) is not int or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        return b""
    # Zstandard adds less than that to what it cannot compress. No more is read, whatever lies there.
    return place.get(name_of(sha256), size + size // 128 + 1024) or b""


def where(connection: sql.Connection, sha256: str) -> str:
    """Return what a message says of where a body lies: its SHA-256, and where it is not in the database, its place."""
    parts = schema.body_parts
    has_parts = connection.execute(sql.select(parts.c.part).where(parts.c.sha256 == sha256).limit(1)).first()
    place = None if has_parts else payloads_of(connection).look(connection, again=True)
    return sha256 if place is None else f"{name_of(sha256)} in {place.url}"


def use(connection: sql.Connection, place: Place, sha256: str, parts: Iterable[bytes]) -> None:
    """Have a payload in its place, and not deleted any more, whose row this transaction has made.

    Args:
        connection: The transaction.
        place: Where it lies.
        sha256: The payload.
        parts: What to write if it is not there any more: it was written before the transaction.

    Raises:
        JobStoreUnavailableError: If the place cannot be reached.
    """
    # Waits for a process that deletes it just now.
    connection.execute(sql.delete(schema.unused_bodies).where(schema.unused_bodies.c.sha256 == sha256))
    if not place.has(name_of(sha256)):
        place.put(name_of(sha256), parts)


def note_unused(connection: sql.Connection, sha256s: Collection[str]) -> None:
    """Note which payloads are to be deleted from their place, of a few bodies whose rows are about to be deleted."""
    bodies, parts = schema.bodies, schema.body_parts
    outside = sql.select(bodies.c.sha256).where(
        bodies.c.sha256.in_(sha256s), ~sql.exists().where(parts.c.sha256 == bodies.c.sha256)
    )
    rows = [{"sha256": sha256} for sha256 in connection.execute(outside).scalars()]
    if rows:
        insert_new(connection, schema.unused_bodies, rows)


def has_unused(connection: sql.Connection) -> bool:
    """Return whether payloads are noted that are to be deleted from their place."""
    return connection.execute(sql.select(schema.unused_bodies.c.sha256).limit(1)).first() is not None


def delete_unused(connection: sql.Connection) -> bool:
    """Delete some of the payloads that no row refers to; return whether there may be more.

    Raises:
        JobStoreUnavailableError: If their place cannot be reached; then they stay noted.
    """
    unused = schema.unused_bodies
    place = payloads_of(connection).look(connection, again=True)
    query = sql.select(unused.c.sha256).order_by(unused.c.sha256).limit(_AT_ONCE).with_for_update()
    found = connection.execute(query).scalars().all()
    for sha256 in found:
        # One that was saved again since then is not among them any more, or has its parts in the database.
        if place is not None:
            place.remove(name_of(sha256))
    connection.execute(sql.delete(unused).where(unused.c.sha256.in_(found)))
    return len(found) == _AT_ONCE


_AT_ONCE: Final = 50
"""How many payloads are deleted in one transaction."""
