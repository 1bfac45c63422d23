"""Who may do what with keys and secrets. Pure; default deny.

Sources: SNDS referential 6.4 (each use of a secret is authorised, and its recipient never holds
it) and 7.1 (every act has its author); SecNumCloud 10.5 (keys are in named hands).
"""

from __future__ import annotations

from enum import StrEnum

from bercail.foundation import Actor, Refused, Role


class Act(StrEnum):
    """What somebody may do in the vault."""

    LIST_KEYS = "list the keys"
    READ_HISTORY = "read who used which key"
    ACCOUNT = "hold the keys against the journal"
    CHECK_CERTIFICATE = "check a destruction certificate"
    CREATE_ROOT = "create a root"
    CHANGE_ROOT = "change the root"
    HOLD_CEREMONY = "hold a key ceremony"
    DESTROY = "destroy keys"
    MAKE_RECIPIENT = "make a party's public file"
    HAND_OVER = "hand a key over"
    RECEIVE = "receive a key"


_SEEING = frozenset({Role.AUDITOR, Role.OPERATOR, Role.KEY_CUSTODIAN})
_KEEPING = frozenset({Role.KEY_CUSTODIAN})
# What is not here is denied. An operator runs the house and holds none of its keys.
ACTS: dict[Act, frozenset[Role]] = {
    Act.LIST_KEYS: _SEEING,
    Act.READ_HISTORY: _SEEING,
    Act.ACCOUNT: _SEEING,
    Act.CHECK_CERTIFICATE: _SEEING | {Role.ACCESS_OFFICER},
    Act.CREATE_ROOT: _KEEPING,
    Act.CHANGE_ROOT: _KEEPING,
    Act.HOLD_CEREMONY: _KEEPING,
    Act.DESTROY: _KEEPING,
    Act.MAKE_RECIPIENT: _KEEPING,
    Act.HAND_OVER: _KEEPING,
    Act.RECEIVE: _KEEPING,
}
# Who receives data never holds the secret that made its pseudonyms.
RECIPIENTS = frozenset({Role.APPLICANT, Role.DATA_USER})
# Deliveries, extracts and rotations are the operator's; objections the person's or the body's.
SECRETS: dict[str, frozenset[Role]] = {
    "pseudonym": frozenset({Role.OPERATOR, Role.ACCESS_OFFICER, Role.CITIZEN}),
}
# What a session of anybody needs: the names of objects on the host, by which whoever reads an
# object finds it, the commitments to the files of a request, which its author makes, and to earlier
# releases, against which every request is audited, and the noise of the cells that leave.
OPEN_TO_ALL = frozenset(
    {"names", "airlock-request", "airlock-commitment", "airlock-guard", "airlock-noise"}
)


def may(actor: Actor, act: Act) -> str:
    """An empty text for yes, else the reason why not."""
    if act in ACTS and actor.roles & ACTS[act]:
        return ""
    wanted = " or ".join(sorted(f"`{role.value}`" for role in ACTS.get(act, ())))
    return f"`{actor.id}` does not have the role {wanted}"


def require(actor: Actor, act: Act) -> None:
    """Raise `Refused` (rule IAM-05) with the reason unless `may` says yes."""
    reason = may(actor, act)
    if reason:
        raise Refused(
            f"`{act.value}` is refused: {reason}.",
            remedy="Somebody with that role does it, and names themselves with `--as`.",
            rule="IAM-05",
        )


def may_take(actor: Actor, kind: str) -> str:
    """Whether a session of `actor` may take a secret of `kind`: an empty text, or the reason."""
    if kind in OPEN_TO_ALL:
        return ""
    if actor.roles & RECIPIENTS:
        return f"`{actor.id}` receives data, and a recipient never holds the secret"
    if actor.roles & SECRETS.get(kind, frozenset()):
        return ""
    return f"`{actor.id}` has no role that uses it"


def require_take(actor: Actor, kind: str, scope: str) -> None:
    """Raise `Refused` (rule PSE-04) with the reason unless `may_take` says yes."""
    reason = may_take(actor, kind)
    if reason:
        raise Refused(
            f"The secret `{kind}` of `{scope}` is not given out: {reason}.",
            remedy="An operator or an access officer does what needs it.",
            rule="PSE-04",
        )
