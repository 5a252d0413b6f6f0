"""The role that everything which leaves is read by, and the functions that say which rows it sees.

The functions run with their owner's rights, because they look at columns that the role must not read.
"""

from django.db import migrations

FORWARDS = r"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'border') THEN
        CREATE ROLE border NOLOGIN NOSUPERUSER NOINHERIT NOCREATEDB NOCREATEROLE;
    END IF;
    EXECUTE format('GRANT border TO %I', current_user);
END $$;
GRANT USAGE ON SCHEMA public TO border;

CREATE FUNCTION border_shows_person(p_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce((SELECT is_active FROM people_person WHERE id = p_id), false)
$$;

CREATE FUNCTION border_shows_video(p_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM videos_video v JOIN people_person p ON p.id = v.creator_id
        WHERE v.id = p_id AND v.state = 'ready' AND v.taken_down_at IS NULL AND v.visibility = 'public' AND p.is_active
    )
$$;

CREATE FUNCTION border_shows_merchant(p_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM shop_merchant WHERE id = p_id AND state = 'approved')
$$;

CREATE FUNCTION border_shows_product(p_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM shop_product p JOIN shop_merchant m ON m.id = p.merchant_id
        WHERE p.id = p_id AND p.state <> 'draft' AND m.state = 'approved'
    )
$$;

CREATE FUNCTION border_shows_variant(p_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(border_shows_product((SELECT product_id FROM shop_variant WHERE id = p_id)), false)
$$;

CREATE FUNCTION border_shows_price(p_id bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(border_shows_variant((SELECT variant_id FROM shop_price WHERE id = p_id)), false)
$$;
"""

BACKWARDS = """
DROP OWNED BY border;
DROP FUNCTION border_shows_price, border_shows_variant, border_shows_product, border_shows_merchant, border_shows_video,
    border_shows_person CASCADE;
DROP ROLE border;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("people", "0003_data_keys"),
        ("videos", "0060_encrypted_drafts"),
        ("shop", "0060_encrypted_addresses"),
    ]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
