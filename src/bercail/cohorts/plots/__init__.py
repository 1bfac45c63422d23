"""Draw the results of a study: flowchart, pyramid, curves, alarms, map of the départements.

Charts are values (altair); `draw` makes SVG or PNG of them on this machine, without a network.
Never does: read a person's row. Charts are made from counts and estimates, and what they show
leaves through the airlock like any table.
Hands out: `draw`, `flowchart`, `pyramid`, `curves`, `intervals`, `alarms`, `reproduction`,
`departements`.
"""

from bercail.cohorts.plots.curves import curves, intervals, reproduction
from bercail.cohorts.plots.epidemic import alarms
from bercail.cohorts.plots.flow import flowchart
from bercail.cohorts.plots.map import departements
from bercail.cohorts.plots.pyramid import pyramid
from bercail.cohorts.plots.style import draw

__all__ = [
    "alarms",
    "curves",
    "departements",
    "draw",
    "flowchart",
    "intervals",
    "pyramid",
    "reproduction",
]
