"""A module for each page: a blueprint whose functions read what the template shows."""
