"""The main job told as one story, on real servers of this machine and invented people.

Never does: anything that the rooms' own services do not do; it calls them in order, as the
people of a platform would, and shows what came of it.
Hands out: `tell`, which runs the story (or finishes one that was killed), and `write_report`.
"""

from bercail.demo.story import Telling, tell

__all__ = ["Telling", "tell"]
