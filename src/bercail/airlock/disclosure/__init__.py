"""Disclosure control of tables, usable as a library.

For: reading tables of results, hiding or rounding what shows few persons, and showing what an
attacker is left with, alone and together with earlier releases. Never does: reading rows of
persons or the network.
Hands out: `assessment` (any file), `check_table` (count tables of the platform), the packages
`tables`, `rules`, `protect`, `audit` (which imports no optimiser, as does the program
`attacker`) and `guard`.
"""
