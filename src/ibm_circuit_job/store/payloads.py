"""The place for the payloads of a store outside of its database, and the payloads there.

A row of ``settings`` names the place, so all programs that open the store use the same one. If the database has a body
but no parts of it, the parts are in that place.

A payload is written before the transaction that refers to it commits, and deleted after the last row that refers to it.
The table ``unused_bodies`` lists the payloads to delete. If a process is killed, the next one deletes them. A process
that saves such a body again first deletes its row in ``unused_bodies``, and so waits for a process that deletes it.
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
"""The name of the row of ``settings`` with the URL of the place."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Payloads:
    """The place for the payloads of one open store, as far as this process knows it.

    Args:
        given: The place to use, as a path or a URL; ``None`` for the place that the database names.

    Raises:
        JobStoreError: If *given* names no place.
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
        """Whether the constructor got a place."""
        return self._given is not None

    @property
    def known(self) -> Place | None:
        """The place that the last :meth:`look` has found."""
        return self._place

    def look(self, connection: sql.Connection, *, again: bool = False) -> Place | None:
        """Return the place for payloads; ``None`` if the store has none.

        The place of a store never changes. A store without a place may get one while it is open here.

        Args:
            connection: The transaction.
            again: Whether to query the database again if an earlier call has found no place.

        Raises:
            Damaged: If the database names something that is no place.
        """
        if self._place is None and (again or not self._is_known):
            said = connection.execute(_SETTING).scalar()
            try:
                self._place = None if said is None else place_at(said)
            except JobStoreError as error:
                raise Damaged(f"the URL of its payloads cannot be used: {error}") from None
            self._is_known = True
        return self._place

    def is_settled(self, connection: sql.Connection) -> bool:
        """Return whether the database names a place.

        Raises:
            NotThatPlace: If that is not the place that was given.
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
        """Create the place that was given, if it does not exist.

        Raises:
            JobStoreUnavailableError: If the place cannot be reached.
        """
        if self._given is not None:
            self._given.prepare()

    def settle(self, connection: sql.Connection) -> None:
        """Save the place that was given in the database, within a transaction that writes.

        Raises:
            NotThatPlace: If another process has saved another place meanwhile.
        """
        if self._given is not None:
            insert_new(connection, schema.settings, [{"name": _NAME, "value": self._given.url}])
            self.is_settled(connection)


class NotThatPlace(Exception):  # noqa: N818 - named for what it says
    """The store has its payloads in another place than the one that was given. The message says where."""


_SETTING: Final = sql.select(schema.settings.c.value).where(schema.settings.c.name == _NAME)


def payloads_of(connection: sql.Connection) -> Payloads:
    """Return the ``Payloads`` of the store to which a connection belongs."""
    found = connection.get_execution_options().get("payloads")
    return found if isinstance(found, Payloads) else Payloads()


def name_of(sha256: str) -> str:
    """Return the name of a payload in its place.

    Example:
        >>> name_of("ab" + 62 * "0")[:8]
        'ab/ab000'
    """
    return f"{sha256[:2]}/{sha256}.zst"


def packed_of(connection: sql.Connection, sha256: Any, size: Any) -> bytes:
    """Return the compressed bytes of a payload from its place; empty if it is missing.

    Args:
        connection: The transaction.
        sha256: The SHA-256 in the database. If the row is damaged, it may be anything, even the path of another file.
        size: The number of bytes before compression.

    Raises:
        JobStoreUnavailableError: If the place cannot be reached.
    """
    place = payloads_of(connection).look(connection, again=True)
    if place is None or type(size) is not int or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        return b""
    # The most bytes that Zstandard makes from *size* bytes. No more is read, however large the object is.
    return place.get(name_of(sha256), size + size // 128 + 1024) or b""


def where(connection: sql.Connection, sha256: str) -> str:
    """Return a text that says where a body is: its SHA-256, or its name and place outside of the database."""
    parts = schema.body_parts
    has_parts = connection.execute(sql.select(parts.c.part).where(parts.c.sha256 == sha256).limit(1)).first()
    place = None if has_parts else payloads_of(connection).look(connection, again=True)
    return sha256 if place is None else f"{name_of(sha256)} in {place.url}"


def use(connection: sql.Connection, place: Place, sha256: str, parts: Iterable[bytes]) -> None:
    """Make sure that a payload is in its place, and that it is not listed as unused.

    Args:
        connection: The transaction, which has inserted the row of the body.
        place: The place.
        sha256: The SHA-256 of the payload.
        parts: The compressed bytes, to write if another process has deleted them since they were written.

    Raises:
        JobStoreUnavailableError: If the place cannot be reached.
    """
    # If another process is deleting the payload, this waits until it has finished.
    connection.execute(sql.delete(schema.unused_bodies).where(schema.unused_bodies.c.sha256 == sha256))
    if not place.has(name_of(sha256)):
        place.put(name_of(sha256), parts)


def note_unused(connection: sql.Connection, sha256s: Collection[str]) -> None:
    """List payloads outside of the database as unused, before the rows of these bodies are deleted.

    Args:
        connection: The transaction.
        sha256s: The bodies; few enough for one statement.
    """
    bodies, parts = schema.bodies, schema.body_parts
    outside = sql.select(bodies.c.sha256).where(
        bodies.c.sha256.in_(sha256s), ~sql.exists().where(parts.c.sha256 == bodies.c.sha256)
    )
    rows = [{"sha256": sha256} for sha256 in connection.execute(outside).scalars()]
    if rows:
        insert_new(connection, schema.unused_bodies, rows)


def has_unused(connection: sql.Connection) -> bool:
    """Return whether there are payloads to delete from their place."""
    return connection.execute(sql.select(schema.unused_bodies.c.sha256).limit(1)).first() is not None


def delete_unused(connection: sql.Connection) -> bool:
    """Delete some of the unused payloads from their place; return whether there may be more.

    Raises:
        JobStoreUnavailableError: If the place cannot be reached. The payloads stay listed as unused then.
    """
    unused = schema.unused_bodies
    place = payloads_of(connection).look(connection, again=True)
    query = sql.select(unused.c.sha256).order_by(unused.c.sha256).limit(_AT_ONCE).with_for_update()
    found = connection.execute(query).scalars().all()
    for sha256 in found:
        # A payload that was saved again meanwhile is not listed any more, or has its parts in the database.
        if place is not None:
            place.remove(name_of(sha256))
    connection.execute(sql.delete(unused).where(unused.c.sha256.in_(found)))
    return len(found) == _AT_ONCE


_AT_ONCE: Final = 50
"""The most payloads that are deleted in one transaction."""
