"""Fitting the tables of the heads, and measuring them, over plain arrays: no event log, no database and no Django anywhere.

    shown = Shown(bins, signals, done)                # one row for every video that was on somebody's screen, in order of time
    heads = fit_heads(shown.part(slice(0, 90_000)), seed=1)
    measure_heads(heads.over(policy), shown.part(slice(90_000, None)))    # {"finish": {"auc": ..., "log_loss": ...}, ...}

`slot_signals` gives the bins and signals with which a recorded slate was ranked.
"""

from glaswerk.glass.fitting.heads import TooLittle, fit_heads
from glaswerk.glass.fitting.measure import auc, head_log_odds, measure_heads
from glaswerk.glass.fitting.shown import Shown, SlotSignals, slot_signals

__all__ = ["Shown", "SlotSignals", "TooLittle", "auc", "fit_heads", "head_log_odds", "measure_heads", "slot_signals"]
