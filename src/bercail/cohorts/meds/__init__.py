"""Hand a cohort to machine learning: event streams in the MEDS format, feature matrices, splits.

Never does: put one person into two splits, show a model an event that comes after its label, or
keep a project's pseudonyms in a file of numbers.
Hands out: `event_stream`, `assign_splits`, `write_dataset`, `check_dataset`, `feature_matrix`,
`write_matrix`.
"""

from bercail.cohorts.meds.dataset import check_dataset, write_dataset
from bercail.cohorts.meds.matrix import FeatureMatrix, feature_matrix, write_matrix
from bercail.cohorts.meds.splits import Splits, assign_splits
from bercail.cohorts.meds.stream import event_stream, subject_numbers

__all__ = [
    "FeatureMatrix",
    "Splits",
    "assign_splits",
    "check_dataset",
    "event_stream",
    "feature_matrix",
    "subject_numbers",
    "write_dataset",
    "write_matrix",
]
