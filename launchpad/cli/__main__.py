"""``python -m launchpad.cli``: the command `alflow` of this Python."""

from launchpad.cli.app import main

if __name__ == "__main__":
    main()
