"""Be able to leave the host: the contract's terms are read, and a sample leaves for elsewhere.

For: knowing, before it matters, that the contract allows the way out (`check_terms`), that it
works, and how long it takes (Data Act, article 25; SecNumCloud 3.2, 19.1.h).
Never does: write to the home store, or move the canonical side.
Hands out: `ExitRehearsal`, `Rehearsal`, `check_terms` and `TermsChecked`.
"""

from bercail.hosting.exit.contract import check_terms, load_term_rules
from bercail.hosting.exit.desk import ExitRehearsal, Rehearsal
from bercail.hosting.exit.estimate import Batch, Estimate
from bercail.hosting.exit.terms import TermsChecked

__all__ = [
    "Batch",
    "Estimate",
    "ExitRehearsal",
    "Rehearsal",
    "TermsChecked",
    "check_terms",
    "load_term_rules",
]
