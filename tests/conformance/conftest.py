"""The stage is shared by the tests of a module."""

from support.stage import server_arguments, server_environment, stage

__all__ = ["server_arguments", "server_environment", "stage"]
