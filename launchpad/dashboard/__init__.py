"""The dashboard: pages on what campaigns and runs are doing, straight from the database.

``serve`` runs it, ``app`` puts it together, ``pages`` has a module for each page (its address, what it reads, its
template), ``data`` what pages read, ``templates`` and ``static`` what a browser gets. Nothing is loaded from a network.
"""
