"""Silver: one narrow table of events per concept, made from bronze by the named cleaning rules.

Never does: change bronze, write a cleaning rule a second time, or keep a pseudonym beside an event
(a person is a number; the one table that knows whose it is turns with the pseudonyms).
Hands out: `SilverService`, which builds, and `with_silver`, the names that the lake then knows.
"""
