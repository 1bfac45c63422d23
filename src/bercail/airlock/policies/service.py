"""The desk of policies: shows, signs, checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.airlock.disclosure.policy import SNDS, DisclosurePolicy
from bercail.airlock.disclosure.rules.source_policy import (
    SNDS_SOURCE,
    SOURCES,
    SourcePolicy,
    open_policy,
    policy_from_dict,
    signed_policy,
    strictest_source,
)
from bercail.airlock.policies.events import POLICY_EVENTS, PolicySigned
from bercail.airlock.policies.rules import RULE, require_signable, weaker_settings
from bercail.foundation import Actor, Invalid, Missing
from bercail.ledger import Ledger
from bercail.ledger.recording import StreamRecorder
from bercail.vault import DualPublicKey, Keyring, signer

POLICY_SIGNER = "disclosure-policy"
STREAM = "airlock-policies"


def signed_sources(ledger: Ledger, keys: Keyring) -> dict[str, SourcePolicy]:
    """The latest signed policy of each source, by name; each signature is verified.

    Raises:
        Unproven: a recorded policy is not the one that was signed.
    """
    _, events = ledger.load(STREAM, POLICY_EVENTS)
    if not events:
        return {}
    key = signer(keys, POLICY_SIGNER).public
    policies = [open_policy(event.envelope.encode(), key) for event in events]
    return {policy.name: policy for policy in policies}


def read_policy(file: Path) -> SourcePolicy:
    """The policy in a JSON file, as `show` writes it; raises Missing or Invalid."""
    return policy_from_dict(_json(_bytes(file), file))


@frozen(kw_only=True)
class PolicyDesk:
    """`house` is the policy of the configuration; no signed one of its name asks for less."""

    ledger: Ledger
    keys: Keyring
    house: DisclosurePolicy = SNDS

    def show(self, names: tuple[str, ...] = ()) -> SourcePolicy:
        """The policy of a source, or the strictest of several; the house's without a name.

        Raises:
            Missing: no source has that name.
        """
        known = {one.name: one for one in SOURCES} | signed_sources(self.ledger, self.keys)
        wanted = names or (SNDS_SOURCE.name,)
        if unknown := [name for name in wanted if name not in known]:
            known_names = ", ".join(sorted(known))
            raise Missing(
                f"There is no policy of a source `{unknown[0]}`. / "
                f"Il n'y a pas de politique d'une source `{unknown[0]}`.",
                remedy=f"Known are: {known_names}. / Sont connues : {known_names}.",
            )
        return strictest_source([known[name] for name in wanted])

    def sign(self, policy: SourcePolicy, actor: Actor) -> bytes:
        """Sign `policy` and apply it from now on; the envelope, as it is published.

        The same policy signed again is the same envelope and leaves no second event.

        Raises:
            Refused: see `require_signable`.
        """
        recorder = StreamRecorder(ledger=self.ledger, stream=STREAM, kinds=POLICY_EVENTS)
        known = signed_sources(self.ledger, self.keys)
        for event in recorder.events():
            if event.digest == policy.digest:
                return str(event.envelope).encode()
        earlier = [one for one in SOURCES if one.name == policy.name]
        before = known.get(policy.name)
        require_signable(policy, [*earlier, *([before] if before else [])], actor)
        envelope = signed_policy(policy, signer(self.keys, POLICY_SIGNER))
        signed = PolicySigned(
            name=policy.name,
            version=policy.version,
            digest=policy.digest,
            by=actor.id,
            envelope=envelope.decode(),
        )
        recorder.record(signed, actor)
        return envelope

    def public_key(self) -> DualPublicKey:
        """What `check` needs, on any machine."""
        return signer(self.keys, POLICY_SIGNER).public


def check_envelope(file: Path, key: DualPublicKey) -> dict[str, Any]:
    """The signed policy in `file`, once `key` signed it, and where it differs from the SNDS.

    Raises:
        Missing: there is no such file.
        Unproven: it is not signed by that key.
        Invalid: what was signed is no policy.
    """
    policy = open_policy(_bytes(file), key)
    return {
        "name": policy.name,
        "version": policy.version,
        "digest": policy.digest,
        "signed": True,
        "weaker_than_snds": list(weaker_settings(policy, SNDS_SOURCE)),
        "policy": policy.as_dict(),
    }


def read_key(file: Path) -> DualPublicKey:
    """The public key in a file that `policy key --json` wrote."""
    return DualPublicKey.from_dict(_json(_bytes(file), file))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise Missing(
            f"There is no file `{file}`. / Le fichier `{file}` n'existe pas.",
            remedy="Check the path. / Vérifiez le chemin.",
        ) from error
    except OSError as error:
        raise Invalid(
            f"`{file}` cannot be read as a file. / `{file}` ne se lit pas comme un fichier.",
            remedy="Give a file. / Donnez un fichier.",
        ) from error


def _json(data: bytes, file: Path) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid(
            f"`{file}` is not JSON. / `{file}` n'est pas du JSON.",
            remedy="Write it with `bercail airlock policy show NAME --json`. / "
            "Écrivez-le avec `bercail airlock policy show NOM --json`.",
            rule=RULE,
        ) from error
