"""`contracts topics …`: create and check topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from consumer.cli.output import Json, note, table_or_json
from consumer.cli.running import KAFKA, load_settings, run_async
from consumer.errors import TopicMismatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumer.kafka.topics import EnsureReport

app = typer.Typer(help="Kafka topics.", no_args_is_help=True)

COLUMNS = ("topic", "partitions", "replication_factor", "created")


@app.command()
def ensure(
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            metavar="N",
            help="Number of partitions of new topics, if no topic exists yet.",
            show_default=False,
        ),
    ] = None,
    output_partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            metavar="N",
            help="Number of partitions of new topics for events and results. Must divide the number of the "
            "command topic. Default: the same number.",
            show_default=False,
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Create missing topics, and check the others.

    Reports how existing topics differ from the plan, and never changes them. It is safe to run this several
    times, also at the same time.

    Example: CONTRACTS_TOPIC_REPLICATION_FACTOR=1 contracts topics ensure --partitions 4
    """
    from consumer.kafka import topics

    ensuring = topics.ensure(load_settings(), partitions, output_partitions)
    again = "run it again to create the rest"
    report = run_async(ensuring, interrupted=again, waiting_for=KAFKA)
    table_or_json(_rows(report), COLUMNS, as_json=as_json)
    there = report.topics[0].partitions
    if partitions not in {None, there}:
        note(f"note: --partitions was not used: topics with {there} partitions exist")
    outputs = report.topics[1].partitions
    if output_partitions not in {None, outputs}:
        note(f"note: --output-partitions was not used: output topics with {outputs} partitions exist")
    for difference in report.differences:
        note(f"{'error' if difference.fatal else 'warning'}: {difference}")
    if any(difference.fatal for difference in report.differences):
        raise TopicMismatch(
            "the service cannot work with these topics", hint="change the settings listed as errors above"
        )


def _rows(report: EnsureReport) -> Iterator[dict[str, Any]]:
    for topic in report.topics:
        different = [row for row in report.differences if row.topic == topic.name]
        yield {
            "topic": topic.name,
            "partitions": topic.partitions,
            "replication_factor": topic.replication,
            "created": topic.name in report.created,
            "differences": [
                {"setting": row.what, "planned": row.planned, "found": row.found, "fatal": row.fatal}
                for row in different
            ],
        }
