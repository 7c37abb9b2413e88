"""Measurements of the learner beside its peers: systems drawn by a seed, counted single points, tables."""
