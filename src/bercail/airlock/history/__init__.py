"""What another platform's airlock decided before, kept as history and as nothing else.

For: reading the airlock requests of AzureTRE (documents of its database, with their history
and reviews) and recording them, so that nothing of the past is lost when that database goes.
Never does: turn what another system says into a decision of this airlock. History has event
kinds and streams of its own, times are recorded as claimed, and no request of ours ever
reads them. Names and e-mail addresses of staff, titles, reasons and file names stay out.
Hands out: `HistoryService`.
"""

from bercail.airlock.history.azuretre import read_documents
from bercail.airlock.history.service import HistoryService, ImportReport

__all__ = ["HistoryService", "ImportReport", "read_documents"]
