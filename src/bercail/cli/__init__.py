"""The command line: one command calls one service, and shows what came back.

Never does: decide anything about the field, or compute.
Hands out: the program `bercail`, one group of commands per room.
"""
