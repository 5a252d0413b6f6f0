"""What is said of a move, and of whom: while the half stands, its person is active, and tells other cells of themselves.

A half that waits for the other one falls with the act by which its person leaves or stays in their region.
"""

from django.db import migrations

_PROFILE = """
CREATE OR REPLACE FUNCTION border_profile_crosses(p_person bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM videos_video v WHERE v.creator_id = p_person AND v.allow_elsewhere AND border_video_crosses(v.id)
    ){more}
$$;
"""
_CROSSES = """
CREATE OR REPLACE FUNCTION border_crosses(p_about text, p_item bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE p_about WHEN 'profile' THEN border_profile_crosses(p_item) WHEN 'video' THEN border_video_crosses(p_item)
        WHEN 'offer' THEN border_offer_crosses(p_item){more} ELSE false END
$$;
"""

FORWARDS = (
    """
CREATE FUNCTION border_move_crosses(p_person bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM border_movehalf h JOIN people_person p ON p.id = h.person_id
        WHERE h.person_id = p_person AND h.withdrawn_at IS NULL
            AND p.home = '' AND p.is_active AND NOT p.stays_in_region
    )
$$;
"""
    # Followers elsewhere keep somebody who moved before having published anything there.
    + _PROFILE.format(more=" OR border_move_crosses(p_person)")
    + _CROSSES.format(more=" WHEN 'move' THEN border_move_crosses(p_item)")
    + """
CREATE FUNCTION border_touch_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person constant bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.person_id ELSE NEW.person_id END;
BEGIN
    IF person IS NOT NULL THEN
        PERFORM border_touch('move', person);
        PERFORM border_touch('profile', person);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER border_touches_move AFTER INSERT OR UPDATE OF withdrawn_at OR DELETE ON border_movehalf
    FOR EACH ROW EXECUTE FUNCTION border_touch_move();

CREATE FUNCTION border_end_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.stays_in_region OR NOT NEW.is_active THEN
        UPDATE border_movehalf SET withdrawn_at = now()
            WHERE person_id = NEW.id AND withdrawn_at IS NULL AND done_at IS NULL;
    END IF;
    IF EXISTS (SELECT FROM border_movehalf WHERE person_id = NEW.id AND withdrawn_at IS NULL) THEN
        PERFORM border_touch('move', NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER border_ends_move AFTER UPDATE ON people_person
    FOR EACH ROW WHEN (
        OLD.home = '' AND (OLD.is_active, OLD.stays_in_region) IS DISTINCT FROM (NEW.is_active, NEW.stays_in_region)
    ) EXECUTE FUNCTION border_end_move();
"""
)

BACKWARDS = (
    "DROP FUNCTION border_end_move, border_touch_move CASCADE;"
    + _PROFILE.format(more="")
    + _CROSSES.format(more="")
    + "DROP FUNCTION border_move_crosses;"
)


class Migration(migrations.Migration):
    dependencies = [("border", "0033_moves")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
