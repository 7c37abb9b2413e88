"""Figures and comparisons made from finished runs."""
