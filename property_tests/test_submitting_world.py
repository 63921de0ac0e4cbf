"""Submissions in a simulated world: whatever the service and the network do, none makes two jobs."""

from hypothesis import given
from hypothesis import strategies as st

from ibm_circuit_job.errors import Refused, SubmissionUnknown, Unreachable, Unreadable
from ibm_circuit_job.wire import submitting
from ibm_circuit_job.wire.replies import REPLY_TO_SUBMISSION
from ibm_circuit_job.wire.submitting import (
    Accepted,
    Found,
    GiveUp,
    LookFor,
    NotFound,
    Pause,
    Send,
    Submission,
    SubmissionPolicy,
    Undecided,
)

DOING = "submit a job to b"
LOST = [
    Unreachable(DOING, "http://x", "reset"),
    Refused(DOING, "http://x", 502),
    Unreadable(REPLY_TO_SUBMISSION, "", "a page"),
]
NOT_MADE = [
    Refused(DOING, "http://x", 400),
    Refused(DOING, "http://x", 409),
    Refused("log in", "http://x", 503),
    Unreachable(DOING, "http://x", "refused", was_sent=False),
]
SENDS = st.one_of(
    st.just("accepted"),
    st.tuples(st.just("made and lost"), st.sampled_from(LOST)),
    st.tuples(st.just("lost"), st.sampled_from(LOST)),
    st.tuples(st.just("paced"), st.sampled_from([None, 0.0, 3.0, 60.0, 1e5])),
    st.tuples(st.just("refused"), st.sampled_from(NOT_MADE)),
)
LOOKS = st.one_of(
    st.just("good"),
    st.just("lagging"),
    st.just("not told"),
    st.sampled_from([Refused("list jobs", "http://x", status, retry_after=1.0) for status in (429, 500, 403)]),
)


class World:
    """A service that does what its scripts say, and then all that is asked for."""

    def __init__(self, policy, sends, looks):
        self.policy, self.sends, self.looks = policy, list(sends), list(looks)
        self.now, self.jobs, self.lags, self.steps, self.asked = 0.0, [], 0, 0, []

    def run(self):
        submission = Submission(DOING)
        while True:
            self.steps += 1
            assert self.steps < 10_000
            step = submitting.next_submission_step(submission, self.now)
            match step:
                case Send():
                    submission = self.send(submission)
                case LookFor():
                    submission = self.look(submission)
                case Pause(seconds):
                    assert seconds > 0
                    self.now += seconds
                case Accepted() | GiveUp():
                    return step

    def send(self, submission):
        self.lags = 0
        script = self.sends.pop(0) if self.sends else "accepted"
        self.now += 0.1
        match script:
            case "accepted":
                self.jobs.append(f"job-{len(self.jobs)}")
                return submitting.after_accepted(submission, self.jobs[-1])
            case "made and lost", failure:
                self.jobs.append(f"job-{len(self.jobs)}")
            case "paced", seconds:
                failure = Refused(DOING, "http://x", 429, retry_after=seconds)
            case _, failure:
                pass
        return submitting.after_failure(self.policy, submission, self.now, failure)

    def look(self, submission):
        self.now += 0.1
        script = self.looks.pop(0) if self.looks else "good"
        if isinstance(script, Refused):
            return submitting.after_listing_trouble(self.policy, submission, self.now, script)
        # A listing lags no longer than the policy expects.
        if script == "lagging" and self.lags == 0:
            self.lags += 1
            look = NotFound()
        elif not self.jobs:
            look = NotFound()
        else:
            look = Undecided(tuple(self.jobs)) if script == "not told" else Found(self.jobs[-1])
        return submitting.after_look(self.policy, submission, self.now, look)


POLICIES = st.builds(
    SubmissionPolicy,
    patience=st.sampled_from([0.0, 10.0, 600.0]),
    pacing_patience=st.sampled_from([0.0, 100.0, 3600.0]),
)


@given(POLICIES, st.lists(SENDS, max_size=30), st.lists(LOOKS, max_size=30))
def test_no_submission_makes_two_jobs(policy, sends, looks):
    world = World(policy, sends, looks)
    end = world.run()
    assert len(world.jobs) <= 1
    match end:
        case Accepted(job_id):
            assert world.jobs == [job_id]
        case GiveUp(SubmissionUnknown(candidates=candidates)):
            assert candidates in {(), tuple(world.jobs)}
        case GiveUp():
            # Any other failure says that there is no job.
            assert world.jobs == []


@given(POLICIES, st.lists(SENDS, max_size=30), st.lists(LOOKS, max_size=30))
def test_every_submission_ends_within_its_patience(policy, sends, looks):
    world = World(policy, sends, looks)
    world.run()
    # What it takes to send and to list comes on top.
    assert world.now <= policy.patience + policy.pacing_patience + 0.1 * world.steps + policy.longest_pause
