"""Everything that touches a secret key: sealing, signing, pseudonyms, custody.

Never does: know what the data mean, or talk to a host. No other room imports `cryptography`
(the ledger's second reader alone verifies with it).
Hands out: sealed objects and their bindings, the key ring and its custodians, opaque names,
signers and verifiers, pseudonym functions. Every refusal of something altered is `Unproven`
and its `rule` says which check failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bercail.vault.binding import Binding
from bercail.vault.certificates import (
    SignedDestruction,
    certify,
    destroy_and_certify,
    destruction_signer,
    read_certificate,
)
from bercail.vault.cosignatures import Cosignature, Cosigner, read_cosignatures
from bercail.vault.custodian_settings import (
    CustodianSettings,
    create_custodian,
    open_custodian,
)
from bercail.vault.custody import Custodian, MemoryCustodian, RenewableCustodian
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
from bercail.vault.notes import (
    NotePublicKey,
    NoteSigner,
    VerifierKey,
    note_signer,
    verify_note,
    verify_note_by,
)
from bercail.vault.recipients import Party, Recipient, recipient
from bercail.vault.sealed import SealedReader, SealingWriter, open_bytes, seal_bytes, seal_chunks
from bercail.vault.sealed_format import sealed_size
from bercail.vault.service import RootChange, move_root, renew_root
from bercail.vault.signatures import (
    DualPublicKey,
    DualSignature,
    DualSigner,
    signer,
    verify_dual,
)

if TYPE_CHECKING:
    from bercail.vault.handover import Handover, hand_over, receive
    from bercail.vault.pseudonyms import level_one, level_two, project
    from bercail.vault.share_cards import card_text, read_card, write_cards
    from bercail.vault.shares import (
        ShareCard,
        TypedShare,
        combine,
        recover_custodian,
        shares_needed,
        split_root,
    )

# Few commands share a root or make pseudonyms: their libraries (SLIP-39, Arrow) come when asked
# for.
_LATER = {
    "Handover": "handover",
    "ShareCard": "shares",
    "TypedShare": "shares",
    "card_text": "share_cards",
    "combine": "shares",
    "hand_over": "handover",
    "level_one": "pseudonyms",
    "level_two": "pseudonyms",
    "project": "pseudonyms",
    "read_card": "share_cards",
    "receive": "handover",
    "recover_custodian": "shares",
    "shares_needed": "shares",
    "split_root": "shares",
    "write_cards": "share_cards",
}

__all__ = [
    "Binding",
    "Cosignature",
    "Cosigner",
    "Custodian",
    "CustodianSettings",
    "DataKey",
    "DestroyedKey",
    "DestructionCertificate",
    "DualPublicKey",
    "DualSignature",
    "DualSigner",
    "FileCustodian",
    "Handover",
    "KeyEntry",
    "Keyring",
    "MemoryCustodian",
    "NotePublicKey",
    "NoteSigner",
    "Party",
    "Purpose",
    "Recipient",
    "RenewableCustodian",
    "RootChange",
    "SealedReader",
    "SealingWriter",
    "ShareCard",
    "SignedDestruction",
    "TypedShare",
    "VerifierKey",
    "card_text",
    "certify",
    "combine",
    "create_custodian",
    "destroy_and_certify",
    "destruction_signer",
    "dsse_envelope",
    "hand_over",
    "level_one",
    "level_two",
    "move_root",
    "note_signer",
    "opaque_name",
    "open_bytes",
    "open_custodian",
    "open_dsse_envelope",
    "project",
    "read_card",
    "read_certificate",
    "read_cosignatures",
    "receive",
    "recipient",
    "recover_custodian",
    "renew_root",
    "seal_bytes",
    "seal_chunks",
    "sealed_size",
    "shares_needed",
    "signer",
    "split_root",
    "verify_dual",
    "verify_note",
    "verify_note_by",
    "write_cards",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"bercail.vault.{_LATER[name]}"), name)
