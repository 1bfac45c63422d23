"""Bercail brings health data home and opens it to research on a host that cannot read it."""
