"""Waits that several processes share: one process polls the service, and the others read what it saves in the store.

A process that polls for a job has a lease on it in the store; ``state.watching`` decides which process that is. This
module has one thread for each store with a wait. The thread renews the leases of this process, and merges what other
processes save into the records of the handles. If the store fails, the wait goes on: the process then polls by itself.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from ibm_circuit_job import effects
from ibm_circuit_job.effects import SYSTEM_CLOCK
from ibm_circuit_job.errors import JobStoreError
from ibm_circuit_job.job.cell import JobCell
from ibm_circuit_job.state import watching
from ibm_circuit_job.state.job import Job
from ibm_circuit_job.state.watching import Ask, Follow, Lease, Seen, TakeOver, Turn
from ibm_circuit_job.threads.background import wait_for
from ibm_circuit_job.threads.locks import ForkFreeLock, PerProcess

if TYPE_CHECKING:
    from ibm_circuit_job.store import RecordStore
    from ibm_circuit_job.store.leases import Leases
    from ibm_circuit_job.store.postgresql import Listener

_LOOK_SECONDS: Final = 0.05
"""The pause between two looks at a file for what other processes have saved."""
_TRIES: Final = 8
"""How often a new wait tries to read the leases while other processes write."""
_TRY_SECONDS: Final = 0.02
"""The pause between two of these tries."""
_SLOW_SECONDS: Final = 0.2
"""If a failed call took longer than this, the database counts as not responding."""
_REST_SECONDS: Final = 5.0
"""The pause before the next call of a database that does not respond."""
_LEAVING_SECONDS: Final = 0.05
"""Seconds that the end of a wait waits at most for the thread that uses the database."""


class SharedWait:
    """One wait of this process, for one job or several jobs of one store.

    Args:
        sharing: All waits of this process with the store.
        cells: The cells of the handles on each job, by the job's ID.
        wake: Called in another thread when the record of a cell has changed, or when this process is to poll from now
            on.
    """

    def __init__(self, sharing: _Sharing, cells: Mapping[str, list[JobCell]], wake: Callable[[], object]) -> None:
        self.cells = dict(cells)
        self.wake = wake
        self.promised = effects.monotonic()
        """When the wait will poll again, by the monotonic clock."""
        self.has_lapsed = False
        """Whether the poll was so late that other processes may take over."""
        self._sharing = sharing
        self._process = os.getpid()

    def is_asking(self, job_id: str) -> bool:
        """Return whether this process polls for a job; else another process does."""
        return self._is_in_fork or self._sharing.is_asking(job_id)

    def promise(self, seconds: float) -> None:
        """Announce that the wait polls, or calls this method again, within some seconds.

        If it does neither in time, another process takes over.
        """
        self.promised = effects.monotonic() + seconds

    def resume(self) -> None:
        """Share the wait again if it was late."""
        self.promise(0.0)
        if self.has_lapsed and not self._is_in_fork:
            self.has_lapsed = False
            self._sharing.take_part(self)

    def leave(self) -> None:
        """End the wait, so that another process takes over its jobs."""
        if not self._is_in_fork:
            self._sharing.leave(self)

    @property
    def _is_in_fork(self) -> bool:
        # The parent began the wait. A fork has no thread that renews leases, so it polls by itself.
        return self._process != os.getpid()


class SharedJob:
    """A shared wait for one job. It has the methods of the protocol ``Shared`` in ``threads.following``."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._changed = threading.Event()
        self.wait: SharedWait

    def wake(self) -> None:
        """End the pause of the wait."""
        self._changed.set()

    def is_asking(self) -> bool:
        """Return whether this process polls for the job."""
        return self.wait.is_asking(self._job_id)

    def promise(self, seconds: float) -> None:
        """Announce the next poll."""
        self.wait.promise(seconds)

    def resume(self) -> None:
        """Share the wait again if it was late."""
        self.wait.resume()

    def pause(self, seconds: float) -> None:
        """Wait until the record of the job has changed, for *seconds* at most."""
        wait_for(self._changed, seconds)
        self._changed.clear()


class _Sharing:
    """All waits of this process with one store."""

    def __init__(self, store: RecordStore, leases: Leases) -> None:
        self._store = store  # Referred to, so that no other store gets its id().
        self._leases = leases
        self._watcher = uuid.uuid4().hex
        self._lock = threading.Lock()
        """Guards ``_waits`` and ``_thread``."""
        self._waits: list[SharedWait] = []
        self._seen: dict[str, Seen] = {}
        self._digests: dict[str, str | None] = {}
        self._followed: set[str] = set()
        self._rests_until = 0.0
        """When a database that did not respond is called again at the earliest, by the monotonic clock."""
        self._thread: threading.Thread | None = None
        self._using = threading.Lock()
        """Locked by the thread that uses the database. After the last wait has ended, no thread uses it."""
        self._nudge = threading.Event()

    # The waits

    def take_part(self, wait: SharedWait) -> None:
        """Share a wait from now on."""
        with self._lock:
            if wait not in self._waits:
                self._waits.append(wait)
        for job_id in wait.cells:
            # Loaded again: the new cells may lack what earlier cells have.
            self._digests.pop(job_id, None)
        for _ in range(_TRIES):
            began = effects.monotonic()
            if self._renew() or effects.monotonic() - began > _SLOW_SECONDS or self._follow_others():
                break
            effects.sleep(_TRY_SECONDS)
        self._look(at_all=True)
        with self._lock:
            if self._thread is None and self._waits:
                thread = threading.Thread(target=self._run, name="ibm-circuit-job-sharing", daemon=True)
                # At the end of a process Python starts no more threads. The leases then expire.
                with suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
        self._nudge.set()

    def leave(self, wait: SharedWait) -> None:
        """Stop sharing a wait, and release the leases that no other wait needs."""
        # If the database does not respond, the caller does not wait for it. The leases then expire.
        has_turn = self._using.acquire(timeout=_LEAVING_SECONDS)
        try:
            with self._lock:
                if wait in self._waits:
                    self._waits.remove(wait)
                is_last = not self._waits
            if has_turn:
                self._release(is_last=is_last)
        finally:
            if has_turn:
                self._using.release()
        self._nudge.set()

    def is_asking(self, job_id: str) -> bool:
        """Return whether this process polls for a job."""
        return isinstance(self._turn(job_id), Ask)

    def _turn(self, job_id: str) -> Turn:
        return watching.next_turn(self._seen.get(job_id), self._watcher, effects.monotonic())

    def _wanted(self, now: float) -> list[str]:
        """Return the jobs of all waits that are not late."""
        with self._lock:
            waits = [*self._waits]
        for wait in waits:
            wait.has_lapsed = wait.has_lapsed or watching.is_late(wait.promised, now)
        return [*dict.fromkeys(job_id for wait in waits if not wait.has_lapsed for job_id in [*wait.cells])]

    # The database

    def _renew(self) -> bool:
        """Renew the leases, take the free ones, and return whether the database could be used."""
        with self._using:
            now = effects.monotonic()
            wanted = self._wanted(now)
            if not wanted:
                self._release(is_last=False)
                return True

            def free_among(leases: Mapping[str, Lease]) -> list[str]:
                return self._with_turn(TakeOver, wanted, leases, now)

            if now < self._rests_until:
                return False
            try:
                leases = self._leases.read_and_take(self._watcher, wanted, free_among)
            except JobStoreError:
                if effects.monotonic() - now > _SLOW_SECONDS:
                    self._rests_until = now + _REST_SECONDS
                return False
            self._note(wanted, leases, now)
            self._release(is_last=False, but_for=wanted)
            return True

    def _follow_others(self) -> bool:
        """Note the leases that other processes have on new jobs, and return whether all new jobs have one.

        A file can be read while another process writes, so the first poll of a new wait needs no turn to write.
        """
        with self._using:
            now = effects.monotonic()
            new = [job_id for job_id in self._wanted(now) if job_id not in self._seen]
            try:
                found = self._leases.look({job_id: self._digests.get(job_id) for job_id in new}, at_all=True)
            except JobStoreError:
                return False
            if found is not None:
                followed = self._with_turn(Follow, new, found.leases, now)
                self._note(followed, found.leases, now)
                self._learn({job_id: found.changed[job_id] for job_id in followed if job_id in found.changed})
            return all(job_id in self._seen for job_id in new)

    def _with_turn(
        self, turn: type[Turn], job_ids: Iterable[str], leases: Mapping[str, Lease], now: float
    ) -> list[str]:
        """Return the jobs for which the next turn of this process is of this kind, given the leases as they are now."""

        def next_turn(job_id: str) -> Turn:
            seen = watching.after_reading(self._seen.get(job_id), leases.get(job_id), now)
            return watching.next_turn(seen, self._watcher, now)

        return [job_id for job_id in job_ids if isinstance(next_turn(job_id), turn)]

    def _look(self, *, at_all: bool, among: Collection[str] | None = None) -> None:
        """Load what other processes have saved of the jobs that they poll for, or of some of these jobs."""
        with self._using:
            now = effects.monotonic()
            followed = [
                job_id
                for job_id in self._wanted(now)
                if (among is None or job_id in among) and not self.is_asking(job_id)
            ]
            if not followed:
                return
            digests = {job_id: self._digests.get(job_id) for job_id in followed}
            try:
                found = self._leases.look(digests, at_all=at_all)
            except JobStoreError:
                return
            if found is not None:
                self._note(followed, found.leases, now)
                self._learn(found.changed)
        if any(isinstance(self._turn(job_id), TakeOver) for job_id in followed):
            self._renew()

    def _note(self, job_ids: Iterable[str], leases: Mapping[str, Lease], now: float) -> None:
        """Record the leases of some jobs as they were read, and wake the waits that poll from now on."""
        for job_id in job_ids:
            self._seen[job_id] = watching.after_reading(self._seen.get(job_id), leases.get(job_id), now)
        self._wake_new_pollers()

    def _wake_new_pollers(self) -> None:
        """Wake the waits for the jobs that this process polls for now, and that another process polled for before."""
        followed = {job_id for job_id in [*self._seen] if not self.is_asking(job_id)}
        taken_over = self._followed - followed
        self._followed = followed
        self._wake(taken_over)

    def _learn(self, changed: Mapping[str, tuple[str | None, Job | None]]) -> None:
        with self._lock:
            waits = [*self._waits]
        for job_id, (digest, record) in changed.items():
            self._digests[job_id] = digest
            if record is not None:
                for wait in waits:
                    for cell in wait.cells.get(job_id, ()):
                        cell.learn_saved(record)
        self._wake(changed.keys())

    def _wake(self, job_ids: Iterable[str]) -> None:
        named = set(job_ids)
        with self._lock:
            waits = [*self._waits]
        for wait in waits:
            if not named.isdisjoint(wait.cells):
                wait.wake()

    def _release(self, *, is_last: bool, but_for: Iterable[str] = ()) -> None:
        """Release the leases of jobs that no wait needs, and remove what was seen of these jobs."""
        wanted = {*but_for} or {*self._wanted(effects.monotonic())}
        left = [job_id for job_id in [*self._seen] if job_id not in wanted]
        mine = [job_id for job_id in left if self._has_lease(job_id)]
        if mine:
            # If this fails, the leases are released after the next renewal, or expire.
            if effects.monotonic() < self._rests_until:
                return
            try:
                self._leases.release(self._watcher, mine, is_last=is_last)
            except JobStoreError:
                return
        for job_id in left:
            self._seen.pop(job_id, None)
            self._digests.pop(job_id, None)
        self._followed.difference_update(left)

    def _has_lease(self, job_id: str) -> bool:
        lease = self._seen[job_id].lease
        return lease is not None and lease.watcher == self._watcher

    # The thread

    def _run(self) -> None:
        listener = None
        due = effects.monotonic() + watching.RENEWAL_SECONDS
        try:
            while self._goes_on():
                left = due - effects.monotonic()
                try:
                    if left <= 0.0:
                        due = effects.monotonic() + watching.RENEWAL_SECONDS
                        # What another process saved comes first: it may have ended its wait with the job.
                        self._look(at_all=True)
                        self._renew()
                        self._wake_new_pollers()
                    elif not self._followed:
                        self._rest(left)
                    elif self._leases.are_in_file:
                        self._rest(min(left, _LOOK_SECONDS))
                        self._look(at_all=False)
                    elif listener is None:
                        listener = self._leases.listener()
                        self._look(at_all=True)
                    else:
                        self._look(at_all=True, among=listener.wait(left))
                except Exception:  # noqa: BLE001 - a driver may raise anything; without its notices, the loop looks
                    _close(listener)
                    listener = None
                    self._rest(left)
        finally:
            _close(listener)

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._waits:
                self._thread = None
            return bool(self._waits)

    def _rest(self, seconds: float) -> None:
        wait_for(self._nudge, seconds)
        self._nudge.clear()


def _close(listener: Listener | None) -> None:
    if listener is not None:
        with suppress(Exception):
            listener.close()


_lock: Final = ForkFreeLock()
_sharings: Final[PerProcess[WeakValueDictionary[int, _Sharing]]] = PerProcess(WeakValueDictionary)
"""The waits with each store of this process, by ``id(store)``. An entry refers to its store, so the ID stays unique."""


def shared_wait(
    store: RecordStore | None, cells: Mapping[str, list[JobCell]], wake: Callable[[], object]
) -> SharedWait | None:
    """Begin a wait that other processes may share.

    Args:
        store: The store of the jobs.
        cells: The cells of the handles on each job, by the job's ID.
        wake: Called in another thread when the record of a cell has changed, or when this process is to poll from now
            on.

    Returns:
        The wait; ``None`` if there is no store, if the store does not share waits, or if a cell has another clock than
        the machine's.
    """
    leases: Leases | None = getattr(store, "leases", None)
    if (
        store is None
        or leases is None
        or not all(cell.clock is SYSTEM_CLOCK for each in cells.values() for cell in each)
    ):
        return None
    with _lock():
        sharing = _sharings().get(id(store))
        if sharing is None:
            sharing = _sharings()[id(store)] = _Sharing(store, leases)
    wait = SharedWait(sharing, cells, wake)
    sharing.take_part(wait)
    return wait


def shared_job(cell: JobCell) -> SharedJob | None:
    """Begin a wait for one job that other processes may share; ``None`` if none may, or if the job has ended."""
    if cell.saved_job is None or cell.state.is_confirmed_final:
        return None
    shared = SharedJob(cell.job_id)
    wait = shared_wait(cell.saved_job.store, {cell.job_id: [cell]}, shared.wake)
    if wait is None:
        return None
    shared.wait = wait
    return shared


class SharedJobs:
    """A wait for many jobs, of one or several stores. This process itself polls for the jobs that have no store."""

    def __init__(self) -> None:
        self._waits: list[SharedWait] = []
        self._by_job: dict[str, SharedWait] = {}
        self._polled: set[str] = set()

    def begin(self, cells: Iterable[JobCell], wake: Callable[[], object]) -> None:
        """Share the wait from now on.

        Args:
            cells: The cells of the handles on the jobs.
            wake: Called in another thread when the record of a cell has changed, or when this process is to poll from
                now on.
        """
        stores: dict[int, tuple[RecordStore, dict[str, list[JobCell]]]] = {}
        for cell in cells:
            if cell.saved_job is not None and not cell.state.is_confirmed_final:
                _, jobs = stores.setdefault(id(cell.saved_job.store), (cell.saved_job.store, {}))
                jobs.setdefault(cell.job_id, []).append(cell)
        for store, jobs in stores.values():
            wait = shared_wait(store, jobs, wake)
            if wait is not None:
                self._waits.append(wait)
                self._by_job |= dict.fromkeys(jobs, wait)
        self.take_turns()

    def is_asking(self, job_id: str) -> bool:
        """Return whether this process polls for a job."""
        wait = self._by_job.get(job_id)
        return wait is None or wait.is_asking(job_id)

    def take_turns(self) -> bool:
        """Share late waits again, and return whether this process polls for a job that it did not poll for before."""
        for wait in self._waits:
            wait.resume()
        polled = {job_id for job_id in self._by_job if self.is_asking(job_id)}
        has_more = not polled <= self._polled
        self._polled = polled
        return has_more

    def promise(self, seconds: float) -> None:
        """Announce the next poll."""
        for wait in self._waits:
            wait.promise(seconds)

    def drop(self, job_ids: Iterable[str]) -> None:
        """Stop waiting for some jobs."""
        for job_id in job_ids:
            wait = self._by_job.pop(job_id, None)
            if wait is not None:
                wait.cells.pop(job_id, None)

    def leave(self) -> None:
        """End the wait for all jobs."""
        for wait in self._waits:
            wait.leave()
