"""What several commands take, with the same words in every command's help."""

from typing import Annotated

import typer

Application = Annotated[str, typer.Argument(metavar="APP", help="the application's name: `tidegate app list`")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="the release's version: `tidegate release list APP`")]
Cluster = Annotated[str, typer.Argument(metavar="CLUSTER", help="the cluster's name: `tidegate cluster list`")]
Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="the channel's name: `tidegate channel list`")]
Rollout = Annotated[int, typer.Argument(metavar="ROLLOUT", help="the rollout's number: `tidegate rollout list`")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="kept in the audit log")]
