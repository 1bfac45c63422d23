"""Difficult synthetic deliveries: fictitious persons, real pathologies of the data.

Writes what a data holder would send, in clear, with the truth beside it:
late flows, negative lines, twins, persons under two identifiers, provisional
numbers, sentinels, bad return codes. The same profile gives the same bytes.
Never does: read real data, or describe anybody who exists.
Hands out: `make`, `SynthProfile`, `SynthReport`, `difficulties`, `check`, `write_page`.
"""

from bercail.ingest.synth.check import Comparison, check
from bercail.ingest.synth.difficulties import Difficulty, difficulties
from bercail.ingest.synth.picture import write_page
from bercail.ingest.synth.profile import SynthProfile, SynthReport
from bercail.ingest.synth.service import make

__all__ = [
    "Comparison",
    "Difficulty",
    "SynthProfile",
    "SynthReport",
    "check",
    "difficulties",
    "make",
    "write_page",
]
