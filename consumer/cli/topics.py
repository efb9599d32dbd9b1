"""`contracts topics …`: administration of the topics."""

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
            help="Partitions of each topic, if there are none yet.",
            show_default=False,
        ),
    ] = None,
    output_partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            metavar="N",
            help="Partitions of each topic of events and results, if there are none yet; N divides those of "
            "the commands. Default: as many.",
            show_default=False,
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Create missing topics, and check the others.

    How existing ones differ from the plan is told. Existing topics are never changed. Safe to run again,
    and from several places at once.

    Example: CONTRACTS_TOPIC_REPLICATION_FACTOR=1 contracts topics ensure --partitions 4
    """
    from consumer.kafka import topics

    ensuring = topics.ensure(load_settings(), partitions, output_partitions)
    again = "run it again to have all of them"
    report = run_async(ensuring, interrupted=again, waiting_for=KAFKA)
    table_or_json(_rows(report), COLUMNS, as_json=as_json)
    there = report.topics[0].partitions
    if partitions not in {None, there}:
        note(f"note: there are topics with {there} partitions, so --partitions was not used")
    outputs = report.topics[1].partitions
    if output_partitions not in {None, outputs}:
        note(f"note: there are outputs with {outputs} partitions, so --output-partitions was not used")
    for difference in report.differences:
        note(f"{'error' if difference.fatal else 'warning'}: {difference}")
    if any(difference.fatal for difference in report.differences):
        raise TopicMismatch(
            "the service cannot work with these topics", hint="change their settings, as told above"
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
