"""The page of the service: ``GET /``, its live views as server-sent events, and what its buttons do.

The page itself says nothing of any job. All else wants the API token in the header ``Authorization``, which no other
page can send: the service sets no cookie, and allows no other origin. So there is no request for a strange page to
forge. A page under a name that was made to lead here (DNS rebinding) is refused before, in ``front``.
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
from ibm_circuit_job.local.job_api import Refusal, Service, check_key, log_of
from ibm_circuit_job.local.jobs import CannotCancel, LocalJob
from ibm_circuit_job.local.rendering import Rendering, View
from ibm_circuit_job.local.shown import device_view, job_view, metrics_of
from ibm_circuit_job.views.page import device_list_html, frame_html, job_list_html, stylesheet, whole_job_html
from ibm_circuit_job.views.page_records import CircuitView, DeviceView, WholeJobView
from ibm_circuit_job.views.records import CountsView

MOST_JOBS: Final = 200
"""How many jobs the list shows, the newest ones."""
_MOST_BYTES: Final = 2 * 1024 * 1024
"""Larger parameters and results are not decoded for the page."""
_MOST_DRAWN: Final = 64
"""Of how many jobs the drawings stay in memory."""
_DRAW_SECONDS: Final = 20.0
"""Seconds that the drawings of a job may take: jobs wait for the process meanwhile."""
_PAUSE_SECONDS: Final = 0.2
"""Seconds between two events of a stream at least: many changes at once are shown together."""
_IDLE_SHARE: Final = 4.0
"""And so many times the seconds that the last view took to become HTML: jobs need the processor, too."""
_SILENCE_SECONDS: Final = 15.0
"""Seconds after which a stream says that it is alive."""

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

    The values of a view are gathered in the event loop, as they are at one moment; see :mod:`.rendering`.

    Args:
        service: What is shown.
        executor: What draws circuits.
    """

    def __init__(self, service: Service, executor: JobExecutor) -> None:
        self._service = service
        self._queues = service.queues
        self._executor = executor
        self._drawn: OrderedDict[tuple[str, bool], dict[str, Any]] = OrderedDict()
        self._drawing: dict[tuple[str, bool], asyncio.Task[None]] = {}
        self._rendering = Rendering()

    def routes(self) -> list[BaseRoute]:
        """Return the routes, from the root on."""
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
        """Stop what is being drawn."""
        for task in self._drawing.values():
            task.cancel()
        await asyncio.gather(*self._drawing.values(), return_exceptions=True)

    # What is shown

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
        # Before the stream begins, so that a job that is not there is answered 404.
        number, first = self._queues.changes.number, view()
        events = self._events(number, first, await self._rendering.html(first), view)
        return StreamingResponse(events, headers=_HEADERS, media_type="text/event-stream")

    async def _events(self, number: int, shown: View, first: str, view: Callable[[], View]) -> AsyncIterator[str]:
        """The view after change *number*, and the view again whenever it is another one."""
        changes, clock = self._queues.changes, asyncio.get_running_loop().time
        pause = _PAUSE_SECONDS
        yield _event(first)
        while not changes.has_ended:
            await changes.after(number, self._seconds_until_settled())
            await changes.pause(pause)
            if changes.has_ended:
                # The service stops, and waits a second for its streams: too little for one more view in each.
                return
            number = changes.number
            try:
                fresh = view()
            except Refusal:
                # The job was deleted; another request is answered 404.
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
        """Seconds until a view may change by itself: the usage of a job that has just ended is settled then."""
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
            # Where the job has just ended, its circuits were drawn before.
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
        # The timeline of a job that has not ended grows with the events, and not by itself.
        now = self._queues.clock() if job.finished is None else job.finished
        return View(f"jobs/{job.id}", whole_job_html, (whole, now))

    def _drawings(self, job: LocalJob, *, with_result: bool) -> dict[str, Any] | None:
        """What a worker has drawn of a job; ``None`` until it has."""
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

    # What is done

    async def _cancel(self, request: Request) -> Response:
        job = self._found(request)
        try:
            self._queues.cancel(job)
        except CannotCancel:
            raise Refusal(409, 1294, f"Job {job.id} cannot be cancelled: it is {job.status}.") from None
        return Response(status_code=204)

    async def _delete(self, request: Request) -> Response:
        job = self._found(request)
        if not job.in_final_state:
            raise Refusal(400, 1296, f"Job {job.id} cannot be deleted before it has ended.")
        self._queues.delete(job)
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
    """What is shown of a device from one calibration to the next, without its queue."""
    measured = properties(device, calibrated)
    return device_view(device, measured, calibrated_at=None if device.is_simulator else calibrated)


def _always(body: bytes, media_type: str) -> Callable[[Request], Response]:
    response = Response(body, headers=_HEADERS, media_type=media_type)
    return lambda _: response


def _event(html: str) -> str:
    return "".join(f"data: {line}\n" for line in html.split("\n")) + "\n"
