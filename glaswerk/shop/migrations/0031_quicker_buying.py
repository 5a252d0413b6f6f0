"""Buying again, in fewer steps: the payment is written down with the reservation, and a hot stock splits itself.

The order of locks is the one of `0002_functions`.  Splitting keeps to it: it takes from the row that it has in hands
already, and gives to rows that are new.
"""

import importlib

from django.db import migrations

# What going back brings back.
BEFORE = importlib.import_module("glaswerk.shop.migrations.0002_functions")

SPLIT = """
CREATE FUNCTION shop_split(p_stock bigint) RETURNS void LANGUAGE plpgsql AS $$
-- Share what is free in a row, which the caller has locked, with other buckets: with as many as the place has in use, and
-- with at most sixteen in all.  They are empty ones that nobody has in hands, and new ones.
DECLARE
    held shop_stock;
    v_rows integer;
    v_used integer;
    v_last integer;
    v_more integer;
    v_share integer;
    v_empty bigint[];
    v_new integer;
BEGIN
    SELECT * INTO held FROM shop_stock WHERE id = p_stock;
    SELECT count(*), count(*) FILTER (WHERE on_hand > 0), max(bucket) INTO v_rows, v_used, v_last FROM shop_stock
    WHERE variant_id = held.variant_id AND location_id = held.location_id;
    v_more := least(v_used, 16 - v_used, held.on_hand - held.reserved - 1);
    v_empty := ARRAY(
        SELECT id FROM shop_stock
        WHERE variant_id = held.variant_id AND location_id = held.location_id AND on_hand = 0 AND reserved = 0
        ORDER BY id LIMIT greatest(v_more, 0) FOR NO KEY UPDATE SKIP LOCKED
    );
    v_new := greatest(0, least(v_more - cardinality(v_empty), 16 - v_rows));
    v_more := cardinality(v_empty) + v_new;
    IF v_more < 1 THEN
        RETURN;
    END IF;
    v_share := (held.on_hand - held.reserved) / (v_more + 1);
    PERFORM set_config('shop.movement', 'moved', true);
    UPDATE shop_stock SET on_hand = on_hand - v_share * v_more, waits = 0 WHERE id = p_stock;
    UPDATE shop_stock SET on_hand = on_hand + v_share, waits = 0, waited_at = clock_timestamp() WHERE id = ANY(v_empty);
    -- Where another row of the variant splits at this moment too, both give to the same new ones.
    INSERT INTO shop_stock AS other (variant_id, location_id, bucket, on_hand, reserved, waits, waited_at)
    SELECT held.variant_id, held.location_id, v_last + number, v_share, 0, 0, clock_timestamp()
    FROM generate_series(1, v_new) AS number ORDER BY number
    ON CONFLICT (variant_id, location_id, bucket) DO UPDATE SET on_hand = other.on_hand + excluded.on_hand;
    PERFORM set_config('shop.movement', '', true);
END $$;
"""

HOLD = """
CREATE OR REPLACE FUNCTION shop_hold(p_purchase bigint, p_plan jsonb) RETURNS void LANGUAGE plpgsql AS $$
-- Promise the purchase what its plan names.  Raises GS001 with the variant's id where too few are left.
DECLARE
    wanted record;
    found_id bigint;
    lacking integer;
    taken integer;
    met integer;
    row record;
BEGIN
    FOR wanted IN
        SELECT (line->>'variant')::bigint AS variant, sum((line->>'quantity')::integer)::integer AS quantity
        FROM jsonb_array_elements(p_plan->'orders') AS one, jsonb_array_elements(one->'lines') AS line
        GROUP BY 1 ORDER BY 1
    LOOP
        -- Any row that has enough and that nobody has in hands; a random one keeps buyers of a hot variant apart.
        UPDATE shop_stock SET reserved = reserved + wanted.quantity WHERE id = (
            SELECT id FROM shop_stock WHERE variant_id = wanted.variant AND on_hand - reserved >= wanted.quantity
            ORDER BY random() LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
        ) RETURNING id INTO found_id;
        IF FOUND THEN
            INSERT INTO shop_hold (purchase_id, stock_id, quantity) VALUES (p_purchase, found_id, wanted.quantity);
            CONTINUE;
        END IF;
        -- Others have all of them in hands: wait for one, and where that comes to five times within a second, split it.
        SELECT id INTO found_id FROM shop_stock
        WHERE variant_id = wanted.variant AND on_hand - reserved >= wanted.quantity ORDER BY random() LIMIT 1;
        IF FOUND THEN
            UPDATE shop_stock SET reserved = reserved + wanted.quantity, waited_at = clock_timestamp(),
                waits = CASE WHEN waited_at > clock_timestamp() - interval '1 second' THEN least(waits + 1, 1000) ELSE 1 END
            WHERE id = found_id AND on_hand - reserved >= wanted.quantity RETURNING waits INTO met;
            IF FOUND THEN
                INSERT INTO shop_hold (purchase_id, stock_id, quantity) VALUES (p_purchase, found_id, wanted.quantity);
                IF met >= 5 THEN
                    PERFORM shop_split(found_id);
                END IF;
                CONTINUE;
            END IF;
        END IF;
        -- No row alone has enough: gather from all of them, in one order, so that the last units sell too.
        lacking := wanted.quantity;
        FOR row IN SELECT id FROM shop_stock WHERE variant_id = wanted.variant AND on_hand > reserved ORDER BY id LOOP
            UPDATE shop_stock SET reserved = reserved + least(lacking, on_hand - reserved)
            WHERE id = row.id AND on_hand > reserved
            RETURNING new.reserved - old.reserved INTO taken;
            IF FOUND THEN
                INSERT INTO shop_hold (purchase_id, stock_id, quantity) VALUES (p_purchase, row.id, taken);
                lacking := lacking - taken;
                EXIT WHEN lacking = 0;
            END IF;
        END LOOP;
        IF lacking > 0 THEN
            RAISE EXCEPTION 'sold out' USING ERRCODE = 'GS001', DETAIL = wanted.variant::text;
        END IF;
    END LOOP;
END $$;
"""

_RESERVE_IN = (
    "bigint, bigint, bigint, text, text, text, text, bigint, jsonb, jsonb, text, text, text, bigint, integer"
)
RESERVE = """
CREATE FUNCTION shop_reserve(
    p_id bigint, p_buyer bigint, p_person bigint, p_key text, p_asked text, p_hash text, p_currency text,
    p_total bigint, p_plan jsonb, p_address jsonb, p_email text, p_language text, p_method text, p_voucher bigint,
    p_minutes integer, p_payment bigint DEFAULT NULL, p_provider text DEFAULT '', p_card text DEFAULT ''
) RETURNS TABLE (id bigint, is_new boolean, asked text, state text, operation bigint) LANGUAGE plpgsql AS $$
-- Write down a purchase, hold what it needs, and write down its payment (p_payment: its id, NULL for none), once for a
-- buyer and a key: the second time the first one is returned.
-- Raises GS001 (sold out) and GS002 (the voucher is used up or over); then nothing has changed.
DECLARE
    v_operation bigint;
BEGIN
    INSERT INTO shop_purchase AS held (id, buyer, person_id, key, state, currency, total_minor, quote_hash, asked_hash,
        plan, address, email, language, method, voucher_id, created_at, expires_at)
    VALUES (p_id, p_buyer, p_person, p_key, 'reserved', p_currency, p_total, p_hash, p_asked, p_plan, p_address,
        p_email, p_language, p_method, p_voucher, clock_timestamp(), clock_timestamp() + make_interval(mins => p_minutes))
    ON CONFLICT (buyer, key) DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY SELECT held.id, false, held.asked_hash::text, held.state::text, NULL::bigint
            FROM shop_purchase AS held WHERE held.buyer = p_buyer AND held.key = p_key;
        RETURN;
    END IF;
    IF p_voucher IS NOT NULL THEN
        UPDATE shop_voucher AS v SET used = v.used + 1
        WHERE v.id = p_voucher AND v.used < v.cap AND v.period @> clock_timestamp();
        IF NOT FOUND THEN
            RAISE EXCEPTION 'voucher is used up' USING ERRCODE = 'GS002';
        END IF;
    END IF;
    IF p_payment IS NOT NULL THEN
        v_operation := money_open(p_payment, 'purchase:' || p_id, 'purchase:' || p_id, p_provider, p_card, p_currency, p_total);
    END IF;
    PERFORM shop_hold(p_id, p_plan);
    RETURN QUERY SELECT p_id, true, p_asked, 'reserved'::text, v_operation;
END $$;
"""

WRITE = """
CREATE FUNCTION shop_write_orders(p_purchase bigint, p_buyer bigint, p_currency text, p_plan jsonb, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
-- Write what a paid purchase planned: orders, lines, events, outbox, ledger, and the stock last, because its rows are
-- what others wait for.
DECLARE
    one record;
    row record;
BEGIN
    FOR one IN
        SELECT * FROM jsonb_to_recordset(p_plan->'orders') AS planned (id bigint, merchant bigint, items bigint,
            discount bigint, delivery bigint, delivery_vat bigint, vat bigint, total bigint, fee bigint, delivery_name text,
            lines jsonb)
    LOOP
        INSERT INTO shop_order (id, purchase_id, merchant_id, buyer, state, currency, items_minor, discount_minor,
            delivery_minor, delivery_vat_minor, vat_minor, total_minor, fee_minor, refunded_minor, delivery_name, placed_at)
        VALUES (one.id, p_purchase, one.merchant, p_buyer, 'paid', p_currency, one.items, one.discount, one.delivery,
            one.delivery_vat, one.vat, one.total, one.fee, 0, one.delivery_name, p_now);
        INSERT INTO shop_orderline (id, order_id, variant_id, position, title, choices, sku, quantity, shipped, returned,
            unit_minor, discount_minor, total_minor, vat_bp, vat_minor)
        SELECT line.id, one.id, line.variant, line.position, line.title, line.choices, line.sku, line.quantity, 0, 0,
            line.unit, line.discount, line.total, line.vat_bp, line.vat
        FROM jsonb_to_recordset(one.lines) AS line (id bigint, variant bigint, position smallint, title text,
            choices text[], sku text, quantity integer, unit bigint, discount bigint, total bigint, vat_bp smallint,
            vat bigint);
        INSERT INTO shop_orderevent (order_id, kind, note, by, at) VALUES (one.id, 'paid', '', NULL, p_now);
        INSERT INTO shop_outgoing (kind, reference, at) VALUES ('order_paid', one.id, p_now);
        DELETE FROM shop_cartline AS gone USING shop_cart AS cart, shop_orderline AS line
        WHERE cart.buyer = p_buyer AND gone.cart_id = cart.id AND line.order_id = one.id
            AND gone.variant_id = line.variant_id;
    END LOOP;
    -- A purchase that a voucher pays for in whole moves no money.
    IF jsonb_array_length(p_plan->'accounts') > 0 THEN
        PERFORM money_post('shop:purchase:' || p_purchase, 'purchase', p_purchase::text, p_now,
            ARRAY(SELECT value::bigint FROM jsonb_array_elements_text(p_plan->'accounts')),
            ARRAY(SELECT value::bigint FROM jsonb_array_elements_text(p_plan->'amounts')));
    END IF;
    PERFORM set_config('shop.movement', 'sold', true), set_config('shop.reference', p_purchase::text, true);
    FOR row IN
        SELECT hold.stock_id, hold.quantity FROM shop_hold AS hold JOIN shop_stock AS stock ON stock.id = hold.stock_id
        WHERE hold.purchase_id = p_purchase ORDER BY stock.variant_id, stock.id
    LOOP
        UPDATE shop_stock SET on_hand = on_hand - row.quantity, reserved = reserved - row.quantity WHERE id = row.stock_id;
    END LOOP;
    PERFORM set_config('shop.movement', '', true), set_config('shop.reference', '', true);
    DELETE FROM shop_hold WHERE purchase_id = p_purchase;
END $$;
"""

SELL = """
CREATE FUNCTION shop_sell(p_reference text, p_payment bigint) RETURNS boolean LANGUAGE plpgsql AS $$
-- Turn a reservation, whose payment is taken in by this very transaction, into orders.  Returns false where it is no
-- reservation any more; then nothing has changed.
DECLARE
    bought record;
    v_now timestamptz := clock_timestamp();
BEGIN
    UPDATE shop_purchase SET state = 'paid', payment = p_payment, settled_at = v_now
    WHERE id = split_part(p_reference, ':', 2)::bigint AND state = 'reserved'
    RETURNING id, buyer, currency, plan INTO bought;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM shop_write_orders(bought.id, bought.buyer, bought.currency, bought.plan, v_now);
    PERFORM shop_earn(bought.id, 'paid', make_interval(secs => (bought.plan->>'touch_s')::float8),
        make_interval(secs => (bought.plan->>'payable_s')::float8));
    RETURN true;
END $$;
"""

PLACE = """
CREATE OR REPLACE FUNCTION shop_place(p_purchase bigint, p_payment bigint) RETURNS text LANGUAGE plpgsql AS $$
-- Turn a paid purchase into orders, also one whose reservation is over.  Returns the state: paid (also the second time),
-- reversed where it was paid too late and is sold out by now, or whatever state it is in.
DECLARE
    bought shop_purchase;
    v_now timestamptz := clock_timestamp();
BEGIN
    IF shop_sell('purchase:' || p_purchase, p_payment) THEN
        RETURN 'paid';
    END IF;
    SELECT * INTO bought FROM shop_purchase WHERE id = p_purchase FOR UPDATE;
    IF bought.state IS NULL OR bought.state NOT IN ('expired', 'declined') THEN
        RETURN bought.state;
    END IF;
    BEGIN
        IF bought.voucher_id IS NOT NULL THEN
            UPDATE shop_voucher SET used = used + 1 WHERE id = bought.voucher_id AND used < cap;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'voucher is used up' USING ERRCODE = 'GS002';
            END IF;
        END IF;
        PERFORM shop_hold(p_purchase, bought.plan);
    EXCEPTION WHEN SQLSTATE 'GS001' OR SQLSTATE 'GS002' THEN
        UPDATE shop_purchase SET state = 'reversed', payment = p_payment, settled_at = v_now WHERE id = p_purchase;
        INSERT INTO shop_outgoing (kind, reference, at) VALUES ('purchase_reversed', p_purchase, v_now);
        RETURN 'reversed';
    END;
    UPDATE shop_purchase SET state = 'paid', payment = p_payment, settled_at = v_now WHERE id = p_purchase;
    PERFORM shop_write_orders(p_purchase, bought.buyer, bought.currency, bought.plan, v_now);
    PERFORM shop_earn(p_purchase, 'paid', make_interval(secs => (bought.plan->>'touch_s')::float8),
        make_interval(secs => (bought.plan->>'payable_s')::float8));
    RETURN 'paid';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("shop", "0030_hot_stock"), ("money", "0020_one_call_a_payment")]

    operations = [
        migrations.RunSQL(SPLIT, "DROP FUNCTION shop_split(bigint)"),
        migrations.RunSQL(HOLD, BEFORE.HOLD.replace("CREATE", "CREATE OR REPLACE", 1)),
        migrations.RunSQL(f"DROP FUNCTION shop_reserve({_RESERVE_IN})", BEFORE.RESERVE),
        migrations.RunSQL(RESERVE, f"DROP FUNCTION shop_reserve({_RESERVE_IN}, bigint, text, text)"),
        migrations.RunSQL(WRITE, "DROP FUNCTION shop_write_orders(bigint, bigint, text, jsonb, timestamptz)"),
        migrations.RunSQL(SELL, "DROP FUNCTION shop_sell(text, bigint)"),
        migrations.RunSQL(PLACE, BEFORE.PLACE.replace("CREATE", "CREATE OR REPLACE", 1)),
    ]
