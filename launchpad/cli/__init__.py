"""The command line, `alflow`."""

from launchpad.cli.app import main

__all__ = ["main"]
