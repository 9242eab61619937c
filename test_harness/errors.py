"""Errors of the harness. The class says what a stage that ends with it proves; the text is for people.

| class         | proves                                                    | step    |
|---------------|-----------------------------------------------------------|---------|
| ReleaseFailed | the release that runs in this stage does not work         | failed  |
| CouldNotTell  | nothing about the release: cluster, registry or harness   | errored |
| ToolFailed    | the same: a program that we asked did not answer          | errored |
| Skipped       | there was nothing to do                                   | skipped |
| CutOff        | the run's time is up, or we were told to stop             | errored |
"""


class HarnessError(Exception):
    """Base of what the harness raises on purpose."""


class ReleaseFailed(HarnessError):
    """The release does not work. The message quotes the line that says why."""


class CouldNotTell(HarnessError):
    """Nothing was learned about the release."""


class ToolFailed(CouldNotTell):
    """kubectl, helm or another program failed to answer."""


class Skipped(HarnessError):
    """There was nothing to do; the message says why."""


class CutOff(BaseException):
    """The time is up. Not an Exception, so that no retry or clean-up on the way swallows it."""
