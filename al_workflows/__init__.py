"""The science: potentials, simulations, queries, termination, DFT single points and the five steps of a cycle."""
