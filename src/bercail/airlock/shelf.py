"""The sealed files of one request, and the digests that votes are bound to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from bercail.airlock.events import AttachedFile, Entry
from bercail.foundation import canonical_json, sha256_hex
from bercail.lake import SealedStore
from bercail.vault import Keyring, opaque_name

TABLE_JSON = "outputs/table.json"
TABLE_CSV = "outputs/table.csv"
REPORT = "disclosure/report.json"
CERTIFICATE = "disclosure/certificate.json"
INSPECTION = "disclosure/inspection.json"
CONTEXT = "review/context.json"
STATEMENT = "review/statement.json"

CHECKER_REPORT = "checker-report.json"
_PARTS = {"leaves": "submitted", "supports": "supporting", "declares": "schema"}


SALTED = "salted-sha256:"
"""How the digest of a file that leaves begins."""


def digest_of_leaving(salt: str, data: bytes) -> str:
    """SHA-256 over the salt, a zero byte and the file: says nothing to who has not the salt.

    Without a salt (sets of before there were any) that of the file alone.
    """
    if not salt:
        return f"sha256:{sha256_hex(data)}"
    return SALTED + sha256_hex(salt.encode("ascii") + b"\0" + data)


class Shelf:
    """Everything of one request, sealed under its own key (kind `airlock`).

    Names hold the id of the submission, so a later submission never overwrites an earlier
    one and writing the same submission twice does no harm.
    """

    def __init__(self, store: SealedStore, keys: Keyring, request: str) -> None:
        self._store = store
        self._keys = keys
        self._request = request

    def keep_file(self, name: str, data: bytes) -> str:
        """Seal a file that was handed in; returns its commitment."""
        commitment = self.commitment(name, data)
        self._store.put(f"submitted/{commitment}", data)
        return commitment

    def file(self, commitment: str) -> bytes:
        """The file of that commitment."""
        return self._store.read(f"submitted/{commitment}")

    def keep_check(
        self, submission: str, leaving: Mapping[str, bytes], report: Mapping[str, Any]
    ) -> None:
        """Seal the outcome of the check: what would leave, and what only checkers see."""
        for name, data in leaving.items():
            self._store.put(f"checked/{submission}/{name}", data)
        self._store.put(f"checked/{submission}/{CHECKER_REPORT}", canonical_json(report) + b"\n")

    def leaving(self, submission: str, names: Iterable[str]) -> dict[str, bytes]:
        """The files that leave, by their path in the package."""
        return {name: self._checked(submission, name) for name in names}

    def checker_report(self, submission: str) -> dict[str, Any]:
        """What only checkers see."""
        report: dict[str, Any] = json.loads(self._checked(submission, CHECKER_REPORT))
        return report

    def entries(
        self,
        submission: str,
        files: Iterable[AttachedFile],
        leaving: Iterable[str],
        policy_digest: str,
        *,
        salted: bool = True,
    ) -> tuple[Entry, ...]:
        """The set to vote on, computed anew from the sealed bytes.

        Digests of what never leaves are keyed: the plain digest of a table with small
        counts could be found again by trying counts. What leaves is digested with a salt, since
        it may still be turned down; sets of before there were salts are not (`salted`).
        """
        report = self._checked(submission, CHECKER_REPORT)
        entries = [
            Entry(part="submission", name="id", digest=submission),
            Entry(part="policy", name="policy", digest=f"sha256:{policy_digest}"),
            *[
                Entry(
                    part=_PARTS[one.role],
                    name=one.name,
                    digest=self.commitment(one.name, self.file(one.commitment)),
                )
                for one in files
            ],
            Entry(
                part="report",
                name=CHECKER_REPORT,
                digest=self.commitment(CHECKER_REPORT, report),
            ),
        ]
        for path, data in sorted(self.leaving(submission, leaving).items()):
            salt = self.salt(submission, path) if salted else ""
            entries.append(Entry(part="leaves", name=path, digest=digest_of_leaving(salt, data)))
        return tuple(entries)

    def salt(self, submission: str, path: str) -> str:
        """The salt of a file that leaves: 52 characters that the release opens."""
        secret = self._keys.secret("airlock-commitment", self._request)
        tag = opaque_name(secret, "airlock-salt", self._request, path, submission)
        return tag.replace("/", "")

    def commitment(self, name: str, data: bytes) -> str:
        """A digest of `data` that says nothing to who has not the key of this request."""
        secret = self._keys.secret("airlock-commitment", self._request)
        tag = opaque_name(secret, "airlock-commitment", self._request, name, sha256_hex(data))
        return f"hmac-sha256:{tag.replace('/', '')}"

    def _checked(self, submission: str, name: str) -> bytes:
        return self._store.read(f"checked/{submission}/{name}")
