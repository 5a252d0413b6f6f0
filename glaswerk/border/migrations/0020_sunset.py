"""The sunset: its acts, its marks, and what the database itself holds about them.

SQLSTATE GB001: a write while the cell is dark.  GB002: an act that does not follow from the one before.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

FORWARDS = r"""
-- Where the cell stands at a moment: by the last act, its dates, and what was marked as begun (glaswerk/border/sunset/plan.py).
CREATE FUNCTION border_stage(p_at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT CASE
            WHEN a.kind = 'resume' THEN 'open'
            WHEN a.kind = 'carved' THEN 'carved'
            WHEN p_at >= a.dark_at OR EXISTS (SELECT FROM border_mark m WHERE m.act_id = a.id AND m.stage = 'dark')
                THEN 'dark'
            WHEN p_at >= a.readonly_at OR EXISTS (SELECT FROM border_mark m WHERE m.act_id = a.id AND m.stage = 'readonly')
                THEN 'readonly'
            ELSE 'notice' END
        FROM border_act a ORDER BY a.id DESC LIMIT 1), 'open')
$$;

-- On every table that stays as it is in the dark, for as long as there is a plan (glaswerk/border/sunset/guards.py).
CREATE FUNCTION border_refuse_in_the_dark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF border_stage(clock_timestamp()) IN ('dark', 'carved') THEN
        RAISE EXCEPTION 'the cell is dark: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'GB001';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION border_guard_act() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stage text;
    last border_act;
BEGIN
    -- One act after the other.
    PERFORM pg_advisory_xact_lock(7380964155399405569);
    stage := border_stage(clock_timestamp());
    SELECT * INTO last FROM border_act ORDER BY id DESC LIMIT 1;
    IF NOT (CASE NEW.kind
        WHEN 'plan' THEN stage = 'open' AND NEW.dark_at > clock_timestamp()
        WHEN 'extend' THEN stage IN ('notice', 'readonly') AND NEW.dark_at > last.dark_at
        WHEN 'readonly' THEN stage IN ('open', 'notice')
        WHEN 'dark' THEN stage IN ('open', 'notice', 'readonly')
        WHEN 'resume' THEN stage IN ('notice', 'readonly', 'dark')
        WHEN 'carved' THEN stage = 'dark'
    END) THEN
        RAISE EXCEPTION 'a cell that is % cannot be moved by %', stage, NEW.kind USING ERRCODE = 'GB002';
    END IF;
    NEW.id := coalesce(last.id, 0) + 1;
    NEW.at := clock_timestamp();
    NEW.extension := CASE WHEN stage = 'open' THEN 0 ELSE last.extension END + (NEW.kind = 'extend')::int;
    RETURN NEW;
END $$;

CREATE FUNCTION border_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the history of a sunset stays', TG_OP, TG_TABLE_NAME USING ERRCODE = 'GB002';
END $$;

CREATE FUNCTION border_tell_act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('border_sunset', '');
    RETURN NULL;
END $$;

CREATE TRIGGER border_act_follows BEFORE INSERT ON border_act FOR EACH ROW EXECUTE FUNCTION border_guard_act();
CREATE TRIGGER border_act_is_told AFTER INSERT ON border_act FOR EACH STATEMENT EXECUTE FUNCTION border_tell_act();
CREATE TRIGGER border_act_stays BEFORE UPDATE OR DELETE ON border_act
    FOR EACH STATEMENT EXECUTE FUNCTION border_refuse_change();
CREATE TRIGGER border_act_is_not_emptied BEFORE TRUNCATE ON border_act
    FOR EACH STATEMENT EXECUTE FUNCTION border_refuse_change();
CREATE TRIGGER border_mark_stays BEFORE UPDATE OR DELETE ON border_mark
    FOR EACH STATEMENT EXECUTE FUNCTION border_refuse_change();
CREATE TRIGGER border_mark_is_not_emptied BEFORE TRUNCATE ON border_mark
    FOR EACH STATEMENT EXECUTE FUNCTION border_refuse_change();

-- ALWAYS: they fire in a session that has turned triggers off by session_replication_role, too.
ALTER TABLE border_act ENABLE ALWAYS TRIGGER border_act_follows;
ALTER TABLE border_act ENABLE ALWAYS TRIGGER border_act_stays;
ALTER TABLE border_act ENABLE ALWAYS TRIGGER border_act_is_not_emptied;
ALTER TABLE border_mark ENABLE ALWAYS TRIGGER border_mark_stays;
ALTER TABLE border_mark ENABLE ALWAYS TRIGGER border_mark_is_not_emptied;
"""

BACKWARDS = """
DROP FUNCTION border_refuse_in_the_dark, border_guard_act, border_refuse_change, border_tell_act, border_stage CASCADE;
"""

KINDS = [("plan", "Planned"), ("extend", "Extended"), ("readonly", "Made read-only"), ("dark", "Made dark"), ("resume", "Resumed"), ("carved", "Handed over")]


class Migration(migrations.Migration):
    dependencies = [
        ("border", "0010_rights"),]

    operations = [
        migrations.CreateModel(
            name="Act",
            fields=[
                ("id", models.BigAutoField(db_comment="PUBLIC", primary_key=True, serialize=False)),
                ("kind", models.CharField(choices=KINDS, db_comment="PUBLIC", max_length=10)),
                ("at", models.DateTimeField(db_comment="PUBLIC")),
                ("readonly_at", models.DateTimeField(db_comment="PUBLIC", null=True)),
                ("dark_at", models.DateTimeField(db_comment="PUBLIC", null=True)),
                ("extension", models.PositiveIntegerField(db_comment="PUBLIC", default=0)),
                ("basis", models.TextField(db_comment="PUBLIC")),
                ("reason", models.TextField(db_comment="PUBLIC")),
                ("signer", models.TextField(db_comment="PUBLIC")),
                ("by", models.CharField(blank=True, db_comment="PUBLIC", max_length=64)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(kind__in=[kind for kind, _ in KINDS]), name="act_kind_is_known"),
                    models.CheckConstraint(condition=~Q(kind__in=("plan", "extend", "dark")) | Q(readonly_at__isnull=False, dark_at__isnull=False), name="act_has_its_dates"),
                    models.CheckConstraint(condition=~Q(kind="readonly") | Q(readonly_at__isnull=False), name="act_readonly_has_its_date"),
                    models.CheckConstraint(condition=~Q(kind__in=("resume", "carved")) | Q(readonly_at=None, dark_at=None), name="act_end_has_no_dates"),
                    models.CheckConstraint(condition=Q(dark_at=None) | Q(dark_at__gte=F("readonly_at")), name="act_is_read_only_before_dark"),
                    models.CheckConstraint(condition=~Q(reason="") & ~Q(basis="") & ~Q(signer=""), name="act_says_why_and_who"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Mark",
            fields=[
                ("id", models.BigAutoField(db_comment="PUBLIC", primary_key=True, serialize=False)),
                ("act", models.ForeignKey(db_comment="PUBLIC", on_delete=django.db.models.deletion.PROTECT, related_name="marks", to="border.act")),
                ("stage", models.CharField(db_comment="PUBLIC", max_length=10)),
                ("at", models.DateTimeField(db_comment="PUBLIC")),
                ("tables", models.JSONField(db_comment="COUNT", default=dict)),
                ("root", models.CharField(blank=True, db_comment="PUBLIC", max_length=64)),
                ("log_size", models.BigIntegerField(db_comment="PUBLIC", null=True)),
                ("log_root", models.CharField(blank=True, db_comment="PUBLIC", max_length=64)),
                ("last_record", models.BigIntegerField(db_comment="PUBLIC", default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["act", "stage"], name="mark_once_a_stage"),
                    models.CheckConstraint(condition=Q(stage__in=("readonly", "dark")), name="mark_stage_is_known"),
                    models.CheckConstraint(condition=~Q(stage="dark") | (~Q(root="") & ~Q(log_root="") & Q(log_size__isnull=False)), name="mark_of_the_dark_has_roots"),
                ],
            },
        ),
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
