"""Cosignatures that were refused are told of, and a log that was closed takes no further entry."""

from django.db import migrations, models

KINDS = ["cross.out", "cross.in", "access", "moderate", "erase", "policy", "sunset", "carve", "epoch", "witness"]

FORWARDS = r"""
CREATE FUNCTION cell_guard_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM cell_record WHERE kind = 'carve' AND facts -> 'step' = '"finish"') THEN
        RAISE EXCEPTION 'the public log is closed: another one goes on' USING ERRCODE = 'GC001';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER cell_record_has_an_end BEFORE INSERT ON cell_record
    FOR EACH STATEMENT EXECUTE FUNCTION cell_guard_end();
-- ALWAYS: it fires in a session that has turned triggers off by session_replication_role, too.
ALTER TABLE cell_record ENABLE ALWAYS TRIGGER cell_record_has_an_end;
"""


class Migration(migrations.Migration):
    dependencies = [("cell", "0001_records")]

    operations = [
        migrations.RemoveConstraint(model_name="record", name="record_kind_is_known"),
        migrations.AddConstraint(
            model_name="record",
            constraint=models.CheckConstraint(condition=models.Q(("kind__in", KINDS)), name="record_kind_is_known"),
        ),
        migrations.AddConstraint(
            model_name="record",
            constraint=models.UniqueConstraint(
                condition=models.Q(("facts__step", "finish"), ("kind", "carve")), fields=("kind",), name="record_one_end"
            ),
        ),
        migrations.RunSQL(FORWARDS, "DROP FUNCTION cell_guard_end CASCADE"),
    ]
