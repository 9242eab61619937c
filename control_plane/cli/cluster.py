"""``tidegate cluster …``: installations that follow a channel."""

from typing import Annotated, Any

import typer
from rich.console import Group

from control_plane.cli.arguments import Cluster, Reason
from control_plane.cli.output import Format, Output, age, local_time, print_warnings, show, table

app = typer.Typer(help="Clusters that follow a channel.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="a name of your choice: lower-case letters, digits, dashes")
    ],
    channel: Annotated[str, typer.Option("--channel", "-c", help="the channel it follows")] = "stable",
    lifetime: Annotated[float, typer.Option("--lifetime", help="seconds in which the join token may be used")] = 3600.0,
    output: Output = Format.TABLE,
) -> None:
    """Make a join token for a cluster, and print how to install its agent. The token is shown once."""
    from control_plane.cli.client import get_client
    from control_plane.domain.joining import nobody_reaches

    body = {"name": name, "channel": channel, "lifetime_seconds": lifetime}
    made = get_client().post("clusters", body)
    show(made, output, _how_to_join)
    if words := nobody_reaches(made["url"]):
        print_warnings([words])


@app.command("list")
def list_clusters(output: Output = Format.TABLE) -> None:
    """Clusters with what they run, their health and last contact."""
    from control_plane.cli.client import get_client

    show(get_client().get("clusters"), output, _list)


@app.command("show")
def show_cluster(name: Cluster, output: Output = Format.TABLE) -> None:
    """One cluster: its agent, what it runs or has left behind, and what its agent reported, newest first."""
    from control_plane.cli.client import get_client

    client = get_client()
    show({**client.get(f"clusters/{name}"), "reports": client.get(f"clusters/{name}/reports")}, output, _one)


@app.command("token")
def token(
    name: Cluster,
    channel: Annotated[str, typer.Option("--channel", "-c", help="follow this channel once the token is used")] = "",
    output: Output = Format.TABLE,
) -> None:
    """Make a new join token for a cluster, and print how to give it to its agent; earlier ones that were not used stop working.

    The agent that has joined works on until the new token is used. `-o json` has the token alone.
    """
    from control_plane.cli.client import get_client

    made = get_client().post(f"clusters/{name}/token", {"channel": channel or None})
    show(made, output, _how_to_rejoin)


@app.command("label")
def label(
    name: Cluster,
    changes: Annotated[list[str], typer.Argument(metavar="NAME=VALUE|NAME-", help="a label to set, or to take away")],
    output: Output = Format.TABLE,
) -> None:
    """Set and take away a cluster's labels; the fleet and the clusters are filtered by them.

    [dim]tidegate cluster label harbour-01 region=eu tier-[/]
    """
    from control_plane.cli.client import get_client
    from control_plane.domain.labels import labels_text, parse_labels

    gone = [one[:-1] for one in changes if one.endswith("-") and "=" not in one]
    wanted = parse_labels(",".join(one for one in changes if one.removesuffix("-") not in gone))
    body = {"set": wanted, "remove": gone}
    got = get_client().post(f"clusters/{name}/labels", body)
    show(got, output, lambda made: labels_text(made["labels"]) or f"{name} has no labels")


@app.command("remove")
def remove(name: Cluster, reason: Reason) -> None:
    """Forget a cluster. What runs in it is left alone; its agent's reports are refused from now on."""
    from control_plane.cli.client import get_client

    get_client().post(f"clusters/{name}/remove", {"reason": reason})
    typer.echo(f"{name} is forgotten here")


def _how_to_join(made: dict[str, Any]) -> str:
    from control_plane.domain.joining import join_lines

    lines = join_lines(
        cluster=made["cluster"], url=made["url"], namespaces=made["namespaces"], token=made["join_token"]
    )
    first = f"{made['cluster']} will follow {made['channel']}. In that cluster's context, within the token's lifetime:"
    return "\n\n".join((first, *(f"  {line}" for line in lines)))


def _how_to_rejoin(made: dict[str, Any]) -> str:
    from control_plane.domain.joining import rejoin_lines

    first = f"{made['cluster']} will follow {made['channel']}. In that cluster's context, within an hour:"
    last = "An agent that was never installed: `tidegate cluster remove`, then `tidegate cluster add`, prints how to."
    return "\n\n".join((first, *(f"  {line}" for line in rejoin_lines(token=made["join_token"])), last))


def _list(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("CLUSTER", "CHANNEL", "LABELS", "GENERATION", "CONTACT", "AGENT", "RUNS", "LAST ERROR"),
        (
            (
                row["name"],
                row["channel"],
                ", ".join(f"{label}={value}" for label, value in row["labels"].items()),
                row["generation"],
                age(row["last_contact_at"]),
                _agent(row["agent"]),
                "  ".join(
                    f"{one['application']} {one['running'] or '–'} {one['outcome']}" for one in row["installations"]
                ),
                next((one["message"] for one in row["installations"] if one["message"]), ""),
            )
            for row in rows
        ),
        empty="No clusters yet. Add one: tidegate cluster add NAME",
    )


def _reports(rows: list[dict[str, Any]]) -> Any:
    return table(
        ("WHEN", "GENERATION", "APPLICATION", "RELEASE", "OUTCOME", "MESSAGE"),
        (
            (
                local_time(row["at"]),
                row["generation"],
                row["application"],
                row["release"],
                row["outcome"],
                row["message"] or row["code"],
            )
            for row in rows
        ),
        empty="No report yet: its agent has not called. `tidegate cluster list` says when it last did.",
    )


def _agent(agent: dict[str, str]) -> str:
    due = f", update {agent['update']}: {agent['words']}" if agent["update"] else ""
    return f"{agent['version'] or '–'}{due}"


def _one(row: dict[str, Any]) -> Any:
    made = table(
        ("APPLICATION", "RUNS", "WANTED", "OUTCOME", "GENERATION", "SINCE", "WORDS"),
        (
            (
                one["application"],
                one["running"] or "–",
                one["wanted"] or "–",
                one["outcome"].replace("_", " "),
                one["generation"],
                age(one["since"]),
                one["message"],
            )
            for one in row["installations"]
        ),
        empty="Its agent has reported no application yet.",
    )
    contact = age(row["last_contact_at"])
    head = (
        f"{row['name']} follows {row['channel']}, healthy on generation {row['generation']}; last contact {contact} ago"
    )
    return Group(head, f"agent {_agent(row['agent'])}", "", made, "", _reports(row["reports"]))
