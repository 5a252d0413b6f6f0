"""What crosses, and that every change of it is noted in the transaction of the act; what was said stays what it is.

SQLSTATE GB001: a change of what was said to other cells.
"""

from django.db import migrations

FORWARDS = r"""
-- A video crosses while everybody here may see it, its author lets it, and so do those whose videos or sounds it is made
-- with; what is gone of them was made part of it for good.
CREATE FUNCTION border_video_crosses(p_video bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM videos_video v JOIN people_person p ON p.id = v.creator_id
        WHERE v.id = p_video AND v.state = 'ready' AND v.visibility = 'public' AND v.taken_down_at IS NULL
            AND v.allow_elsewhere AND p.home = '' AND p.is_active AND NOT p.stays_in_region
            AND NOT EXISTS (
                SELECT FROM videos_credit c LEFT JOIN videos_sound s ON s.id = c.of_sound_id
                JOIN videos_video o ON o.id = coalesce(c.of_video_id, s.video_id)
                JOIN people_person q ON q.id = o.creator_id
                WHERE c.video_id = v.id AND q.home = '' AND (NOT o.allow_elsewhere OR q.stays_in_region)
            )
    )
$$;

-- A person is told of only as the author of something.
CREATE FUNCTION border_profile_crosses(p_person bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM videos_video v WHERE v.creator_id = p_person AND v.allow_elsewhere AND border_video_crosses(v.id)
    )
$$;

-- An offer goes with the videos that it is seen in.
CREATE FUNCTION border_offer_crosses(p_product bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM shop_product o JOIN shop_merchant m ON m.id = o.merchant_id
        WHERE o.id = p_product AND o.state = 'active' AND m.state = 'approved' AND EXISTS (
            SELECT FROM shop_tag t JOIN videos_video v ON v.id = t.video_id
            WHERE t.product_id = o.id AND border_video_crosses(t.video_id) AND (
                m.is_open_to_creators
                OR EXISTS (SELECT FROM shop_staff s WHERE s.merchant_id = m.id AND s.person_id = v.creator_id)
            )
        )
    )
$$;

CREATE FUNCTION border_crosses(p_about text, p_item bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE p_about WHEN 'profile' THEN border_profile_crosses(p_item) WHEN 'video' THEN border_video_crosses(p_item)
        WHEN 'offer' THEN border_offer_crosses(p_item) ELSE false END
$$;

CREATE SEQUENCE border_change_version;

-- Called in the transaction of the act: what may not cross any more is served no more with its commit, and the tombstone
-- follows as soon as somebody speaks.
CREATE FUNCTION border_touch(p_about text, p_item bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO border_change (about, item, version) VALUES (p_about, p_item, nextval('border_change_version'))
        ON CONFLICT (about, item) DO UPDATE SET version = excluded.version;
    IF NOT border_crosses(p_about, p_item) THEN
        UPDATE border_spoken SET withdrawn_at = now(), body = ''
            WHERE about = p_about AND item = p_item AND withdrawn_at IS NULL AND type <> 'tombstone';
    END IF;
    PERFORM pg_notify('border_change', '');
END $$;

CREATE FUNCTION border_touch_video() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM border_touch('video', OLD.id);
        PERFORM border_touch('profile', OLD.creator_id);
        RETURN NULL;
    END IF;
    PERFORM border_touch('video', NEW.id);
    IF TG_OP = 'UPDATE' AND OLD.allow_elsewhere <> NEW.allow_elsewhere THEN
        PERFORM border_touch('video', c.video_id) FROM videos_credit c LEFT JOIN videos_sound s ON s.id = c.of_sound_id
            WHERE NEW.id IN (c.of_video_id, s.video_id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER border_touches_new_video AFTER INSERT ON videos_video
    FOR EACH ROW WHEN (NEW.allow_elsewhere AND NEW.state = 'ready') EXECUTE FUNCTION border_touch_video();
CREATE TRIGGER border_touches_video AFTER UPDATE ON videos_video
    FOR EACH ROW WHEN (
        (OLD.allow_elsewhere OR NEW.allow_elsewhere) AND (OLD.state = 'ready' OR NEW.state = 'ready')
        AND (OLD.creator_id, OLD.caption, OLD.visibility, OLD.language, OLD.region, OLD.sound_title, OLD.allow_duet,
             OLD.allow_stitch, OLD.allow_sound, OLD.allow_elsewhere, OLD.state, OLD.ladder, OLD.duration_ms,
             OLD.published_at, OLD.taken_down_at)
        IS DISTINCT FROM
            (NEW.creator_id, NEW.caption, NEW.visibility, NEW.language, NEW.region, NEW.sound_title, NEW.allow_duet,
             NEW.allow_stitch, NEW.allow_sound, NEW.allow_elsewhere, NEW.state, NEW.ladder, NEW.duration_ms,
             NEW.published_at, NEW.taken_down_at)
    ) EXECUTE FUNCTION border_touch_video();
CREATE TRIGGER border_touches_gone_video AFTER DELETE ON videos_video
    FOR EACH ROW WHEN (OLD.allow_elsewhere) EXECUTE FUNCTION border_touch_video();

CREATE FUNCTION border_touch_track() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM border_touch('video', v.id) FROM videos_video v
        WHERE v.id = CASE TG_OP WHEN 'DELETE' THEN OLD.video_id ELSE NEW.video_id END AND v.allow_elsewhere;
    RETURN NULL;
END $$;
CREATE TRIGGER border_touches_track AFTER INSERT OR UPDATE OR DELETE ON videos_captiontrack
    FOR EACH ROW EXECUTE FUNCTION border_touch_track();

CREATE FUNCTION border_touch_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM border_touch('profile', OLD.id);
    IF TG_OP = 'UPDATE' AND (OLD.is_active, OLD.stays_in_region) <> (NEW.is_active, NEW.stays_in_region) THEN
        PERFORM border_touch('video', v.id) FROM videos_video v WHERE v.creator_id = NEW.id AND v.allow_elsewhere;
        PERFORM border_touch('video', c.video_id) FROM videos_credit c LEFT JOIN videos_sound s ON s.id = c.of_sound_id
            JOIN videos_video o ON o.id = coalesce(c.of_video_id, s.video_id) WHERE o.creator_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER border_touches_person AFTER UPDATE ON people_person
    FOR EACH ROW WHEN (
        OLD.home = '' AND (OLD.name, OLD.display_name, OLD.bio, OLD.avatar, OLD.is_active, OLD.stays_in_region)
        IS DISTINCT FROM (NEW.name, NEW.display_name, NEW.bio, NEW.avatar, NEW.is_active, NEW.stays_in_region)
    ) EXECUTE FUNCTION border_touch_person();
CREATE TRIGGER border_touches_gone_person AFTER DELETE ON people_person
    FOR EACH ROW WHEN (OLD.home = '') EXECUTE FUNCTION border_touch_person();

-- Of the shop only what is seen in a video concerns others, and most of it is not.
CREATE FUNCTION border_touch_product(p_product bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM shop_tag WHERE product_id = p_product)
        OR EXISTS (SELECT FROM border_spoken WHERE about = 'offer' AND item = p_product AND withdrawn_at IS NULL)
    THEN
        PERFORM border_touch('offer', p_product);
    END IF;
END $$;

CREATE FUNCTION border_touch_offer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gone constant boolean := TG_OP = 'DELETE';
BEGIN
    CASE TG_TABLE_NAME
        WHEN 'shop_product' THEN
            PERFORM border_touch_product(CASE WHEN gone THEN OLD.id ELSE NEW.id END);
        WHEN 'shop_price' THEN
            PERFORM border_touch_product(v.product_id) FROM shop_variant v
                WHERE v.id = CASE WHEN gone THEN OLD.variant_id ELSE NEW.variant_id END;
        WHEN 'shop_merchant' THEN
            PERFORM border_touch_product(o.id) FROM shop_product o WHERE o.merchant_id = NEW.id;
        WHEN 'shop_tag' THEN
            PERFORM border_touch('offer', CASE WHEN gone THEN OLD.product_id ELSE NEW.product_id END);
        ELSE
            PERFORM border_touch_product(CASE WHEN gone THEN OLD.product_id ELSE NEW.product_id END);
    END CASE;
    RETURN NULL;
END $$;
CREATE TRIGGER border_touches_product AFTER UPDATE OF title, vendor, state OR DELETE ON shop_product
    FOR EACH ROW EXECUTE FUNCTION border_touch_offer();
CREATE TRIGGER border_touches_variant AFTER INSERT OR UPDATE OF is_active OR DELETE ON shop_variant
    FOR EACH ROW EXECUTE FUNCTION border_touch_offer();
CREATE TRIGGER border_touches_picture AFTER INSERT OR UPDATE OR DELETE ON shop_picture
    FOR EACH ROW EXECUTE FUNCTION border_touch_offer();
CREATE TRIGGER border_touches_price AFTER INSERT OR UPDATE OR DELETE ON shop_price
    FOR EACH ROW EXECUTE FUNCTION border_touch_offer();
CREATE TRIGGER border_touches_tag AFTER INSERT OR DELETE ON shop_tag
    FOR EACH ROW EXECUTE FUNCTION border_touch_offer();
CREATE TRIGGER border_touches_merchant AFTER UPDATE ON shop_merchant
    FOR EACH ROW WHEN (
        (OLD.title, OLD.currency, OLD.state, OLD.is_open_to_creators)
        IS DISTINCT FROM (NEW.title, NEW.currency, NEW.state, NEW.is_open_to_creators)
    ) EXECUTE FUNCTION border_touch_offer();

ALTER TABLE border_spoken
    ADD CONSTRAINT spoken_is_short CHECK (octet_length(body) <= 16384),
    ADD CONSTRAINT spoken_is_what_its_hash_says CHECK (
        body = '' OR sha256 = encode(sha256(convert_to(body, 'UTF8')), 'hex')
    );

CREATE FUNCTION border_guard_spoken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.type, NEW.about, NEW.item, NEW.sha256, NEW.record_id)
        IS DISTINCT FROM (OLD.id, OLD.type, OLD.about, OLD.item, OLD.sha256, OLD.record_id)
        OR OLD.withdrawn_at IS NOT NULL OR NEW.withdrawn_at IS NULL
    THEN
        RAISE EXCEPTION 'what was said to other cells can only be withdrawn' USING ERRCODE = 'GB001';
    END IF;
    DELETE FROM border_spokenfile WHERE spoken_id = NEW.id;
    RETURN NEW;
END $$;
CREATE TRIGGER border_spoken_is_guarded BEFORE UPDATE ON border_spoken
    FOR EACH ROW EXECUTE FUNCTION border_guard_spoken();
"""

BACKWARDS = """
DROP TRIGGER border_spoken_is_guarded ON border_spoken;
ALTER TABLE border_spoken DROP CONSTRAINT spoken_is_what_its_hash_says, DROP CONSTRAINT spoken_is_short;
DROP FUNCTION border_guard_spoken, border_touch_offer, border_touch_product, border_touch_person, border_touch_track,
    border_touch_video, border_touch, border_crosses, border_offer_crosses, border_profile_crosses, border_video_crosses
    CASCADE;
DROP SEQUENCE border_change_version;
"""


class Migration(migrations.Migration):
    dependencies = [("border", "0030_peers")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
