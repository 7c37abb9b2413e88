"""Runs under faults: ``python -m tests.chaos --seed N --minutes M``; what it does and shows is in docs/chaos.md."""
