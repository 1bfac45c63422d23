"""The end of the old host: what is to be erased, the notice, the evidence, the certificate.

For: erasing the source after the cut-over, so that a third party can check what was shown and
what is only somebody's word (SecNumCloud 3.2, 19.4; Data Act, article 25(2)(h)).
Never does: delete anything. The source stays read-only for Bercail; the operator deletes with
the provider's own tools, from the list that is released here.
Hands out: `ErasureDesk` and the values it answers with.
"""

from bercail.hosting.erasure.certificate import Certificate
from bercail.hosting.erasure.deletion_list import DeletionList
from bercail.hosting.erasure.desk import ErasureDesk, ErasurePlan
from bercail.hosting.erasure.rules import Subject, Word

__all__ = ["Certificate", "DeletionList", "ErasureDesk", "ErasurePlan", "Subject", "Word"]
