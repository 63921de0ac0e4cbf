"""The job reply that is decoded by all, as the legacy service sends it without its params."""

TYPICAL = b"""{"id": "cq1xdzt0j7zg008vh8cg", "backend": "ibm_example", "state": {"status": "Running", "reason": null},
"status": "Running", "program": {"id": "circuit-runner"}, "created": "2024-02-03T10:11:12.123456Z",
"runtime": "circuit-runner:1", "tags": ["bell", "demo"], "session_id": "cq1xdzt0j7zg008vh8cg",
"estimated_running_time_seconds": 3.5, "usage": {"seconds": 0}, "cost": 10000, "private": false, "hub": "ibm-q",
"group": "open", "project": "main"}"""
