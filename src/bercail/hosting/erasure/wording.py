"""The words of a certificate of erasure, in English and in French."""

from __future__ import annotations

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Certificate of erasure",
        "what": (
            "{objects} things ({bytes} bytes) stood on {source} and were to be erased "
            "({rules}). {not_carried} of them had not been carried to {target}, which was "
            "accepted. The list of their names has the SHA-256 {list_sha256}. What was carried "
            "was proven before, root {proof_root}. Certified at {certified_at}."
        ),
        "notice": (
            "Notice was given by {notice_given_by} to {notice_given_to}; it ran until "
            "{notice_until}."
        ),
        "seen-by-us": "Seen by us, with our own eyes and at one moment:",
        "provider's-word": "The provider's word, which we cannot check:",
        "does-not-exist-here": "Does not exist on this source, on the word of:",
        "looked": (
            "{subject}: the host shows nothing any more ({remaining} remain; {looked} names of "
            "the list were asked for one by one and are absent)."
        ),
        "said": "{subject}: {by} says: {statement}",
        "document": " [document, SHA-256 {document}]",
        "limits": (
            "A host that shows nothing may still hold copies. What was sealed by us before it "
            "went there is unreadable without our keys; what was in clear there is gone only as "
            "far as the words above are true."
        ),
    },
    "fr": {
        "title": "Certificat d'effacement",
        "what": (
            "{objects} éléments ({bytes} octets) se trouvaient sur {source} et devaient être "
            "effacés ({rules}). {not_carried} d'entre eux n'avaient pas été transportés vers "
            "{target}, ce qui a été accepté. La liste de leurs noms a pour SHA-256 {list_sha256}. "
            "Ce qui a été transporté avait été prouvé, racine {proof_root}. Certifié le "
            "{certified_at}."
        ),
        "notice": (
            "Le préavis a été donné par {notice_given_by} à {notice_given_to} ; il courait "
            "jusqu'au {notice_until}."
        ),
        "seen-by-us": "Constaté par nous-mêmes, à un instant donné :",
        "provider's-word": "Parole du prestataire, que nous ne pouvons pas vérifier :",
        "does-not-exist-here": "N'existe pas sur cette source, sur la parole de :",
        "looked": (
            "{subject} : l'hébergeur ne montre plus rien ({remaining} restent ; {looked} noms de "
            "la liste ont été demandés un à un et sont absents)."
        ),
        "said": "{subject} : {by} déclare : {statement}",
        "document": " [document, SHA-256 {document}]",
        "limits": (
            "Un hébergeur qui ne montre rien peut encore détenir des copies. Ce que nous avions "
            "scellé avant de le lui confier est illisible sans nos clés ; ce qui s'y trouvait en "
            "clair n'a disparu que dans la mesure où les paroles ci-dessus sont vraies."
        ),
    },
}
