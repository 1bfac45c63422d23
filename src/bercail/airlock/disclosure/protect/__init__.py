"""Protection: which further cells to hide, how to round, or what noise to add.

Never does: say that its own result is safe; the audit does. Hands out: `suppress`,
`round_tables`, and the cell-key method.
"""
