"""Open a study file: its author's program runs behind walls, and only a model comes back.

Never does: run the file in the process that asks, or let it reach the network or write a file.
Hands out: `load_study` (study_files.loader), `example` (study_files.examples).
"""
