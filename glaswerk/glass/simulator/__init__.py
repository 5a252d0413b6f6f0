"""A simulated audience, to compare policies by what viewers got and not by what a model believes.

    result = simulate(Settings(viewers=700, videos=2500, days=3, seed=1))     # JSON-ready figures
    Path("report.html").write_text(page_of(result))

Viewers have tastes that no policy sees; docs/simulator.md gives the hidden model and its sources.
"""

from glaswerk.glass.simulator.compare import TITLES, simulate
from glaswerk.glass.simulator.report import page_of
from glaswerk.glass.simulator.settings import Settings, SimulatorError

__all__ = ["TITLES", "Settings", "SimulatorError", "page_of", "simulate"]
