"""Declared results: curves, percentiles, ratios, maps and models that a file holds as rows.

The schema next to the file says which column is what; the primary rules are applied to each row.
Nothing is hidden or changed here: what fails is named by its row, what does not add up goes to
people. No message holds a value or a label of the file.
"""
