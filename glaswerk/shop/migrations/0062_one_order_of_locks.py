"""One order of locks: whoever places, cancels, gives back or takes back locks the ledger's accounts before any stock.

Until now what creators earn was posted after the stock was taken, a purchase that was paid too late held stock before it
posted, and a row that had too few when it came to it stayed locked while others were gathered.  The order is the one that
ARCHITECTURE.md states.
"""

import importlib

from django.db import migrations

# What going back brings back.
BEFORE = importlib.import_module("glaswerk.shop.migrations.0031_quicker_buying")

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
            BEGIN
                UPDATE shop_stock SET reserved = reserved + wanted.quantity, waited_at = clock_timestamp(),
                    waits = CASE WHEN waited_at > clock_timestamp() - interval '1 second' THEN least(waits + 1, 1000) ELSE 1 END
                WHERE id = found_id AND on_hand - reserved >= wanted.quantity RETURNING waits INTO met;
                IF NOT FOUND THEN
                    -- The row is locked though it was not changed; what is undone lets go of it.
                    RAISE EXCEPTION 'too few by now' USING ERRCODE = 'GS003';
                END IF;
                INSERT INTO shop_hold (purchase_id, stock_id, quantity) VALUES (p_purchase, found_id, wanted.quantity);
                IF met >= 5 THEN
                    PERFORM shop_split(found_id);
                END IF;
                CONTINUE;
            EXCEPTION WHEN SQLSTATE 'GS003' THEN
                NULL;
            END;
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

WRITE = """
CREATE OR REPLACE FUNCTION shop_write_orders(p_purchase bigint, p_buyer bigint, p_currency text, p_plan jsonb, p_now timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
-- Write what a paid purchase planned: orders, lines, events, outbox and ledger; `shop_take_stock` follows.
DECLARE
    one record;
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
END $$;
"""

TAKE = """
CREATE FUNCTION shop_take_stock(p_purchase bigint) RETURNS void LANGUAGE plpgsql AS $$
-- Take out of stock what a purchase holds; the last of all, because its rows are what others wait for.
DECLARE
    row record;
BEGIN
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
CREATE OR REPLACE FUNCTION shop_sell(p_reference text, p_payment bigint) RETURNS boolean LANGUAGE plpgsql AS $$
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
    PERFORM shop_take_stock(bought.id);
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
        UPDATE shop_purchase SET state = 'paid', payment = p_payment, settled_at = v_now WHERE id = p_purchase;
        PERFORM shop_write_orders(p_purchase, bought.buyer, bought.currency, bought.plan, v_now);
        PERFORM shop_earn(p_purchase, 'paid', make_interval(secs => (bought.plan->>'touch_s')::float8),
            make_interval(secs => (bought.plan->>'payable_s')::float8));
        -- Only now, after the accounts: where it is sold out, all of the above is undone.
        PERFORM shop_hold(p_purchase, bought.plan);
        PERFORM shop_take_stock(p_purchase);
    EXCEPTION WHEN SQLSTATE 'GS001' OR SQLSTATE 'GS002' THEN
        UPDATE shop_purchase SET state = 'reversed', payment = p_payment, settled_at = v_now WHERE id = p_purchase;
        INSERT INTO shop_outgoing (kind, reference, at) VALUES ('purchase_reversed', p_purchase, v_now);
        RETURN 'reversed';
    END;
    RETURN 'paid';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("shop", "0061_places")]

    operations = [
        migrations.RunSQL(HOLD, BEFORE.HOLD),
        migrations.RunSQL(TAKE, "DROP FUNCTION shop_take_stock(bigint)"),
        migrations.RunSQL(WRITE, BEFORE.WRITE.replace("CREATE", "CREATE OR REPLACE", 1)),
        migrations.RunSQL(SELL, BEFORE.SELL.replace("CREATE", "CREATE OR REPLACE", 1)),
        migrations.RunSQL(PLACE, BEFORE.PLACE),
    ]
