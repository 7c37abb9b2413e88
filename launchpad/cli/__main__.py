"""``python -m launchpad.cli`` is `alflow`."""

from launchpad.cli import main

if __name__ == "__main__":
    main()
