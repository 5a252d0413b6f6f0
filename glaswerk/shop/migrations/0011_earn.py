"""What creators earn by a purchase, within the transaction that places it and in the same round trip.

The ledger's accounts of merchants are locked before those of creators, as everywhere, because the purchase's own journal
is posted before; creators come in the order of their ids.
"""

from django.db import migrations

MAILBOX = """
CREATE FUNCTION shop_mailbox(p_email text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
-- An e-mail address without what its owner may write in another way: capital letters, and a suffix behind a plus.
SELECT regexp_replace(lower(trim(p_email)), '[+][^@]*@', '@')
$$;
"""

PLACE = """
CREATE FUNCTION shop_place_of(p_street text, p_postal_code text, p_city text, p_country text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
-- An address without what may be written in another way: capital letters, blanks and points.
SELECT regexp_replace(lower(concat_ws('|', p_street, p_postal_code, p_city, p_country)), '[^[:alnum:]|]+', '', 'g')
$$;
"""

RATE = """
CREATE FUNCTION shop_rate_of(p_creator bigint, p_product bigint, p_at timestamptz) RETURNS TABLE (id bigint, rate_bp smallint)
LANGUAGE sql STABLE AS $$
-- The version of a rate by which a creator earns at a moment by a product: that of a plan to which they were invited
-- beats that of an open one, and among these the highest counts.
SELECT rate.id, rate.rate_bp
FROM shop_product AS product
JOIN shop_plan AS plan ON plan.merchant_id = product.merchant_id AND (plan.ends_at IS NULL OR plan.ends_at > p_at)
JOIN shop_enrolment AS part ON part.plan_id = plan.id AND part.creator_id = p_creator AND part.state = 'active'
    AND (part.ends_at IS NULL OR part.ends_at > p_at)
JOIN shop_planrate AS rate ON rate.plan_id = plan.id AND rate.period @> p_at
WHERE product.id = p_product AND (plan.covers_all OR EXISTS (
    SELECT FROM shop_planproduct AS one WHERE one.plan_id = plan.id AND one.product_id = product.id
        AND (one.ends_at IS NULL OR one.ends_at > p_at)
))
ORDER BY plan.kind = 'target' DESC, rate.rate_bp DESC, plan.id LIMIT 1
$$;
"""

KNOWN = """
CREATE FUNCTION shop_is_known_to_sell(p_creator bigint, p_purchase bigint, p_merchant bigint) RETURNS boolean
LANGUAGE sql STABLE AS $$
-- Whether a creator would earn by themselves or by their own shop: they are the buyer, by account, mailbox or address; or
-- the buyer or the creator works for the merchant; or the creator is not here any more.
SELECT EXISTS (
    SELECT FROM shop_purchase AS bought JOIN people_person AS creator ON creator.id = p_creator
    LEFT JOIN people_person AS buyer ON buyer.id = bought.person_id
    WHERE bought.id = p_purchase AND (
        NOT creator.is_active OR creator.id IN (bought.buyer, bought.person_id)
        OR creator.email <> '' AND shop_mailbox(creator.email) IN (shop_mailbox(bought.email), shop_mailbox(buyer.email))
        OR EXISTS (
            SELECT FROM shop_address AS kept WHERE kept.person_id = creator.id
                AND shop_place_of(kept.street, kept.postal_code, kept.city, kept.country) = shop_place_of(
                    bought.address->>'street', bought.address->>'postal_code', bought.address->>'city', bought.address->>'country')
        ) OR EXISTS (
            SELECT FROM shop_purchase AS own WHERE own.person_id = creator.id AND own.id <> bought.id
                AND shop_place_of(own.address->>'street', own.address->>'postal_code', own.address->>'city',
                    own.address->>'country') = shop_place_of(bought.address->>'street', bought.address->>'postal_code',
                    bought.address->>'city', bought.address->>'country')
        ) OR EXISTS (
            SELECT FROM shop_staff AS works WHERE works.merchant_id = p_merchant
                AND works.person_id IN (creator.id, bought.person_id)
        )
    )
) OR NOT EXISTS (SELECT FROM people_person WHERE id = p_creator)
$$;
"""

EARN = """
CREATE FUNCTION shop_earn(p_purchase bigint, p_state text, p_window interval, p_until_payable interval) RETURNS integer
LANGUAGE plpgsql AS $$
-- Write what creators earn by a purchase that was placed just now (p_state: paid), and return how many lines earn.  Each
-- line's product counts for whom its buyer touched it last; a touch counts for one purchase, so whoever comes second,
-- even at the same moment, finds it used.
DECLARE
    v_buyer bigint;
    v_currency text;
    v_now timestamptz := clock_timestamp();
    v_earned integer := 0;
    v_commission bigint;
    row record;
BEGIN
    IF p_state <> 'paid' THEN
        RETURN 0;
    END IF;
    SELECT buyer, currency INTO v_buyer, v_currency FROM shop_purchase WHERE id = p_purchase;
    IF NOT EXISTS (SELECT FROM shop_touch WHERE buyer = v_buyer AND purchase_id IS NULL AND at > v_now - p_window) THEN
        RETURN 0;
    END IF;
    FOR row IN
        WITH line AS (
            SELECT line.id, one.id AS order_id, one.merchant_id, variant.product_id, line.total_minor - line.vat_minor AS base
            FROM shop_order AS one JOIN shop_orderline AS line ON line.order_id = one.id
            JOIN shop_variant AS variant ON variant.id = line.variant_id
            WHERE one.purchase_id = p_purchase
        ), touched AS (
            UPDATE shop_touch AS touch SET purchase_id = p_purchase
            WHERE touch.buyer = v_buyer AND touch.purchase_id IS NULL AND touch.at > v_now - p_window
                AND touch.product_id IN (SELECT product_id FROM line)
            RETURNING touch.product_id, touch.creator_id, touch.video_id
        ), rated AS (
            SELECT line.*, touched.creator_id, touched.video_id, rate.id AS rate_id, rate.rate_bp,
                line.base * rate.rate_bp AS exact
            FROM line JOIN touched USING (product_id)
            CROSS JOIN LATERAL shop_rate_of(touched.creator_id, line.product_id, v_now) AS rate
            WHERE NOT shop_is_known_to_sell(touched.creator_id, p_purchase, line.merchant_id)
        ), ranked AS (
            -- What a creator earns by an order is rounded once, half up, and shared out by the largest remainder.
            SELECT rated.*, (sum(exact) OVER part + 5000) / 10000 - sum(exact / 10000) OVER part AS over,
                row_number() OVER (PARTITION BY order_id, creator_id ORDER BY exact % 10000 DESC, id) AS place
            FROM rated WINDOW part AS (PARTITION BY order_id, creator_id)
        )
        SELECT ranked.*, (exact / 10000 + CASE WHEN place <= floor(over) THEN 1 ELSE 0 END)::bigint AS minor, account.id AS funded_by
        FROM ranked JOIN money_account AS account ON account.kind = 'merchant_payable' AND account.owner_kind = 'merchant'
            AND account.owner_id = ranked.merchant_id AND account.currency = v_currency
        ORDER BY creator_id, ranked.id
    LOOP
        CONTINUE WHEN row.minor = 0;
        v_commission := money_accrue('shop:line:' || row.id, row.creator_id, 'order:' || row.order_id, v_currency,
            row.minor, v_now + p_until_payable, row.funded_by);
        INSERT INTO shop_earning (line_id, commission_id, creator_id, product_id, video_id, rate_id, rate_bp, base_minor, minor,
            given_back_minor, at)
        VALUES (row.id, v_commission, row.creator_id, row.product_id, row.video_id, row.rate_id, row.rate_bp, row.base,
            row.minor, 0, v_now);
        v_earned := v_earned + 1;
    END LOOP;
    RETURN v_earned;
END $$;
"""

# What a guest was led to is what the person was led to whom they turn out to be.
ADOPT = """
CREATE FUNCTION shop_adopt_touches(p_guest bigint, p_person bigint) RETURNS void LANGUAGE sql AS $$
WITH gone AS (
    DELETE FROM shop_touch WHERE buyer = p_guest AND purchase_id IS NULL
    RETURNING product_id, creator_id, video_id, slate, at
)
INSERT INTO shop_touch AS held (buyer, product_id, creator_id, video_id, slate, at)
SELECT p_person, product_id, creator_id, video_id, slate, at FROM gone ORDER BY product_id
ON CONFLICT (buyer, product_id) WHERE purchase_id IS NULL DO UPDATE
SET creator_id = excluded.creator_id, video_id = excluded.video_id, slate = excluded.slate, at = excluded.at
WHERE excluded.at > held.at
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("shop", "0010_plans"), ("money", "0011_accrue"), ("people", "0001_initial")]

    operations = [
        migrations.RunSQL(MAILBOX, "DROP FUNCTION shop_mailbox(text)"),
        migrations.RunSQL(PLACE, "DROP FUNCTION shop_place_of(text, text, text, text)"),
        migrations.RunSQL(RATE, "DROP FUNCTION shop_rate_of(bigint, bigint, timestamptz)"),
        migrations.RunSQL(KNOWN, "DROP FUNCTION shop_is_known_to_sell(bigint, bigint, bigint)"),
        migrations.RunSQL(EARN, "DROP FUNCTION shop_earn(bigint, text, interval, interval)"),
        migrations.RunSQL(ADOPT, "DROP FUNCTION shop_adopt_touches(bigint, bigint)"),
    ]
