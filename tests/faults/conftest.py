"""Faults are tried on a running server: the stage of the end-to-end tests, alone or shared by a module."""

from support.stage import server_arguments, server_environment, stage

__all__ = ["server_arguments", "server_environment", "stage"]
