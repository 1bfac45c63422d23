"""Compute what a study reports: rates, survival, regression, surveillance.

Input is a table with one row per person, event, week or stratum; output is an `Analysis`: rows,
the counts behind them, and the paper that describes the method. Estimation comes from statsmodels
and scipy wherever they have it.
Never does: read a lake or an extract, choose who is in a cohort, or hand anything to the outside:
results leave through the airlock.
Hands out: `Analysis`, `Estimate`; each family in its module, the desk in `service`.
"""

from bercail.cohorts.analysis.result import REMINDER, Analysis, Estimate

__all__ = ["REMINDER", "Analysis", "Estimate"]
