"""Tell a study in words, in English and in French, from its model alone.

Never does: read data, or the text of the study file.
Hands out: `explain` (explaining.sentences).
"""
