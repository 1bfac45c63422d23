"""Decide a study in plain Python, person by person: the reference that other engines must equal.

Never does: use what the compiler to SQL is made of: it would repeat its errors.
Hands out: `MemoryEngine`, and what an expression is worth (`evaluate`).
"""
