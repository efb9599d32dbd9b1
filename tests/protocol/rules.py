"""The rules of the takeover, each with what a worker does that leaves it out: the mutants."""

from collections.abc import Mapping
from types import MappingProxyType

MUTANTS: Mapping[str, str] = MappingProxyType(
    {
        "fence nobody": "ends no other worker's epoch",
        "fence whom the database names": "asks the position, not the journal, whose epoch to end",
        "read without a claim": "reads the journal as far as it happens to be told, without writing to it",
        "read short of the claim": "claims, but takes an answer that ends before its claim",
        "stop at an end noted before": "reads up to an end it asked for before, in a log compacted since",
        "do not look again": "believes what it read before it fenced",
        "keep the first claim": "looks again after fencing, but does not claim again",
        "overlook unfinished takeovers": "fences the last one that published, not those that claimed since",
        "do without the last word": "goes on although a position record of another lies behind its claim",
        "let the open wait": "fences only whom committed records name",
        "believe the open": "takes the position record of an open transaction for a committed one",
        "fence itself": "ends its own epoch too, when the journal names it",
        "keep the epoch": "takes over again after a doubt, but with the epoch of before",
        "take doubt for failure": "starts a new epoch after a doubt and goes on without taking over",
        "kill no session": "leaves the predecessor's MongoDB transaction open",
        "kill one lane": "kills the session of one lane only",
        "owner without life": "calls itself the same in MongoDB in all its lives",
        "no owner in the filter": "moves a position that names another owner",
        "no next in the filter": "moves a position that is not where it left it",
        "publish for another": "goes on although the position names another owner by now",
        "do not republish": "throws the outbox away and begins at the position",
        "publish from the position": "takes what is stored for published",
        "take C from the database": "believes what the position tells of what was published",
        "publish whole slots": "publishes a batch of the outbox again of which a part is published",
        "forget C": "publishes again what it applies again after the database went back",
        "turn back the progress": "writes a progress at the position although the journal is further",
        "store before C exists": "begins to work without a progress of its own in the journal",
        "three on their way": "stores a third batch before the first is published",
        "progress apart": "commits the outputs and the progress in two transactions",
        "release with a batch on its way": "releases a partition whose batches are not all published",
        "no back-off": "begins its next life at once, however many in a row came to nothing",
        "forget without a progress": "writes tombstones of the claims so far together with its own claim",
        "overlook what hides the claim": "believes what is committed although its claim is hidden",
        "keep the progress for the last part": "writes no progress with the first transactions of step 5",
        "work before all parts are published": "stores a batch before all that was stored is published",
        "claim where nobody leads": "claims a partition without a leader with the others",
        "wait for another program": "waits until the foreign transaction that hides its claim ends",
        "believe what another program hides": "takes over although a foreign transaction hides its claim",
        "wait for the last claim": "does not claim again while anything hides its last claim",
        "release what it left out": "releases a partition that it has not taken over",
        "publish with what is refused": "leaves nothing out after a refusal",
        "write the progress of what is refused": "leaves out only the outputs that are refused",
        "go on after a refusal": "starts a new epoch and goes on with the others, without taking over again",
        "claims under one key": "writes every claim under the partition's key for claims",
    }
)


STALL = frozenset({
    "let the open wait", "fence itself", "kill no session", "kill one lane", "owner without life",
    "no owner in the filter", "no back-off", "claim where nobody leads", "wait for another program",
    "wait for the last claim", "publish with what is refused",
})  # fmt: skip
"""Mutants that lose nothing and do nothing twice, but wait for a server's time limit, or for ever."""

COURSE = MappingProxyType(
    {
        "read short of the claim": "slow reader",
        "stop at an end noted before": "slow reader",
        "do not look again": "slow reader",
        "keep the first claim": "slow reader",
        "overlook unfinished takeovers": "duel",
        "publish for another": "duel",
        "do without the last word": "handover",
        "believe the open": "handover",
        "claims under one key": "handover",
        "forget without a progress": "handover",
        "release with a batch on its way": "handover",
        "publish whole slots": "going back",
        "no next in the filter": "going back",
        "three on their way": "going back",
        "overlook what hides the claim": "relay",
        "keep the progress for the last part": "catching up",
        "work before all parts are published": "catching up",
        "claim where nobody leads": "left out",
        "wait for another program": "left out",
        "believe what another program hides": "left out",
        "wait for the last claim": "left out",
        "release what it left out": "left out",
        "publish with what is refused": "refused",
        "write the progress of what is refused": "refused",
        "go on after a refusal": "refused",
        "keep the epoch": "chaos",
        "take doubt for failure": "chaos",
        "owner without life": "chaos",
        "no back-off": "chaos",
    }
)
"""The kind of plan that shows a mutant soon; the others are soon found in any."""


class Breach(AssertionError):
    """What must never happen did: the text says what."""


class Harm(Breach):
    """Something is published twice, or never, or a partition stops for nothing."""


class Stalled(Breach):
    """Nothing fails any more, and still not all is published."""
