"""The speed, latency and memory to reach, beside what was measured, and what forbids the missed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.comparison import USUAL_SCENARIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Found = Mapping[str, Any]

PARTS: Final = ("client", "broker", "database")
NOT_MEASURED: Final = "not measured"


class Goal(NamedTuple):
    """One figure to reach.

    `limit`: the most, or if `least` the least. `measured` and `floor` are computed from the results. `floor`
    says what does not let it be reached on these processors; "": nothing measured does.
    """

    what: str
    limit: float
    measured: Callable[[Found], float]
    unit: str = ""
    least: bool = False
    floor: Callable[[Found], str] = lambda _: ""

    def row(self, found: Found) -> tuple[str, str, str, str]:
        """The goal, the limit, what was measured, and what that means."""
        wanted = f"{'≥' if self.least else '≤'} {self.limit:g}{self.unit}"
        measured = _tried(self.measured, found)
        if measured is None:
            return self.what, wanted, NOT_MEASURED, ""
        reached = measured >= self.limit if self.least else measured <= self.limit
        state = "reached" if reached else f"missed. {_tried(self.floor, found) or 'No floor is known.'}"
        shown = f"{measured:,.0f}" if measured >= 1000 else f"{measured:.3g}"
        return self.what, wanted, f"{shown}{self.unit}", state


def rows(found: Found) -> Iterable[tuple[str, str, str, str]]:
    """All goals, with these results."""
    return (goal.row(found) for goal in GOALS)


def _tried(figure: Callable[[Found], Any], found: Found) -> Any:
    """The figure; None: a part of the results that it needs was not measured."""
    try:
        return figure(found)
    except (KeyError, StopIteration):
        return None


def _at(partitions: int, rate: int, what: str = "p99_ms") -> Callable[[Found], float]:
    return lambda found: float(
        found["partitions"]["rows"][f"{partitions} partitions, {rate:,} commands/s"][what]
    )


def _varied(found: Found, scenario: str) -> Mapping[str, Any]:
    row: Mapping[str, Any] = next(row for row in found["vary"] if row["scenario"] == scenario)
    return row


def cost(row: Mapping[str, float], *parts: str) -> float:
    """Microseconds of CPU a command."""
    return sum(1000 * row[f"cpu_{part}"] for part in parts)


def _plain_loop(found: Found) -> str:
    plain = found["partitions"]["rows"]["4 partitions, 2,500 commands/s, plain loop"]
    return f"A plain loop that decides nothing needs {plain['p99_ms']:.0f} ms here."


def _plain_loop_alone(found: Found) -> str:
    ratio = found["latency"]["plain_ratio"]
    return f"A plain loop of aiokafka and motor that decides nothing needs {ratio:.2f} times them here."


def _left(found: Found, service: Mapping[str, float], rival: float) -> str:
    """What the processors leave to the client if all three processes are to be as fast as `rival`."""
    all_three = 1e6 * found["machine"]["cores"] / rival
    others = cost(service, "broker", "database")
    return (
        f"On {found['machine']['cores']} cores all three would have {all_three:.0f} µs for a command; "
        f"broker and database alone take {others:.0f}, for what the service writes and the other does not."
    )


def _beside_sink(found: Found) -> str:
    medians = found["compare"]["medians"]
    return _left(found, medians["service"], 0.8 * medians["connect_sink"]["per_second"])


TWELVE: Final = "12 partitions, 2 processes"
MANY: Final = "48 partitions, 2 processes"


def _beside_faststream(found: Found) -> str:
    medians = _varied(found, TWELVE)["medians"]
    return _left(found, medians["service"], 0.9 * medians["faststream_batch"]["per_second"])


def _base_of_varied(found: Found) -> Mapping[str, float]:
    medians: Mapping[str, Mapping[str, float]] = _varied(found, USUAL_SCENARIO)["medians"]
    return medians["service"]


def _beside_itself(found: Found) -> str:
    alone = _base_of_varied(found)
    cores = found["machine"]["cores"]
    most = 1e6 * cores / cost(alone, *PARTS) / alone["per_second"]
    return (
        f"One process with 4 partitions keeps the {cores} cores so busy that {most:.2f} would be all of them."
    )


def _memory_of_faststream(found: Found) -> str:
    memory = _varied(found, MANY)["medians"]["faststream_batch"]["memory"]
    return (
        f"Two processes of FastStream in batches, which remember no contracts, take {memory:.0f} MiB. Of the "
        "service's, 138 are interpreters and imports, before any record "
        "([decision 3](decisions/0003-levers.md#memory))."
    )


LATER_FEATURES: Final = (
    "0.3 of it is for usage, offers, states and the history's chain, which came after the goal was set "
    "([decision 3](decisions/0003-levers.md))."
)

GOALS: Final = (
    Goal("4 partitions, 500 commands/s, 99 %", 80, _at(4, 500), " ms"),
    Goal("4 partitions, 2,500 commands/s, 99 %", 120, _at(4, 2_500), " ms", floor=_plain_loop),
    Goal("48 partitions, 500 commands/s, 99 %", 120, _at(48, 500), " ms"),
    Goal("the same, cores of service, broker and database", 0.9, _at(48, 500, "cores")),
    Goal("48 partitions, 2,500 commands/s, 99 %", 400, _at(48, 2_500), " ms"),
    Goal(
        "full speed, 4 partitions ÷ Connect sink",
        0.8,
        lambda found: float(found["ratios"]["connect_sink"]),
        least=True,
        floor=_beside_sink,
    ),
    Goal(
        f"full speed, {TWELVE} ÷ FastStream in batches",
        0.9,
        lambda found: float(_varied(found, TWELVE)["ratios"]["faststream_batch"]),
        least=True,
        floor=_beside_faststream,
    ),
    Goal(
        f"full speed, {MANY} ÷ 4 partitions, 1 process",
        1.2,
        lambda found: (
            float(_varied(found, MANY)["medians"]["service"]["per_second"])
            / float(_base_of_varied(found)["per_second"])
        ),
        least=True,
        floor=_beside_itself,
    ),
    Goal(
        "client CPU a command at full speed",
        100,
        lambda found: cost(found["compare"]["medians"]["service"], "client"),
        " µs",
        floor=lambda _: LATER_FEATURES,
    ),
    Goal(
        "one command alone ÷ bare MongoDB and Kafka transaction",
        1.5,
        lambda found: float(found["ratios"]["latency_p50_over_floor"]),
        floor=_plain_loop_alone,
    ),
    Goal(
        f"peak memory, {MANY}",
        250,
        lambda found: float(_varied(found, MANY)["medians"]["service"]["memory"]),
        " MiB",
        floor=_memory_of_faststream,
    ),
    Goal(
        "takeover of 48 partitions, after the session timeout",
        2,
        lambda found: max(row["until the last one did, s"] for row in found["takeover"]["rows"].values()),
        " s",
    ),
)
