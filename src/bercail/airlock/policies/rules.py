"""Which policy may follow which: pure."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from bercail.airlock.disclosure.rules.source_policy import SourcePolicy, strictest_source
from bercail.foundation import Actor, Refused, Role

RULE = "disclosure-policy"


def require_signable(policy: SourcePolicy, earlier: Sequence[SourcePolicy], actor: Actor) -> None:
    """Raise unless `actor` may sign `policy`.

    `earlier`: the policies of that name that it follows: signed before, or known without.

    Raises:
        Refused: the actor is no operator; the policy and its counts have two names, or a `+` in
            them; its version does not follow; it asks for less than an earlier one.
    """
    if Role.OPERATOR not in actor.roles:
        raise _refused(
            f"`{actor.id}` is no operator. / `{actor.id}` n'est pas opérateur.",
            "Ask the operator to sign it. / Demandez à l'opérateur de la signer.",
        )
    if policy.counts.name != policy.name or "+" in policy.name or not policy.name.isprintable():
        raise _refused(
            f"The policy `{policy.name}` and its counts do not bear one plain name. / "
            f"La politique `{policy.name}` et ses effectifs ne portent pas un même nom simple.",
            "Give both the name of the source, without `+`. / "
            "Donnez aux deux le nom de la source, sans `+`.",
        )
    last = max((one.version for one in earlier), default=0)
    follows = policy.version > last or (policy.version == last and policy in earlier)
    if policy.counts.version != policy.version or not follows:
        raise _refused(
            f"Version `{policy.version}` of `{policy.name}` does not follow. / "
            f"La version `{policy.version}` de `{policy.name}` ne fait pas suite.",
            f"Use version {last + 1} in both places. / "
            f"Mettez la version {last + 1} aux deux endroits.",
        )
    for one in earlier:
        if laxer := weaker_settings(policy, one):
            settings = ", ".join(f"`{name}`" for name in laxer)
            raise _refused(
                f"`{policy.name}` asks for less than version {one.version} of `{one.name}`: "
                f"{settings}. / `{policy.name}` demande moins que la version {one.version} de "
                f"`{one.name}` : {settings}.",
                "Keep each of these settings at least as strict. / "
                "Gardez chacun de ces réglages au moins aussi strict.",
            )


def weaker_settings(policy: SourcePolicy, other: SourcePolicy) -> tuple[str, ...]:
    """The settings in which `policy` asks for less than `other`, by name."""
    same = evolve(
        other,
        name=policy.name,
        version=policy.version,
        counts=evolve(
            other.counts,
            name=policy.counts.name,
            version=policy.counts.version,
            cost=policy.counts.cost,
            exact_cells=policy.counts.exact_cells,
            exact_rounds=policy.counts.exact_rounds,
        ),
    )
    both = strictest_source([policy, same]).as_dict()
    own = policy.as_dict()
    skipped = {"name", "version", "counts"}
    found = [name for name in own if name not in skipped and both[name] != own[name]]
    inside = own["counts"]
    found += [
        f"counts.{name}"
        for name in inside
        if name not in skipped and both["counts"][name] != inside[name]
    ]
    return tuple(found)


def _refused(why: str, remedy: str) -> Refused:
    return Refused(why, remedy=remedy, rule=RULE)
