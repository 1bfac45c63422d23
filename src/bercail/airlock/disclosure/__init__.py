"""Disclosure control of tables of distinct persons, usable as a library.

For: hiding small counts, the cheapest further cells that keep them hidden, and showing
what an attacker is left with. Never does: reading rows, files or the network.
Hands out: `parse_counts`, `check_table`, `DisclosurePolicy`, and (apart, importing no
optimiser) the program `attacker`.
"""
