"""Where an analysis is written besides the screen: a picture, a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.cohorts.analysis.columns import write_table
from bercail.cohorts.analysis.result import Analysis
from bercail.cohorts.plots.style import KINDS, draw, words
from bercail.foundation import Invalid


@frozen(kw_only=True)
class Outputs:
    """A picture (.svg, .png) and a table (.parquet, .csv) to write; the language of pictures."""

    plot: Path | None = None
    out: Path | None = None
    language: str = "en"
    title: str = ""

    def __attrs_post_init__(self) -> None:
        """Refuse wrong endings before the work is done."""
        words(self.language)
        if self.plot is not None and self.plot.suffix not in KINDS:
            raise Invalid(f"`{self.plot}` is no picture.", remedy="End it with .svg or .png.")
        if self.out is not None and self.out.suffix not in {".parquet", ".csv"}:
            raise Invalid(f"`{self.out}` is no table.", remedy="End it with .parquet or .csv.")

    def finish(self, analysis: Analysis, chart: Callable[[], Any] | None = None) -> Analysis:
        """Write what is wanted, and hand the analysis on; raises `Invalid` without a chart."""
        if self.out is not None:
            write_table(analysis.table(), self.out)
        if self.plot is not None:
            if chart is None:
                raise Invalid("This analysis has no picture.", remedy="Leave out --plot.")
            draw(chart(), self.plot)
        return analysis
