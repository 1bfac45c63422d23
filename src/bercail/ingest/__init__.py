"""A delivery of a data holder becomes trusted tables.

Never does: let a clear identifier leave `pseudonymise`, load half a delivery, or edit what
was delivered. A failed check quarantines the whole delivery.
Hands out: `IngestService` (at our door), `HolderService` (run by the data holder alone),
and `synth`, which makes difficult deliveries that describe nobody.
"""
