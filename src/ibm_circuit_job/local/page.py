"""The page of the service: ``GET /``, its live views as server-sent events, and the requests of its buttons.

The page itself contains nothing about jobs. All other requests need the API token in the header ``Authorization``. A
page of another origin cannot send it, since the service sets no cookies and allows no other origin; so it cannot forge
requests. ``front`` refuses requests of pages whose host name was made to resolve to this machine (DNS rebinding).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from itertools import islice
from typing import Any, Final

import msgspec
from attrs import evolve
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ibm_circuit_job.local.device import Device
from ibm_circuit_job.local.devices import DEVICES, properties
from ibm_circuit_job.local.execution import Task
from ibm_circuit_job.local.executor import JobExecutor
from ibm_circuit_job.local.job_api import Service, cancel_job, check_key, delete_job, log_of
from ibm_circuit_job.local.jobs import LocalJob
from ibm_circuit_job.local.rendering import Rendering, View
from ibm_circuit_job.local.replies import Refusal
from ibm_circuit_job.local.shown import device_view, job_view, metrics_of
from ibm_circuit_job.views.page import device_list_html, frame_html, job_list_html, stylesheet, whole_job_html
from ibm_circuit_job.views.page_records import CircuitView, DeviceView, WholeJobView
from ibm_circuit_job.views.records import CountsView

MOST_JOBS: Final = 200
"""The list shows at most this many jobs, the newest ones."""
_MOST_BYTES: Final = 2 * 1024 * 1024
"""The most bytes of parameters, and of a result, that are decoded for the page."""
_MOST_DRAWN: Final = 64
"""The most jobs whose drawings are cached."""
_DRAW_SECONDS: Final = 20.0
"""Seconds that the drawings of a job may take, since meanwhile jobs wait for the worker process."""
_PAUSE_SECONDS: Final = 0.2
"""The least seconds between two events of a stream; one event shows all changes in between."""
_IDLE_SHARE: Final = 4.0
"""The pause is also at least this many times the time that the last HTML took, since jobs need the processor."""
_SILENCE_SECONDS: Final = 15.0
"""Seconds without an event after which a stream sends a comment, so that the connection is not closed."""

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Page:
    """The endpoints of the page.

    The values of a view are collected in the event loop, so that they are from one moment. Then :mod:`.rendering`
    makes HTML of them in a thread.

    Args:
        service: The service whose jobs and devices are shown.
        executor: Draws circuits in a worker, since clients submitted them.
    """

    def __init__(self, service: Service, executor: JobExecutor) -> None:
        self._service = service
        self._queues = service.queues
        self._executor = executor
        self._drawn: OrderedDict[tuple[str, bool], dict[str, Any]] = OrderedDict()
        self._drawing: dict[tuple[str, bool], asyncio.Task[None]] = {}
        self._rendering = Rendering()

    def routes(self) -> list[BaseRoute]:
        """Return the routes; their paths start at the root of the service."""
        script = files("ibm_circuit_job.local").joinpath("page.js").read_bytes()
        return [
            Route("/", _always(frame_html().encode(), "text/html")),
            Route("/page/style.css", _always(stylesheet().encode(), "text/css")),
            Route("/page/script.js", _always(script, "text/javascript")),
            Route("/page/live/jobs", self._live_jobs),
            Route("/page/live/jobs/{id}", self._live_job),
            Route("/page/live/devices", self._live_devices),
            Route("/page/live/devices/{name}", self._live_device),
            Route("/page/jobs/{id}/cancel", self._cancel, methods=["POST"]),
            Route("/page/jobs/{id}", self._delete, methods=["DELETE"]),
        ]

    async def stop(self) -> None:
        """Cancel the drawings that have not ended."""
        for task in self._drawing.values():
            task.cancel()
        await asyncio.gather(*self._drawing.values(), return_exceptions=True)

    # Views

    async def _live_jobs(self, request: Request) -> Response:
        return await self._live(request, self._jobs)

    async def _live_job(self, request: Request) -> Response:
        return await self._live(request, lambda: self._job(self._found(request)))

    async def _live_devices(self, request: Request) -> Response:
        return await self._live(request, lambda: self._devices("devices", DEVICES.values()))

    async def _live_device(self, request: Request) -> Response:
        name = request.path_params["name"]
        check_key(request, self._service)
        if name not in DEVICES:
            raise Refusal(404, 1216, f"Backend {name[:100]!r} not found.")
        return await self._live(request, lambda: self._devices(f"devices/{name}", [DEVICES[name]]))

    async def _live(self, request: Request, view: Callable[[], View]) -> Response:
        check_key(request, self._service)
        # Before the stream starts, so that the reply about an unknown job has status 404.
        number, first = self._queues.changes.number, view()
        events = self._events(number, first, await self._rendering.html(first), view)
        return StreamingResponse(events, headers=_HEADERS, media_type="text/event-stream")

    async def _events(self, number: int, shown: View, first: str, view: Callable[[], View]) -> AsyncIterator[str]:
        """Yield an event with a view, and another event each time the view has changed.

        Args:
            number: The number of changes when *shown* was made.
            shown: The view of the first event.
            first: Its HTML.
            view: Returns the view as it is now.
        """
        changes, clock = self._queues.changes, asyncio.get_running_loop().time
        pause = _PAUSE_SECONDS
        yield _event(first)
        while not changes.has_ended:
            await changes.after(number, self._seconds_until_settled())
            await changes.pause(pause)
            if changes.has_ended:
                # The service stops, and waits only a second for its streams, so they do not send a last view.
                return
            number = changes.number
            try:
                fresh = view()
            except Refusal:
                # The job was deleted. The page connects again, and gets status 404.
                return
            if fresh == shown:
                yield ": alive\n\n"
                continue
            begun = clock()
            html = await self._rendering.html(fresh)
            pause = max(_PAUSE_SECONDS, _IDLE_SHARE * (clock() - begun))
            shown = fresh
            yield _event(html)

    def _seconds_until_settled(self) -> float:
        """Return after how many seconds to make a view without a change: the usage of a job is settled by then."""
        unsettled = any(map(self._usage_is_pending, islice(self._queues.newest_first(), MOST_JOBS)))
        return min(self._service.usage_seconds, _SILENCE_SECONDS) if unsettled else _SILENCE_SECONDS

    def _jobs(self) -> View:
        queues = self._queues
        shown = list(islice(queues.newest_first(), MOST_JOBS))
        places = {job.id: place for name in DEVICES for place, job in enumerate(queues.waiting_on(name), 1)}
        views = [job_view(job, places.get(job.id), None, usage_is_pending=self._usage_is_pending(job)) for job in shown]
        return View("jobs", job_list_html, (tuple(views), len(queues.jobs) - len(shown)))

    def _usage_is_pending(self, job: LocalJob) -> bool:
        if job.finished is None:
            return False
        return (self._queues.clock() - job.finished).total_seconds() < self._service.usage_seconds

    def _devices(self, path: str, devices: Iterable[Device]) -> View:
        return View(path, device_list_html, (tuple(map(self._device, devices)),))

    def _device(self, device: Device) -> DeviceView:
        return evolve(
            _calibrated(device, device.calibrated_at(self._queues.clock())),
            running=[job.id for job in self._queues.running_on(device.name)],
            waiting=[job.id for job in self._queues.waiting_on(device.name)],
        )

    # One job

    def _job(self, job: LocalJob) -> View:
        records = self._queues.records
        params, result = records.sizes(job)
        note = counts_note = None
        drawn: dict[str, Any] = {}
        view = job_view(
            job,
            self._queues.position(job),
            self._queues.expected(job),
            usage_is_pending=self._usage_is_pending(job),
        )
        if job.private:
            note = "The inputs of a private job are not shown."
            counts_note = "The result of a private job can be read once, and is not read for this page."
        elif params > _MOST_BYTES:
            note = f"The parameters are not shown: they have {params:,} bytes."
        else:
            with_result = result is not None and result <= _MOST_BYTES
            whole_drawing = self._drawings(job, with_result=with_result)
            # A job that has just ended has drawings without a result.
            drawn = whole_drawing or self._drawn.get((job.id, False)) or {}
            note = drawn.get("note") or (None if drawn else "The circuits are being drawn.")
            counts_note = "The result is being read." if with_result and whole_drawing is None else None
            if result is not None and result > _MOST_BYTES:
                counts_note = f"The result is not shown: it has {result:,} bytes."
        counts = [CountsView(**each) for each in drawn.get("counts", ())] if job.has_result else []
        if not counts and counts_note is None:
            yet = "" if job.in_final_state else " yet"
            counts_note = "The result has no counts." if job.has_result else f"There is no result{yet}."
        whole = WholeJobView(
            view,
            circuits=[CircuitView(**each) for each in drawn.get("circuits", ())],
            number_of_circuits=drawn.get("number_of_circuits", 0),
            circuits_note=note,
            counts=counts,
            counts_note=counts_note,
            metrics=metrics_of(job, params, result),
            log=log_of(job),
        )
        # Now is a value of the view, so the timeline of a job that has not ended grows with each event.
        now = self._queues.clock() if job.finished is None else job.finished
        return View(f"jobs/{job.id}", whole_job_html, (whole, now))

    def _drawings(self, job: LocalJob, *, with_result: bool) -> dict[str, Any] | None:
        """Return the drawings of a job; ``None`` until a worker has made them."""
        key = job.id, with_result
        if key in self._drawn:
            self._drawn.move_to_end(key)
            return self._drawn[key]
        if key not in self._drawing:
            self._drawing[key] = asyncio.create_task(self._draw(key, job, with_result=with_result))
        return None

    async def _draw(self, key: tuple[str, bool], job: LocalJob, *, with_result: bool) -> None:
        records = self._queues.records
        asked = {"params": records.params(job), "result": records.result(job) if with_result else None}
        task = Task(job.id, job.backend, "showing", msgspec.msgpack.encode(asked), job.created, seconds=_DRAW_SECONDS)
        try:
            outcome = await self._executor.execute(task, lambda _: None)
            if outcome.result is None:
                self._drawn[key] = {"note": f"The circuits cannot be shown: {outcome.reason}"}
            else:
                self._drawn[key] = msgspec.msgpack.decode(outcome.result)
        finally:
            del self._drawing[key]
        while len(self._drawn) > _MOST_DRAWN:
            self._drawn.popitem(last=False)
        self._queues.changes.note()

    # Buttons

    async def _cancel(self, request: Request) -> Response:
        cancel_job(self._queues, self._found(request))
        return Response(status_code=204)

    async def _delete(self, request: Request) -> Response:
        delete_job(self._queues, self._found(request))
        return Response(status_code=204)

    def _found(self, request: Request) -> LocalJob:
        check_key(request, self._service)
        job_id = request.path_params["id"]
        job = self._queues.jobs.get(job_id)
        if job is None:
            raise Refusal(404, 1291, f"Job {job_id[:100]} not found.")
        return job


@lru_cache(maxsize=64)
def _calibrated(device: Device, calibrated: datetime) -> DeviceView:
    """Return the view of a device without its queue, which changes only with its calibration."""
    measured = properties(device, calibrated)
    return device_view(device, measured, calibrated_at=None if device.is_simulator else calibrated)


def _always(body: bytes, media_type: str) -> Callable[[Request], Response]:
    response = Response(body, headers=_HEADERS, media_type=media_type)
    return lambda _: response


def _event(html: str) -> str:
    return "".join(f"data: {line}\n" for line in html.split("\n")) + "\n"
