"""Primary rules: what may not be shown as it is, whoever asks, with a sentence in two languages.

Never does: hide a cell or read a file. Hands out: the catalogue `RULES`, the signed
`SourcePolicy`, `primary_cells` for tables, and one function for each kind of statistic.
"""
