"""Where the cell stands, for people and for programs."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.db.models import Prefetch

from glaswerk.border.models import Act, Mark
from glaswerk.border.sunset import state
from glaswerk.border.sunset.actions import waiting
from glaswerk.border.sunset.plan import Stage


def stage_now() -> Stage:
    """Where the cell stands, as the database has it."""
    state.refresh()
    return state.copy.stage()


def history() -> list[Act]:
    """Every act with its marks, the last one first.  Two queries."""
    return list(Act.objects.order_by("-id").prefetch_related(Prefetch("marks", Mark.objects.order_by("id"))))


def act_facts(act: Act) -> dict[str, Any]:
    """An act, as JSON has it."""
    return {
        "version": act.pk,
        "kind": act.kind,
        "at": _text(act.at),
        "readonly_at": _text(act.readonly_at),
        "dark_at": _text(act.dark_at),
        "extension": act.extension,
        "basis": act.basis,
        "reason": act.reason,
        "signer": act.signer,
        "by": act.by,
    }


def standing() -> dict[str, Any]:
    """The stage, the dates, what is waited for, and the history with its marks, the first act first."""
    stage, plan = stage_now(), state.copy.plan
    acts = [
        {
            **act_facts(act),
            "marks": [
                {
                    "stage": mark.stage,
                    "at": _text(mark.at),
                    "root": mark.root,
                    "tables": mark.tables,
                    "log_size": mark.log_size,
                    "log_root": mark.log_root,
                }
                for mark in act.marks.all()
            ],
        }
        for act in reversed(history())
    ]
    return {
        "state": stage.value,
        "version": plan.version,
        "readonly_at": _text(plan.readonly_at),
        "dark_at": _text(plan.dark_at),
        "extension": plan.extension,
        "waiting": asdict(waiting()),
        "history": acts,
    }


def _text(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at is not None else ""
