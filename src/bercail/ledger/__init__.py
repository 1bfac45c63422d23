"""What happened, in order, provably.

For: recording every act of the house as an event, publishing a log that anyone may
check, and proving one event to somebody who sees nothing else.
Never does: change, hide or delete an event; put the clear event in the log.
Hands out: `Ledger` (the desk), `Journal` with its adapters `MemoryJournal` and
`SqlJournal`, `MerkleTree` and the RFC 6962 functions. `verify` is a second reader
that shares no code with the writer and is used on its own.
"""

from bercail.ledger.checkpoint import Checkpoint
from bercail.ledger.codec import decode, encode
from bercail.ledger.events import NewEvent, RecordedEvent
from bercail.ledger.journal import CONFLICT, Journal
from bercail.ledger.memory import MemoryJournal
from bercail.ledger.merkle import (
    MerkleTree,
    consistency_proof,
    inclusion_proof,
    root,
    verify_consistency,
    verify_inclusion,
)
from bercail.ledger.service import Ledger
from bercail.ledger.sql import SqlJournal

__all__ = [
    "CONFLICT",
    "Checkpoint",
    "Journal",
    "Ledger",
    "MemoryJournal",
    "MerkleTree",
    "NewEvent",
    "RecordedEvent",
    "SqlJournal",
    "consistency_proof",
    "decode",
    "encode",
    "inclusion_proof",
    "root",
    "verify_consistency",
    "verify_inclusion",
]
