"""Campaigns: one question asked of many surfaces.

From what a campaign file says (bulks, facets, adsorbates, sites) to its members, each of which is a run of its own.
"""
