"""A service that has jobs, and nothing else: what the legacy dialect says of them while they run by a plan.

The local service would spend more time on simulating ten thousand jobs than a client on watching them. Here each job is
queued, runs for its last two seconds, and ends at a moment that was drawn before; nearly in the order of submission,
as queues do. Run as a program with the number of
jobs and the seconds in which they end; prints its port, and starts when it is first asked for jobs.
"""

import asyncio
import json
import random
import socket
import sys
import time
from bisect import bisect_right

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

RUNS = 2.0
"""For how many seconds a job runs."""
UNEVEN = 5.0
"""By how many seconds a job may end before one that was submitted earlier."""
REPLY = (
    '{"id":"%s","backend":"retired","state":{"status":"%s"},"status":"%s","program":{"id":"circuit-runner"},'
    '"created":"2024-02-03T10:11:12.%06dZ","runtime":"circuit-runner","tags":["a","b"],"session_id":null,"cost":0,'
    '"private":false,"estimated_running_time_seconds":2.0,"hub":"ibm-q","group":"open","project":"main"}'
)


class Jobs:
    """All jobs, in the order in which they end."""

    def __init__(self, many, seconds):
        chance = random.Random(1)
        self.ends = sorted(chance.uniform(RUNS, seconds) for _ in range(many))
        self.ids = [f"{number:020x}" for number in chance.sample(range(16**10), many)]
        self.number = {job_id: number for number, job_id in enumerate(self.ids)}
        # Who was submitted first ends first, but for a few seconds: the queues are not equally fast.
        in_order = sorted(range(many), key=lambda number: self.ends[number] + chance.uniform(0.0, UNEVEN))
        self.created = {number: place * 50 for place, number in enumerate(in_order)}
        self.newest_first = in_order[::-1]
        self.began = None
        self.listings = 0

    def now(self):
        self.began = time.time() if self.began is None else self.began
        return time.time() - self.began

    def reply(self, number, now):
        ends = self.ends[number]
        status = "Completed" if ends <= now else "Running" if ends - RUNS <= now else "Queued"
        return REPLY % (self.ids[number], status, status, self.created[number])


def application(jobs):
    async def login(_):
        return JSONResponse({"id": "access", "ttl": 1_209_600, "userId": "stub"})

    async def me(request):
        root = f"http://{request.url.netloc}"
        return JSONResponse({"urls": {"http": root, "ws": root.replace("http", "ws"), "services": {"runtime": root}}})

    async def network(_):
        return JSONResponse([{"name": "ibm-q", "groups": {"open": {"name": "open", "projects": {"main": {}}}}}])

    async def backends(_):
        return JSONResponse({"devices": []})

    async def listing(request):
        query, now = request.query_params, jobs.now()
        jobs.listings += 1
        ended = bisect_right(jobs.ends, now)
        pending = query.get("pending")
        chosen = [number for number in jobs.newest_first if pending is None or (number >= ended) == (pending == "true")]
        limit, offset = int(query.get("limit", 200)), int(query.get("offset", 0))
        page = ",".join(jobs.reply(number, now) for number in chosen[offset : offset + limit])
        count = f'"count":{len(chosen)},"limit":{limit},"offset":{offset}'
        return Response(f'{{"jobs":[{page}],{count}}}', media_type="application/json")

    async def job(request):
        return Response(jobs.reply(jobs.number[request.path_params["id"]], jobs.now()), media_type="application/json")

    async def stream(socket):
        ends = jobs.ends[jobs.number[socket.path_params["id"]]]
        left = ends - jobs.now()
        if not 0 < left <= RUNS:
            await socket.send_denial_response(JSONResponse({"error": {"code": 1295, "message": "no"}}, 409))
            return
        await socket.accept()
        await asyncio.sleep(left)
        await socket.close(1000)

    async def seen(_):
        began = jobs.began or 0.0
        moments = {job_id: began + end for job_id, end in zip(jobs.ids, jobs.ends, strict=True)}
        return JSONResponse({"ends": moments, "listings": jobs.listings})

    return Starlette(
        routes=[
            Route("/users/loginWithToken", login, methods=["POST"]),
            Route("/users/me", me),
            Route("/Network", network),
            Route("/backends", backends),
            Route("/jobs", listing),
            Route("/jobs/{id}", job),
            WebSocketRoute("/stream/jobs/{id}", stream),
            Route("/seen", seen),
        ]
    )


def main():
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    bound.listen()
    print(json.dumps(bound.getsockname()[1]), flush=True)
    jobs = Jobs(int(sys.argv[1]), float(sys.argv[2]))
    config = uvicorn.Config(application(jobs), log_level="critical", ws="wsproto")
    asyncio.run(uvicorn.Server(config).serve([bound]))


if __name__ == "__main__":
    main()
