"""Show that the laws can fail: errors that are put into ``state``, each with the test that finds it.

``make mutants`` applies each to a copy of the sources, and runs its test there. The test must fail with the error, and
pass without. Prints one line for each, and exits with 1 where an error is not found.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LAW = "property_tests/test_laws.py::test_law_holds_over_histories[{}]"
JOIN = "property_tests/test_laws.py::test_merge_is_a_join"
QUICK = "property_tests/test_laws.py::test_quick_join_agrees_with_the_rule"
PARTIAL = "tests/test_partial_replies.py::{}"


class Mutant(NamedTuple):
    """An error: in this file of ``state``, this text is replaced by that one."""

    file: str
    text: str
    replacement: str
    test: str


MUTANTS = [
    Mutant(
        "transitions", "return held if held.strength >", "return held if held.strength <", LAW.format("final_is_final")
    ),
    Mutant("transitions", "later = newest + 1", "later = newest - 1", LAW.format("what_is_seen_last_wins")),
    Mutant(
        "transitions", "newest is None or newest <", "newest is None or newest >", LAW.format("what_is_seen_last_wins")
    ),
    Mutant("transitions", "fact.stamp >= stamp else", "fact.stamp <= stamp else", LAW.format("what_is_seen_last_wins")),
    Mutant(
        "transitions",
        "return body.stamp, body.observed_at, body.sha256",
        "return body.observed_at, body.stamp, body.sha256",
        LAW.format("newest_wins"),
    ),
    Mutant("transitions", "tags=fact.tags, stamp=fact.stamp", "tags=fact.tags", LAW.format("newest_wins")),
    Mutant(
        "transitions",
        "payload = _newer(job.payload, other.payload)",
        "payload = other.payload",
        LAW.format("partial_fact_changes_only_what_it_says"),
    ),
    Mutant(
        "transitions", "        and inputs is job.inputs\n", "", LAW.format("partial_fact_changes_only_what_it_says")
    ),
    Mutant("transitions", "    if held == seen:\n        return held\n", "", LAW.format("same_in_same_out")),
    Mutant(
        "registers",
        "register.stamp, register.observed_at, repr",
        "register.observed_at, register.stamp, repr",
        LAW.format("newest_wins"),
    ),
    Mutant("registers", "or value[1] != _NULL\n", "or True\n", LAW.format("nothing_learned_is_lost")),
    Mutant(
        "registers",
        "answers = bool(_ANSWERS[name](value))",
        "answers = bool(value)",
        PARTIAL.format("test_reason_that_says_nothing_does_not_hide_one_that_does"),
    ),
    Mutant("registers", "elif name in _ANSWERS and not _ANSWERS[name](new):", "elif False:", QUICK),
    Mutant(
        "registers", "return fact.stamp < other.stamp", "return fact.stamp > other.stamp", LAW.format("newest_wins")
    ),
    Mutant(
        "registers",
        "left.append(name)",
        "continue",
        LAW.format("partial_fact_changes_only_what_it_says"),
    ),
    Mutant("registers", "elif not {_key(name, item)", "elif False and not {_key(name, item)", QUICK),
    Mutant("registers", "    if earlier[0].fields != names:\n        return None\n", "", QUICK),
    Mutant(
        "registers",
        "said = before.get(name, fact)",
        "said = fact",
        LAW.format("partial_fact_changes_only_what_it_says"),
    ),
    Mutant("registers", "if later.earlier or len", "if len", QUICK),
    Mutant("registers", "return held\n    return seen if theirs", "return seen\n    return seen if theirs", JOIN),
    Mutant(
        "job", "self.status.is_final and not self.status.assumed", "self.status.is_final", LAW.format("final_is_final")
    ),
    Mutant("job", "return max((fact.stamp", "return min((fact.stamp", LAW.format("newest_wins")),
    Mutant(
        "facts",
        "            rank += 1\n",
        "            rank += 0\n",
        PARTIAL.format("test_plain_cancel_does_not_hide_that_the_job_ran_too_long"),
    ),
    Mutant("facts", "if rank and not self.assumed else", "if rank and self.assumed else", LAW.format("final_is_final")),
    Mutant("field_values", "UnknownFields(sorted(found))", "UnknownFields(found)", LAW.format("order_does_not_matter")),
    Mutant(
        "facts",
        "if self.charged_seconds is None and self.quantum_seconds is None and self.usage_seconds is None:",
        "if self.usage_seconds is None and self.usage_status is None:",
        PARTIAL.format("test_usage_status_without_a_figure_leaves_the_final_figure"),
    ),
    Mutant(
        "queries",
        "return verbatim | read | both",
        "return read | verbatim",
        PARTIAL.format("test_field_that_was_unreadable_once_is_read_again"),
    ),
    Mutant(
        "queries",
        "or status(job) in _OUT_OF_THE_QUEUE",
        "or job.is_final",
        PARTIAL.format("test_job_that_runs_has_no_place_in_the_queue"),
    ),
    Mutant(
        "queries",
        "and not partial else seconds",
        "else seconds",
        PARTIAL.format("test_pending_usage_is_no_final_figure"),
    ),
    Mutant(
        "queries",
        "if job.metrics is None or not job.metrics.timestamps:",
        "if job.metrics is None or not job.metrics.timestamps or job.metrics.earlier:",
        LAW.format("nothing_learned_is_lost"),
    ),
]


def main(names: list[str]) -> int:
    """Try all errors, or those of the named files; return how many were not found."""
    chosen = [mutant for mutant in MUTANTS if not names or mutant.file in names]
    sound = {test: _passes(ROOT / "src", test) for test in sorted({mutant.test for mutant in chosen})}
    for test, passes in sound.items():
        if not passes:
            print(f"FAILS WITHOUT AN ERROR  {test}")
    missed = 0
    for mutant in chosen:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "src"
            shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
            _put_into(source, mutant)
            found = not _passes(source, mutant.test)
        missed += not found
        where = f"{mutant.file}.py: {mutant.text.strip()!r} -> {mutant.replacement.strip()!r}"
        print(
            f"{'found ' if found else 'MISSED'}  {time.monotonic() - began:4.1f} s  {where}\n        {mutant.test}",
            flush=True,
        )
    print(f"{len(chosen) - missed} of {len(chosen)} errors found")
    return missed + list(sound.values()).count(False)


def _put_into(source: Path, mutant: Mutant) -> None:
    file = source / "ibm_circuit_job/state" / f"{mutant.file}.py"
    text = file.read_text()
    if text.count(mutant.text) != 1:
        raise ValueError(f"{mutant.file}.py: expected {mutant.text!r} once, got it {text.count(mutant.text)} times")
    file.write_text(text.replace(mutant.text, mutant.replacement))


def _passes(source: Path, test: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", test]
    environment = os.environ | {
        "PYTHONPATH": str(source),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_PROFILE": "mutants",
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"{test} did not run:\n{done.stdout}{done.stderr}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
