"""Who is who: identities of the registers become persons with a number that stays.

Never does: keep an identity in clear, join two twins, give a number twice, or hide a doubt: what is
not sure is a flag.
Hands out: `PersonDesk`, which builds the tables `silver_identities` and `silver_persons`; and the
maps to build other tables with: `person_of_pairs` (DCIR: pseudonym and rank),
`person_of_pseudonyms` (PMSI: pseudonym alone), `moved_persons` (numbers that changed between two
builds).
"""

from bercail.ingest.persons.columns import FLAGS, IDENTITIES, PERSONS
from bercail.ingest.persons.door import moved_persons, person_of_pairs, person_of_pseudonyms
from bercail.ingest.persons.service import PersonDesk
from bercail.ingest.persons.working import WorkSettings

__all__ = [
    "FLAGS",
    "IDENTITIES",
    "PERSONS",
    "PersonDesk",
    "WorkSettings",
    "moved_persons",
    "person_of_pairs",
    "person_of_pseudonyms",
]
