"""The report of a comparison as one page that needs nothing else: `page_of(result)` gives its HTML."""

from glaswerk.glass.simulator.report.page import page_of

__all__ = ["page_of"]
