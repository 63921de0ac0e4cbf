"""The endpoints of the page: who may use them, and what they say."""

import pytest
import requests
from known_circuits import bell
from qiskit import QuantumCircuit

from ibm_circuit_job import IBMProvider
from ibm_circuit_job.local import LocalService

PROTECTED = [
    ("GET", "/page/live/jobs"),
    ("GET", "/page/live/jobs/x"),
    ("GET", "/page/live/devices"),
    ("GET", "/page/live/devices/local_5q"),
    ("POST", "/page/jobs/x/cancel"),
    ("DELETE", "/page/jobs/x"),
]


@pytest.fixture(scope="module")
def ask(service):
    """Send a request to the page, with the token unless other headers are given."""
    root = service.page_url.partition("/#")[0]

    def asked(path, method="GET", **options):
        headers = options.pop("headers", {"Authorization": f"apikey {service.token}"})
        return requests.request(method, root + path, headers=headers, timeout=30, **options)

    return asked


def events(reply):
    """The views that a stream says, one after the other."""
    lines = []
    for line in reply.iter_lines():
        if line.startswith(b"data: "):
            lines.append(line[6:].decode())
        elif not line and lines:
            yield "\n".join(lines)
            lines = []


def shown(ask, path, condition=lambda view: True):
    """The first view of a stream for which something holds."""
    with ask(f"/page/live/{path}", stream=True) as reply:
        assert reply.status_code == 200
        return next(view for view in events(reply) if condition(view))


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize("given", [None, "apikey wrong", "Bearer x", "apikey "])
def test_nothing_is_told_or_done_without_the_token(ask, method, path, given):
    reply = ask(path, method, headers={} if given is None else {"Authorization": given})
    assert reply.status_code == 401
    assert "token is missing or not valid" in reply.json()["errors"][0]["message"]


@pytest.mark.parametrize("path", ["/", "/page/style.css", "/page/script.js"])
def test_page_itself_has_nothing_of_a_job_nor_the_token(ask, service, simulator, path):
    job = simulator.run(bell(), shots=10)
    reply = ask(path, headers={})
    assert reply.status_code == 200
    assert "set-cookie" not in reply.headers
    assert job.job_id() not in reply.text
    assert service.token not in reply.text


def test_policy_allows_no_code_but_the_script(ask):
    policy = ask("/", headers={}).headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_strange_page_cannot_use_it_even_with_the_token(ask, service, headers):
    reply = ask("/page/jobs/x", "DELETE", headers=headers | {"Authorization": f"apikey {service.token}"})
    assert reply.status_code == 403


def test_stream_says_a_view_again_when_it_has_changed(ask, simulator):
    with ask("/page/live/jobs", stream=True) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        views = events(reply)
        first = next(views)
        job = simulator.run(bell(), shots=10)
        assert job.job_id() not in first
        later = next(view for view in views if job.job_id() in view)
        assert later != first


def test_usage_is_pending_at_first_and_then_said(bell):
    with LocalService(workers=1, usage_seconds=3.0) as service:
        root = service.page_url.partition("/#")[0]
        with IBMProvider(service.token, service.url, store=None) as provider:
            simulator = provider.get_backend("local_simulator")
            headers = {"Authorization": f"apikey {service.token}"}
            with requests.get(f"{root}/page/live/jobs", headers=headers, stream=True, timeout=30) as reply:
                views = events(reply)
                job = simulator.run(bell, shots=10)
                next(view for view in views if ">pending</td>" in view and job.job_id() in view)
                # Nothing else changes: the stream says it by itself.
                assert ">pending</td>" not in next(views)


def test_job_is_shown_with_what_it_counted(ask, simulator):
    job = simulator.run(bell(), shots=10)
    counts = job.result().get_counts()
    page = shown(ask, f"jobs/{job.job_id()}", lambda view: "icj-bars" in view)
    assert "┤ H ├" in page
    for outcome, count in counts.items():
        assert f'<td class="icj-id">{outcome}</td><td class="icj-number">{count}</td>' in page


def test_private_job_shows_neither_inputs_nor_counts(ask, simulator):
    job = simulator.run(bell(), shots=10, private=True)
    job.wait_for_final_state(timeout=60)
    page = shown(ask, f"jobs/{job.job_id()}")
    assert "The inputs of a private job are not shown." in page
    assert "can be read once, and is not read" in page
    # It was not read, so that its owner still can.
    assert sum(job.result().get_counts().values()) == 10


def test_large_circuit_is_described_and_not_drawn(ask, simulator):
    circuit = QuantumCircuit(2, 2, name="large")
    for _ in range(400):
        circuit.x(0)
    circuit.measure(0, 0)
    job = simulator.run(circuit, shots=10)
    page = shown(ask, f"jobs/{job.job_id()}", lambda view: "operations" in view)
    assert "2 qubits, 401 operations, depth 401: too large to be drawn" in page


def test_inputs_that_cannot_be_read_cost_only_the_drawing(ask, service):
    headers = {
        "Authorization": f"apikey {service.token}",
        "Service-CRN": service.instance,
        "IBM-API-Version": "2026-03-15",
    }
    body = {"program_id": "sampler", "backend": "local_simulator", "params": {"pubs": [["not a circuit"]]}}
    job_id = requests.post(f"{service.platform_url}/jobs", json=body, headers=headers, timeout=30).json()["id"]
    page = shown(ask, f"jobs/{job_id}", lambda view: "ERROR" in view and "being drawn" not in view)
    assert "There is no result." in page


def test_job_that_is_not_there_is_answered_404(ask):
    reply = ask("/page/live/jobs/nothing")
    assert reply.status_code == 404
    assert "nothing not found" in reply.json()["errors"][0]["message"]
    assert ask("/page/live/devices/nothing").status_code == 404


def test_stream_of_a_deleted_job_ends(ask, simulator):
    job = simulator.run(bell(), shots=10)
    job.result()
    with ask(f"/page/live/jobs/{job.job_id()}", stream=True) as reply:
        views = events(reply)
        next(views)
        assert ask(f"/page/jobs/{job.job_id()}", "DELETE").status_code == 204
        for _ in views:
            pass
    assert ask(f"/page/live/jobs/{job.job_id()}").status_code == 404


def test_what_cannot_be_done_is_refused_with_the_reason(ask, simulator, slow):
    ended, running = simulator.run(bell(), shots=10), slow(10)
    ended.result()
    assert ask(f"/page/jobs/{ended.job_id()}/cancel", "POST").status_code == 409
    refused = ask(f"/page/jobs/{running.job_id()}", "DELETE")
    assert refused.status_code == 400
    assert "cannot be deleted before it has ended" in refused.json()["errors"][0]["message"]
    assert ask(f"/page/jobs/{running.job_id()}/cancel", "POST").status_code == 204
    assert running.status().name == "CANCELLED"


def test_no_fault_befalls_the_page_and_its_streams_end_with_the_service():
    with LocalService(workers=1, faults={"faults": [{"kind": "status"}]}) as service:
        root = service.page_url.partition("/#")[0]
        headers = {"Authorization": f"apikey {service.token}"}
        assert requests.get(f"{service.url}/version", timeout=30).status_code == 503
        assert requests.get(root, timeout=30).status_code == 200
        with requests.get(f"{root}/page/live/jobs", headers=headers, stream=True, timeout=30) as reply:
            views = events(reply)
            next(views)
            service.stop()
            # To its end: it is not cut off.
            assert list(views) == []
