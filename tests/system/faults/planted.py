"""Each fault test must fail with the bug that it is for, or it proves nothing.

python -m tests.system.faults.planted              plants each bug in turn and runs its test
python -m tests.system.faults.planted keep_cache   only that one
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from tests.system.faults import bugs, member_bugs


class Planted(NamedTuple):
    """A bug, the test that must fail with it, and a pattern of what it must say: not just anything."""

    plant: Callable[[], None]
    caught_by: str
    says: str


KILL, PAUSE, MONGO, MEMBERS, BROKER, LIMITS, FORWARDING, RECOVERY, CLUSTER = (
    f"tests/system/faults/test_{name}.py::test_"
    for name in (
        "kill",
        "pause",
        "mongo",
        "members",
        "broker",
        "limits",
        "forwarding",
        "recovery",
        "cluster",
    )
)
LOST, DUPLICATED, DIVERGED = (f"{kind}=[1-9]" for kind in ("lost", "duplicated", "diverged"))
STUCK = "NotDone"
PLANTED: dict[str, Planted] = {
    planted.plant.__name__: planted
    for planted in (
        Planted(bugs.progress_without_outputs, f"{KILL}killed_at_random_moments_while_commands_flow", LOST),
        Planted(bugs.outbox_ignored, f"{KILL}killed_at_each_point", LOST),
        Planted(bugs.progress_apart, f"{KILL}killed_at_each_point", DUPLICATED),
        Planted(
            bugs.own_transactional_ids,
            f"{PAUSE}paused_at_a_point_replaced_and_continued[stored]",
            DUPLICATED,
        ),
        Planted(bugs.keep_cache, f"{MONGO}mongodb_killed_in_its_lossy_mode", DIVERGED),
        Planted(bugs.publish_before_store, f"{MONGO}mongodb_killed_and_restarted", DUPLICATED),
        Planted(bugs.replay_publishes, f"{MONGO}the_database_set_back_to_an_earlier_copy", DUPLICATED),
        Planted(bugs.starts_at_the_progress, f"{MONGO}mongodb_killed_in_its_lossy_mode", LOST),
        Planted(
            bugs.skip_kill_sessions,
            f"{MONGO}a_worker_killed_inside_its_transaction_does_not_block_the_next",
            STUCK,
        ),
        Planted(
            member_bugs.does_not_poll,
            f"{RECOVERY}a_worker_without_partitions_takes_over",
            f"{STUCK}|no new events|one of them has",
        ),
        Planted(member_bugs.drops_on_revoke, f"{MEMBERS}two_workers_joining_and_leaving", LOST),
        Planted(member_bugs.no_drain, f"{MEMBERS}the_last_worker_leaves_nothing_under_way", "assert .*=="),
        Planted(bugs.failed_output_ignored, f"{LIMITS}an_output_above_the_topic_s_limit", LOST),
        Planted(bugs.forwards_apart, f"{FORWARDING}two_partitioners_side_by_side", DUPLICATED),
        Planted(
            bugs.reads_before_its_claim,
            f"{CLUSTER}a_deposed_leader_of_the_journal_is_not_believed",
            DUPLICATED,
        ),
        Planted(
            bugs.hidden_taken_for_read,
            "tests/system/faults/test_standing.py::test_a_journal_behind_a_stranger_s_open_transaction",
            "logs partition left out",
        ),
        Planted(
            bugs.doubt_taken_for_a_commit,
            f"{CLUSTER}the_transaction_coordinator_killed_in_the_middle_of_a_publication",
            f"{LOST}|NotDone",  # NotDone: nothing came after what was lost
        ),
        Planted(
            bugs.claims_replace_progress,
            "tests/system/faults/test_compacted_journal.py::test_takeovers_from_a_compacted_journal",
            "JournalMissing|NotDone",
        ),
        Planted(bugs.forgets_waiting_records, f"{BROKER}the_broker_killed_and_restarted", f"{LOST}|NotDone"),
    )
}


def main() -> int:
    """Plants the bugs named on the command line, or all; the number of those that no test noticed."""
    unnoticed = 0
    for name in sys.argv[1:] or PLANTED:
        _, test, says = PLANTED[name]
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short", "-x", test]
        done = subprocess.run(
            command, env={**os.environ, "FAULTS_PLANTED": name}, capture_output=True, text=True, check=False
        )
        noticed = done.returncode == 1 and re.search(says, done.stdout) is not None
        unnoticed += not noticed
        print(f"{'caught' if noticed else 'NOT CAUGHT'}: {name} by {test}", flush=True)
        said = [
            line for line in done.stdout.splitlines() if line.startswith("E  ")
        ] or done.stdout.splitlines()
        print("    " + "\n    ".join(line[:200] for line in said[:4]), flush=True)
    return unnoticed


if __name__ == "__main__":
    sys.exit(main())
