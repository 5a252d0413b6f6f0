"""The outbox of the public log, and what the database itself holds about it.

SQLSTATE GC001: a change of what never changes.
"""

import django.db.models.fields.json
from django.db import migrations, models

FORWARDS = r"""
-- An id as the outside sees it: thirteen characters of Crockford's base32 (glaswerk/cell/ids.py).
CREATE FUNCTION cell_public_id(p_id bigint) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT string_agg(
        substr('0123456789abcdefghjkmnpqrstvwxyz', ((p_id >> (5 * place)) & 31)::int + 1, 1), '' ORDER BY place DESC)
    FROM generate_series(0, 12) AS place
$$;

-- What is asked for is what the entry says.
ALTER TABLE cell_record
    ADD CONSTRAINT record_entry_is_short CHECK (octet_length(entry) <= 16384),
    ADD CONSTRAINT record_is_its_entry CHECK (
        entry::jsonb -> 'facts' = facts AND entry::jsonb ->> 'kind' = kind AND entry::jsonb ->> 'id' = cell_public_id(id)
    );

CREATE FUNCTION cell_guard_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.index IS NOT NULL THEN
            RAISE EXCEPTION 'an entry waits before it is in the log' USING ERRCODE = 'GC001';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.index IS NOT NULL
        OR (NEW.id, NEW.kind, NEW.entry, NEW.facts, NEW.at) IS DISTINCT FROM (OLD.id, OLD.kind, OLD.entry, OLD.facts, OLD.at)
    THEN
        RAISE EXCEPTION 'an entry of the public log stays what it is' USING ERRCODE = 'GC001';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION cell_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the public log is only ever added to', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'GC001';
END $$;

CREATE FUNCTION cell_tell_recorder() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('cell_record', '');
    RETURN NULL;
END $$;

CREATE TRIGGER cell_record_is_guarded BEFORE INSERT OR UPDATE ON cell_record
    FOR EACH ROW EXECUTE FUNCTION cell_guard_record();
CREATE TRIGGER cell_record_stays BEFORE DELETE ON cell_record FOR EACH STATEMENT EXECUTE FUNCTION cell_refuse();
CREATE TRIGGER cell_record_is_not_emptied BEFORE TRUNCATE ON cell_record
    FOR EACH STATEMENT EXECUTE FUNCTION cell_refuse();
CREATE TRIGGER cell_record_wakes AFTER INSERT ON cell_record
    FOR EACH STATEMENT EXECUTE FUNCTION cell_tell_recorder();

-- ALWAYS: they fire in a session that has turned triggers off by session_replication_role, too.
ALTER TABLE cell_record ENABLE ALWAYS TRIGGER cell_record_is_guarded;
ALTER TABLE cell_record ENABLE ALWAYS TRIGGER cell_record_stays;
ALTER TABLE cell_record ENABLE ALWAYS TRIGGER cell_record_is_not_emptied;
"""

BACKWARDS = """
ALTER TABLE cell_record DROP CONSTRAINT record_is_its_entry, DROP CONSTRAINT record_entry_is_short;
DROP FUNCTION cell_guard_record, cell_refuse, cell_tell_recorder CASCADE;
DROP FUNCTION cell_public_id;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Record",
            fields=[
                ("id", models.BigAutoField(db_comment="PUBLIC", primary_key=True, serialize=False)),
                ("kind", models.CharField(db_comment="PUBLIC", max_length=16)),
                ("entry", models.TextField(db_comment="PUBLIC")),
                ("facts", models.JSONField(db_comment="PUBLIC")),
                ("at", models.DateTimeField(db_comment="PUBLIC")),
                ("index", models.BigIntegerField(db_comment="PUBLIC", null=True, unique=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("kind__in", ["cross.out", "cross.in", "access", "moderate", "erase", "policy", "sunset", "carve", "epoch"])), name="record_kind_is_known"),
                    models.CheckConstraint(condition=models.Q(("index__gte", 0)), name="record_index_is_not_negative"),
                ],
                "indexes": [
                    models.Index(models.F("id"), condition=models.Q(("index", None)), name="record_waiting"),
                    models.Index(models.F("kind"), models.OrderBy(models.F("id"), descending=True), name="record_by_kind"),
                    models.Index(django.db.models.fields.json.KeyTransform("person", "facts"), models.OrderBy(models.F("id"), descending=True), name="record_by_person"),
                ],
            },
        ),
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
