"""``plot_timeline()`` and ``plot_usage()``: what stands in the axes of their figures."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from qiskit import QuantumCircuit

import ibm_circuit_job
from ibm_circuit_job import IBMBackendValueError, IBMProvider, Job, JobDetails, JobMetrics, JobStore
from ibm_circuit_job.state.shown import job_view
from ibm_circuit_job.wire.replies import status_report

NOON = datetime(2024, 2, 3, 12, tzinfo=UTC)


def job(job_id, backend="ibm_a", status="Completed", **seconds):
    steps = [(step, NOON + timedelta(seconds=at)) for step, at in seconds.items()]
    return Job(
        job_id,
        status=status_report(status, NOON),
        details=JobDetails(NOON, backend=backend, created=NOON),
        metrics=JobMetrics(NOON, timestamps=steps),
    )


def bars(axes):
    """The seconds after noon from which each bar goes, and to which, with its row and what it is."""
    from matplotlib.dates import num2date  # noqa: PLC0415 - slow to load

    found = []
    for container in axes.containers:
        for bar in container:
            ends = (num2date(at) - NOON for at in (bar.get_x(), bar.get_x() + bar.get_width()))
            row = round(bar.get_y() + bar.get_height() / 2)
            found.append((row, container.get_label(), *(round(end.total_seconds(), 3) for end in ends)))
    return found


def labels(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_each_backend_has_axes_with_a_row_for_each_job():
    figure = ibm_circuit_job.plot_timeline(
        [
            job("first", created=0, running=2, finished=5),
            job("other", backend="ibm_b", status="Failed", created=1, running=2, finished=3),
            job("second", created=0, running=5, finished=9),
        ]
    )
    assert type(figure).__module__ == "matplotlib.figure"
    upper, lower = figure.axes
    assert (upper.get_title(), lower.get_title()) == ("ibm_a", "ibm_b")
    assert labels(upper) == ["first DONE", "second DONE"]
    assert labels(lower) == ["other ERROR"]
    assert bars(upper) == [(0, "queued", 0, 2), (0, "running", 2, 5), (1, "queued", 0, 5), (1, "running", 5, 9)]
    assert bars(lower) == [(0, "queued", 1, 2), (0, "running", 2, 3)]
    assert lower.get_xlabel() == "time (UTC)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["queued", "running"]


def test_what_goes_on_is_drawn_until_now():
    jobs = [job("a", status="Queued", created=0), job("b", status="Running", created=0, running=1)]
    views = [job_view(each.job_id, each.status, each.details, each.metrics) for each in jobs]
    from ibm_circuit_job.views.plots import timeline  # noqa: PLC0415 - loads matplotlib

    axes = timeline(views, NOON + timedelta(seconds=7)).axes[0]
    assert bars(axes) == [(0, "queued", 0, 7), (1, "queued", 0, 1), (1, "running", 1, 7)]


def test_jobs_without_times_have_a_row_without_bars():
    axes = ibm_circuit_job.plot_timeline([job("a"), Job("b")]).axes
    assert [each.get_title() for each in axes] == ["backend not known", "ibm_a"]
    assert [bars(each) for each in axes] == [[], []]


def test_no_jobs_make_an_empty_figure():
    assert bars(ibm_circuit_job.plot_timeline([]).axes[0]) == []


def test_queued_and_running_differ_without_colour():
    axes = ibm_circuit_job.plot_timeline(job("a", created=0, running=2, finished=5)).axes[0]
    queued, running = (container[0] for container in axes.containers)
    assert (queued.get_hatch(), running.get_hatch()) == ("////", None)


@pytest.mark.parametrize("wrong", ["abc", 3, [None]])
def test_what_is_no_job_is_refused(wrong):
    with pytest.raises(IBMBackendValueError, match="expected jobs to be IBMCircuitJobs or Jobs, got a "):
        ibm_circuit_job.plot_timeline(wrong)


def test_usage_has_a_bar_with_its_seconds_for_each_group(tmp_path):
    with JobStore(tmp_path / "jobs.sqlite") as store:
        for number, tags in enumerate([["x"], ["x", "y"], []]):
            details = JobDetails(NOON, created=NOON, tags=tags, charged_seconds=number + 0.5)
            store.save(Job(f"j{number}", details=details))
        axes = ibm_circuit_job.plot_usage(store, by="tag").axes[0]
        assert labels(axes) == ["no tag", "x", "y"]
        assert [bar.get_width() for bar in axes.containers[0]] == [2.5, 2.0, 1.5]
        assert [text.get_text() for text in axes.texts] == ["2.5 s", "2 s", "1.5 s"]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("quantum time (s)", "tag")
        assert labels(ibm_circuit_job.plot_usage(store).axes[0]) == ["2024-02-03"]
        assert labels(ibm_circuit_job.plot_usage(store, start_datetime=NOON + timedelta(days=1)).axes[0]) == []


def test_steps_of_a_handle_are_asked_for(tmp_path):
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with IBMProvider.local(store=None) as provider:
        backend = provider.get_backend("local_5q")
        handle = backend.run(circuit, shots=10)
        handle.wait_for_final_state(timeout=60)
        listed = provider.jobs()
        axes = ibm_circuit_job.plot_timeline(listed).axes[0]
        assert [kind for _, kind, *_ in bars(axes)] == ["queued", "running"]
        ibm_circuit_job.plot_timeline(listed).savefig(tmp_path / "timeline.png")
    assert labels(ibm_circuit_job.plot_timeline(listed).axes[0]) == [f"{handle.job_id()[:8]} DONE"]


def test_pyplot_is_not_loaded_and_a_missing_extra_is_named(program):
    plotting = (
        "import sys\nsys.modules['matplotlib'] = None\n"
        "try:\n    from ibm_circuit_job import plot_usage\nexcept ImportError as error:\n    without = error\n"
        "del sys.modules['matplotlib']\n"
        "from ibm_circuit_job import Job, plot_timeline\nplot_timeline(Job('a'))\n"
        "print('matplotlib.pyplot' in sys.modules)\nprint(without)"
    )
    with program("-c", plotting) as process:
        printed, errors = process.communicate()
    assert process.returncode == 0, errors
    shown = printed.splitlines()
    assert shown[0] == "False"
    assert re.fullmatch(r"plot_usage needs matplotlib[.\w]*: install ibm-circuit-job\[plot\]", shown[1])


def test_names_are_no_formulas_and_are_cut(tmp_path):
    name = r"$\frac{$ " + "x" * 60
    figure = ibm_circuit_job.plot_timeline(Job("a", details=JobDetails(NOON, name=name, backend="$x_{$", created=NOON)))
    figure.savefig(tmp_path / "timeline.png")
    [label] = [each.get_text() for each in figure.axes[0].get_yticklabels()]
    assert label == name[:39] + "…"
    with JobStore(tmp_path / "jobs.sqlite") as store:
        store.save(Job("a", details=JobDetails(NOON, tags=["$a_{$"], charged_seconds=1.0)))
        ibm_circuit_job.plot_usage(store, by="tag").savefig(tmp_path / "usage.png")


def test_plot_of_nothing_says_that_nothing_is_known(tmp_path):
    timeline = ibm_circuit_job.plot_timeline(Job("a", details=JobDetails(NOON, backend="ibm_x")))
    assert timeline.axes[0].get_xlabel() == "when they ran is not known"
    with JobStore(tmp_path / "jobs.sqlite") as store:
        assert ibm_circuit_job.plot_usage(store).axes[0].get_xlabel() == "no usage is known"
