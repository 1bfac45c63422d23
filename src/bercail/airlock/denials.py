"""Why an act is refused and who may do it instead, in English and in French. Pure words."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from bercail.foundation import Refused


@frozen(kw_only=True)
class Denial:
    """Why not, as the end of a sentence, and what to do; each in both languages."""

    en: str
    fr: str
    remedy: str
    remedy_fr: str

    def told(self, *names: str) -> Denial:
        """The same with `names` in the places `{0}`, `{1}` of its texts."""
        return Denial(
            en=self.en.format(*names),
            fr=self.fr.format(*names),
            remedy=self.remedy.format(*names),
            remedy_fr=self.remedy_fr.format(*names),
        )

    def refusal(self, act: str, rule: str) -> Refused:
        """The error for `act`, with the `rule` that denies it."""
        return Refused(
            f"`{act}` is refused: {self.en}. / `{act}` est refusé : {self.fr}.",
            remedy=f"{self.remedy} / {self.remedy_fr}",
            rule=rule,
        )


NOT_LIVE = Denial(
    en="the permit `{0}` is not live: it has ended, or was suspended or revoked",
    fr="le permis `{0}` n'est pas en vigueur : il a pris fin, ou a été suspendu ou révoqué",
    remedy="Ask the access body; for more time, file an application with `bercail access file`.",
    remedy_fr="Interrogez l'organisme d'accès ; pour plus de temps, déposez une demande avec "
    "`bercail access file`.",
)
HALTED = Denial(
    en="the project `{0}` is halted",
    fr="le projet `{0}` est arrêté",
    remedy="Nothing leaves until the halt is lifted by who may: see `bercail ledger halt list`.",
    remedy_fr="Rien ne sort avant que qui le peut lève l'arrêt : `bercail ledger halt list`.",
)
NOT_CONCERNED = Denial(
    en="`{0}` is not concerned by this request",
    fr="`{0}` n'est pas concerné par cette demande",
    remedy="Its author, members of its project, output checkers and auditors see it.",
    remedy_fr="Son auteur, les membres de son projet, les vérificateurs et auditeurs la voient.",
)
NOT_AUTHOR = Denial(
    en="`{0}` is not the author",
    fr="`{0}` n'en est pas l'auteur",
    remedy="Only `{1}`, who opened the request, does this.",
    remedy_fr="Seul `{1}`, qui a ouvert la demande, le fait.",
)
NOT_DATA_USER = Denial(
    en="`{0}` is not a data user of the project `{1}`",
    fr="`{0}` n'est pas utilisateur de données du projet `{1}`",
    remedy="Ask a data user whom the permit names, or have the permit changed.",
    remedy_fr="Demandez à un utilisateur nommé par le permis, ou faites modifier le permis.",
)
NOT_CHECKER = Denial(
    en="`{0}` is not an output checker",
    fr="`{0}` n'est pas vérificateur des sorties",
    remedy="An output checker outside the project does this.",
    remedy_fr="Un vérificateur des sorties extérieur au projet le fait.",
)
BELONGS = Denial(
    en="`{0}` belongs to the project of the request",
    fr="`{0}` appartient au projet de la demande",
    remedy="Another output checker, outside the project, does this.",
    remedy_fr="Un autre vérificateur, extérieur au projet, le fait.",
)
HAS_VOTED = Denial(
    en="`{0}` has voted on this set already",
    fr="`{0}` a déjà voté sur cet ensemble",
    remedy="Another output checker votes next.",
    remedy_fr="C'est à un autre vérificateur de voter.",
)
TOOK_STEP = Denial(
    en="`{0}` took the other step",
    fr="`{0}` a fait l'autre étape",
    remedy="Two persons take the two steps: ask the other one.",
    remedy_fr="Deux personnes font les deux étapes : demandez à l'autre.",
)
NO_STEP = Denial(
    en="`{0}` takes no step of the review",
    fr="`{0}` ne fait aucune étape de l'examen",
    remedy="An access officer or an output checker, outside the project, refuses files.",
    remedy_fr="Un responsable d'accès ou un vérificateur, extérieur au projet, les refuse.",
)
OTHER_STEP = Denial(
    en="`{0}` does not take the step `{1}`",
    fr="`{0}` ne fait pas l'étape `{1}`",
    remedy="Somebody outside the project with the role `{2}` takes it.",
    remedy_fr="Une personne extérieure au projet, avec le rôle `{2}`, la fait.",
)

STATES_FR: Mapping[str, str] = {
    "none": "pas ouverte",
    "draft": "en brouillon",
    "submitted": "déposée",
    "checked": "contrôlée",
    "quarantined": "en quarantaine",
    "in_review": "en examen",
    "consolidating": "en conciliation",
    "approved": "approuvée",
    "rejected": "rejetée",
    "returned": "renvoyée",
    "released": "sortie",
    "withdrawn": "retirée",
    "revoked": "révoquée",
}
"""Each state of a request in French; a test holds the table against the states."""

TURNS_FR: Mapping[str, str] = {
    "author": "l'auteur",
    "platform": "la plateforme",
    "checkers": "les vérificateurs",
    "nobody": "personne",
}
"""Whose turn it is, in French."""

BRINGING_FR: Mapping[str, str] = {
    "none": "pas déclarés",
    "declared": "déclarés",
    "scanned": "examinés par le programme",
    "stopped": "arrêtés",
    "approved_once": "approuvés une fois",
    "approved": "approuvés",
    "handed_over": "remis",
    "refused": "refusés",
}
"""Each state of files on their way in."""


def wrong_state(en: str, fr: str, possible: Mapping[str, str]) -> Denial:
    """The state forbids it; `possible` are the acts that it allows, with who does each.

    Who is a key of `TURNS_FR`, or empty where the act does not say.
    """
    acts = ", ".join(f"`{act}`{f' (the {who})' if who else ''}" for act, who in possible.items())
    acts_fr = ", ".join(
        f"`{act}`{f' ({TURNS_FR[who]})' if who else ''}" for act, who in possible.items()
    )
    if not acts:
        return Denial(
            en=en,
            fr=fr,
            remedy="Nothing more is done with it; begin a new one.",
            remedy_fr="Rien de plus n'est possible ; commencez-en une nouvelle.",
        )
    return Denial(
        en=en,
        fr=fr,
        remedy=f"In this state one may: {acts}.",
        remedy_fr=f"Dans cet état on peut : {acts_fr}.",
    )
