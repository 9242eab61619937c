"""Errors of the harness. The class says what a failure proves; the text is for people.

| class         | proves                                                    | step    |
|---------------|-----------------------------------------------------------|---------|
| ReleaseFailed | the release that runs in this step does not work          | failed  |
| CouldNotTell  | nothing about the release: cluster, registry or harness   | errored |
| CutOff        | the run's time is up, or we were told to stop             | errored |
| ToolFailed    | a program that we asked something did not answer          | errored |
"""


class HarnessError(Exception):
    """Base of what the harness raises on purpose."""


class ReleaseFailed(HarnessError):
    """The release does not work. The message quotes the line that says why."""


class CouldNotTell(HarnessError):
    """Nothing was learned about the release."""


class ToolFailed(CouldNotTell):
    """kubectl, helm or another program failed to answer."""


class CutOff(BaseException):
    """The time is up. Not an Exception, so that no retry or clean-up on the way swallows it."""
