"""Several processes that wait for one job, in a simulated world: deaths, sleep, clocks that are set, a database away.

Each process does what ``job.sharing`` does, with the same pure rules: it renews and reads every now and then, and asks
the service when its own pause is over and it is its turn. The database is a table and a clock, which may be set.

The law: while a process lives, the job is asked for again within a pause and ten seconds; and where nothing happens
for a while, those that reach the database ask together as often as one of them.
"""

from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ibm_circuit_job.state import watching
from ibm_circuit_job.state.watching import Ask, Lease, TakeOver

PAUSE = 5.0
"""The pause of each wait between two polls."""
TICK = 0.25
LONGEST_GAP = PAUSE + 10.0
CALM = 20.0
"""So many seconds after the last fault, one process asks for all."""


@define
class Database:
    """The rows of the leases, and the clock that all see; no process sees another one's clock."""

    clock: float = 1_000.0
    renewed: dict = field(factory=dict)
    holder: str | None = None

    def lease(self):
        if self.holder is None:
            return None
        renewed = self.renewed.get(self.holder)
        return Lease(self.holder, renewed, None if renewed is None else self.clock - renewed)


@define
class Process:
    """One process: its monotonic clock runs ahead of the world's by some seconds, and stands still while it sleeps."""

    name: str
    ahead: float
    phase: float
    seen: object = None
    asks_at: float = 0.0
    renews_at: float = 0.0
    promised: float = 0.0
    is_awake: bool = True
    reaches: bool = True
    is_busy: bool = False
    asked: list = field(factory=list)

    def renew(self, database, now):
        """What ``job.sharing`` does each 1.5 seconds."""
        if not self.reaches:
            return
        if watching.is_late(self.promised, now):
            # It is busy with something else.
            if database.holder == self.name:
                database.holder = None
            self.seen = None
            return
        database.renewed[self.name] = database.clock
        self.read(database, now)
        if isinstance(watching.next_turn(self.seen, self.name, now), TakeOver):
            database.holder = self.name
            self.read(database, now)
            # It is woken, and asks at once.
            self.asks_at = now

    def read(self, database, now):
        self.seen = watching.after_reading(self.seen, database.lease(), now)

    def act(self, database, world_now):
        now = world_now + self.ahead
        if not self.is_awake:
            return
        if now >= self.renews_at:
            self.renews_at = now + watching.RENEWAL_SECONDS
            self.renew(database, now)
        if self.is_busy:
            return
        if now >= self.asks_at:
            if watching.is_late(self.promised, now):
                self.promised = now
                self.renew(database, now)
            if isinstance(watching.next_turn(self.seen, self.name, now), Ask):
                self.asked.append(world_now)
            self.asks_at = now + PAUSE
        self.promised = max(self.promised, self.asks_at)


class Watchers(RuleBasedStateMachine):
    """Faults in any order, and time that passes in between."""

    @initialize(
        ahead=st.lists(st.sampled_from([0.0, -5e5, 3.25, 7e6]), min_size=2, max_size=5),
        phases=st.lists(st.sampled_from([0.0, 0.25, 0.75, 1.25]), min_size=5, max_size=5),
    )
    def begin(self, ahead, phases):
        self.now = 100.0
        self.database = Database()
        self.processes = [Process(f"p{n}", each, phases[n]) for n, each in enumerate(ahead)]
        for process in self.processes:
            start = self.now + process.ahead + process.phase
            process.asks_at = process.renews_at = process.promised = start
        self.dead = []
        self.calm_since = self.now
        self.free_since = self.now
        """Since when a process could ask."""

    def fault(self):
        self.calm_since = self.now

    def able(self):
        return [process for process in self.processes if process.is_awake and not process.is_busy]

    @rule(seconds=st.sampled_from([0.25, 1.0, 4.0, 6.0, 30.0]))
    def let_time_pass(self, seconds):
        for _ in range(int(seconds / TICK)):
            self.now += TICK
            self.database.clock += TICK
            for process in self.processes:
                process.act(self.database, self.now)
            self.check()

    @precondition(lambda self: hasattr(self, "processes") and len(self.processes) > 1)
    @rule(number=st.integers(0, 4))
    def kill(self, number):
        process = self.processes.pop(number % len(self.processes))
        self.dead.append(process)
        self.fault()

    @rule(number=st.integers(0, 4))
    def kill_the_one_that_asks(self, number):
        found = [process for process in self.processes if process.name == self.database.holder]
        if found and len(self.processes) > 1:
            self.processes.remove(found[0])
            self.dead.append(found[0])
            self.fault()

    @rule(number=st.integers(0, 4), is_awake=st.booleans())
    def sleep_or_wake(self, number, is_awake):
        process = self.processes[number % len(self.processes)]
        if process.is_awake != is_awake:
            if is_awake:
                # Its clock has stood still.
                process.ahead -= self.now - self.slept_at[process.name]
            else:
                self.slept_at = getattr(self, "slept_at", {}) | {process.name: self.now}
            process.is_awake = is_awake
            self.fault()

    @rule(number=st.integers(0, 4), is_busy=st.booleans())
    def be_busy_or_not(self, number, is_busy):
        """A request hangs, or the caller of ``as_completed`` does something else; the renewals go on."""
        self.processes[number % len(self.processes)].is_busy = is_busy
        self.fault()

    @rule(number=st.integers(0, 4), reaches=st.booleans())
    def cut_or_mend(self, number, reaches):
        """A process loses the database, or has it again. It reaches the service all the time."""
        self.processes[number % len(self.processes)].reaches = reaches
        self.fault()

    @rule(seconds=st.sampled_from([-3_600.0, -30.0, -3.0, 2.0, 30.0, 3_600.0]))
    def set_the_clock(self, seconds):
        self.database.clock += seconds
        self.fault()

    def teardown(self):
        """Nothing happens for so long that both laws can be seen to hold."""
        if hasattr(self, "processes"):
            self.let_time_pass(CALM + 4 * PAUSE + 30.0)
            self.one_asks_for_all_where_nothing_happens()

    def check(self):
        if not self.able():
            self.free_since = self.now
            return
        asked = [moment for process in [*self.processes, *self.dead] for moment in process.asked]
        # One that was able to at the time of a fault may have been the one to ask.
        since = max([self.free_since, self.calm_since, *asked])
        assert self.now - since <= LONGEST_GAP, "no process asks"

    @invariant()
    def one_asks_for_all_where_nothing_happens(self):
        if not hasattr(self, "processes") or self.now - self.calm_since < CALM + 4 * PAUSE:
            return
        sharing = [process for process in self.able() if process.reaches]
        since = max(self.calm_since + CALM, self.now - 60.0)
        counts = [sum(moment > since for moment in process.asked) for process in sharing]
        assert sum(counts) <= (self.now - since) / PAUSE + 1
        assert sum(count > 0 for count in counts) <= 1


TestWatchers = Watchers.TestCase
TestWatchers.settings = settings(max_examples=settings().max_examples, stateful_step_count=25, deadline=None)


def ask_counts(processes, seconds):
    database, now = Database(), 0.0
    while now < seconds:
        now += TICK
        database.clock += TICK
        for process in processes:
            process.act(database, now)
    return [len(process.asked) for process in processes]


def test_eight_processes_ask_as_often_as_one():
    assert ask_counts([Process(f"p{n}", 0.0, 0.0) for n in range(8)], 600.0) == [120, *[0] * 7]


def test_each_asks_for_itself_without_the_database():
    processes = [Process(f"p{n}", 0.0, 0.0, reaches=False) for n in range(3)]
    assert ask_counts(processes, 600.0) == [120] * 3
