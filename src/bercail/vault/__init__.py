"""Everything that touches a secret key: sealing, signing, pseudonyms, custody.

Never does: know what the data mean, or talk to a host. No other room imports `cryptography`
(the ledger's second reader alone verifies with it).
Hands out: sealed objects and their bindings, the key ring and its custodians, opaque names,
signers and verifiers, pseudonym functions. Every refusal of something altered is `Unproven`
and its `rule` says which check failed.
"""

from bercail.vault.binding import Binding
from bercail.vault.custody import Custodian, MemoryCustodian
from bercail.vault.dsse import envelope as dsse_envelope
from bercail.vault.dsse import open_envelope as open_dsse_envelope
from bercail.vault.file_custodian import FileCustodian
from bercail.vault.keyring import Keyring
from bercail.vault.keys import (
    DataKey,
    DestroyedKey,
    DestructionCertificate,
    KeyEntry,
    Purpose,
)
from bercail.vault.names import opaque_name
from bercail.vault.notes import NotePublicKey, NoteSigner, VerifierKey, note_signer, verify_note
from bercail.vault.pseudonyms import level_one, level_two, project
from bercail.vault.sealed import SealedReader, SealingWriter, open_bytes, seal_bytes, seal_chunks
from bercail.vault.sealed_format import sealed_size
from bercail.vault.service import RootChange, renew_root
from bercail.vault.signatures import (
    DualPublicKey,
    DualSignature,
    DualSigner,
    signer,
    verify_dual,
)

__all__ = [
    "Binding",
    "Custodian",
    "DataKey",
    "DestroyedKey",
    "DestructionCertificate",
    "DualPublicKey",
    "DualSignature",
    "DualSigner",
    "FileCustodian",
    "KeyEntry",
    "Keyring",
    "MemoryCustodian",
    "NotePublicKey",
    "NoteSigner",
    "Purpose",
    "RootChange",
    "SealedReader",
    "SealingWriter",
    "VerifierKey",
    "dsse_envelope",
    "level_one",
    "level_two",
    "note_signer",
    "opaque_name",
    "open_bytes",
    "open_dsse_envelope",
    "project",
    "renew_root",
    "seal_bytes",
    "seal_chunks",
    "sealed_size",
    "signer",
    "verify_dual",
    "verify_note",
]
