"""The shop's functions: each does in one round trip, and whole or not at all, what races would otherwise tear apart.

Locks are always taken in this order: a purchase, its voucher, the ledger's accounts, stocks by variant and then by id.
Whoever writes another function keeps to it, or two purchases can wait for each other.
"""

from django.db import migrations

WANTED = """
CREATE FUNCTION shop_wanted(
    p_buyer bigint, p_variants bigint[], p_quantities integer[], p_currency text, p_country text, p_now timestamptz, p_today date
) RETURNS TABLE (
    asked_variant bigint, quantity integer, title text, choices text[], sku text, weight_g integer, merchant bigint,
    merchant_name text, merchant_title text, minor bigint, vat_bp smallint, is_sold boolean, units bigint, methods jsonb
) LANGUAGE plpgsql STABLE AS $$
-- What the database says of variants, and of the ways in which their merchants deliver: of those that are named, or where
-- they are NULL of those in the buyer's cart.  One that is not there has no title.  It is a function because its plan is
-- then made once a connection, and not with each of the many times that it is asked.
BEGIN
    IF p_variants IS NULL THEN
        SELECT array_agg(line.variant_id ORDER BY line.id), array_agg(line.quantity ORDER BY line.id)
        INTO p_variants, p_quantities
        FROM shop_cart AS cart JOIN shop_cartline AS line ON line.cart_id = cart.id WHERE cart.buyer = p_buyer;
    END IF;
    RETURN QUERY
    SELECT asked.variant, asked.number, product.title::text, variant.choices::text[], variant.sku::text, variant.weight_g,
        owner.id, owner.name::text, owner.title::text, least(price.minor, sale.minor), rate.rate_bp,
        product.state = 'active' AND variant.is_active AND owner.state = 'approved'
            AND (owner.holiday_from IS NULL OR p_today NOT BETWEEN owner.holiday_from AND owner.holiday_until),
        (SELECT coalesce(sum(stock.on_hand - stock.reserved), 0) FROM shop_stock AS stock WHERE stock.variant_id = variant.id),
        (SELECT coalesce(jsonb_agg(jsonb_build_array(way.id, way.merchant_id, way.name, way.minor, way.free_from_minor,
             way.max_weight_g, way.days_min, way.days_max)), '[]')
         FROM shop_deliverymethod AS way
         WHERE way.merchant_id = owner.id AND way.country = p_country AND way.currency = p_currency AND way.is_active)
    FROM unnest(p_variants, p_quantities) AS asked (variant, number)
    LEFT JOIN shop_variant AS variant ON variant.id = asked.variant
    LEFT JOIN shop_product AS product ON product.id = variant.product_id
    LEFT JOIN shop_merchant AS owner ON owner.id = product.merchant_id
    LEFT JOIN shop_price AS price ON price.variant_id = variant.id AND price.currency = p_currency
    LEFT JOIN shop_sale AS sale ON sale.price_id = price.id AND sale.period @> p_now
    LEFT JOIN shop_vatrate AS rate ON rate.place = p_country || ':' || product.vat_category AND rate.period @> p_today;
END $$;
"""

ADD = """
CREATE FUNCTION shop_add(
    p_buyer bigint, p_person bigint, p_variant bigint, p_quantity integer, p_most integer, p_lines integer, p_today date
) RETURNS text LANGUAGE plpgsql AS $$
-- Put so many more of a variant into a buyer's cart: added, gone (it is not sold) or full (the cart has too many lines).
-- Adding twice at once sums up; more than can be bought at once is cut to that.
DECLARE
    v_cart bigint;
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM shop_variant AS variant JOIN shop_product AS product ON product.id = variant.product_id
        JOIN shop_merchant AS owner ON owner.id = product.merchant_id
        WHERE variant.id = p_variant AND variant.is_active AND product.state = 'active' AND owner.state = 'approved'
            AND (owner.holiday_from IS NULL OR p_today NOT BETWEEN owner.holiday_from AND owner.holiday_until)
    ) THEN
        RETURN 'gone';
    END IF;
    -- The cart's row is the lock under which its lines are counted.
    INSERT INTO shop_cart (buyer, person_id, updated_at) VALUES (p_buyer, p_person, clock_timestamp())
    ON CONFLICT (buyer) DO UPDATE SET updated_at = clock_timestamp() RETURNING id INTO v_cart;
    IF (SELECT count(*) FROM shop_cartline WHERE cart_id = v_cart AND variant_id <> p_variant) >= p_lines THEN
        RETURN 'full';
    END IF;
    INSERT INTO shop_cartline AS held (cart_id, variant_id, quantity) VALUES (v_cart, p_variant, least(p_quantity, p_most))
    ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = least(held.quantity + excluded.quantity, p_most);
    RETURN 'added';
END $$;
"""

HOLD = """
CREATE FUNCTION shop_hold(p_purchase bigint, p_plan jsonb) RETURNS void LANGUAGE plpgsql AS $$
-- Promise the purchase what its plan names.  Raises GS001 with the variant's id where too few are left.
DECLARE
    wanted record;
    found_id bigint;
    lacking integer;
    taken integer;
    row record;
BEGIN
    FOR wanted IN
        SELECT (line->>'variant')::bigint AS variant, sum((line->>'quantity')::integer)::integer AS quantity
        FROM jsonb_array_elements(p_plan->'orders') AS one, jsonb_array_elements(one->'lines') AS line
        GROUP BY 1 ORDER BY 1
    LOOP
        -- Any row that has enough will do; a random one keeps the buckets of a hot variant apart from each other.
        SELECT id INTO found_id FROM shop_stock
        WHERE variant_id = wanted.variant AND on_hand - reserved >= wanted.quantity ORDER BY random() LIMIT 1;
        UPDATE shop_stock SET reserved = reserved + wanted.quantity
        WHERE id = found_id AND on_hand - reserved >= wanted.quantity;
        IF FOUND THEN
            INSERT INTO shop_hold (purchase_id, stock_id, quantity) VALUES (p_purchase, found_id, wanted.quantity);
            CONTINUE;
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

RESERVE = """
CREATE FUNCTION shop_reserve(
    p_id bigint, p_buyer bigint, p_person bigint, p_key text, p_asked text, p_hash text, p_currency text,
    p_total bigint, p_plan jsonb, p_address jsonb, p_email text, p_language text, p_method text, p_voucher bigint,
    p_minutes integer
) RETURNS TABLE (id bigint, is_new boolean, asked text, state text) LANGUAGE plpgsql AS $$
-- Write down a purchase and hold what it needs, once for a buyer and a key: the second time the first one is returned.
-- Raises GS001 (sold out) and GS002 (the voucher is used up or over); then nothing has changed.
BEGIN
    INSERT INTO shop_purchase AS held (id, buyer, person_id, key, state, currency, total_minor, quote_hash, asked_hash,
        plan, address, email, language, method, voucher_id, created_at, expires_at)
    VALUES (p_id, p_buyer, p_person, p_key, 'reserved', p_currency, p_total, p_hash, p_asked, p_plan, p_address,
        p_email, p_language, p_method, p_voucher, clock_timestamp(), clock_timestamp() + make_interval(mins => p_minutes))
    ON CONFLICT (buyer, key) DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY SELECT held.id, false, held.asked_hash::text, held.state::text FROM shop_purchase AS held
            WHERE held.buyer = p_buyer AND held.key = p_key;
        RETURN;
    END IF;
    IF p_voucher IS NOT NULL THEN
        UPDATE shop_voucher AS v SET used = v.used + 1
        WHERE v.id = p_voucher AND v.used < v.cap AND v.period @> clock_timestamp();
        IF NOT FOUND THEN
            RAISE EXCEPTION 'voucher is used up' USING ERRCODE = 'GS002';
        END IF;
    END IF;
    PERFORM shop_hold(p_id, p_plan);
    RETURN QUERY SELECT p_id, true, p_asked, 'reserved'::text;
END $$;
"""

RELEASE = """
CREATE FUNCTION shop_release(p_purchase bigint, p_state text) RETURNS boolean LANGUAGE plpgsql AS $$
-- End a reservation (p_state: declined or expired) and give back what it held.  Returns whether there was one.
DECLARE
    v_voucher bigint;
    row record;
BEGIN
    UPDATE shop_purchase SET state = p_state, settled_at = clock_timestamp()
    WHERE id = p_purchase AND state = 'reserved' RETURNING voucher_id INTO v_voucher;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE shop_voucher SET used = used - 1 WHERE id = v_voucher;
    FOR row IN
        SELECT hold.stock_id, hold.quantity FROM shop_hold AS hold JOIN shop_stock AS stock ON stock.id = hold.stock_id
        WHERE hold.purchase_id = p_purchase ORDER BY stock.variant_id, stock.id
    LOOP
        UPDATE shop_stock SET reserved = reserved - row.quantity WHERE id = row.stock_id;
    END LOOP;
    DELETE FROM shop_hold WHERE purchase_id = p_purchase;
    RETURN true;
END $$;
"""

PLACE = """
CREATE FUNCTION shop_place(p_purchase bigint, p_payment bigint) RETURNS text LANGUAGE plpgsql AS $$
-- Turn a paid reservation into orders: orders, lines, events, ledger, outbox, and the stock last, because its rows are
-- what others wait for.  Returns the state: paid (also the second time), reversed where it was paid too late and is sold
-- out by now, or whatever state it is in.
DECLARE
    v_plan jsonb;
    v_state text;
    v_voucher bigint;
    v_now timestamptz := clock_timestamp();
    row record;
BEGIN
    UPDATE shop_purchase SET state = 'paid', payment = p_payment, settled_at = v_now
    WHERE id = p_purchase AND state = 'reserved' RETURNING plan INTO v_plan;
    IF NOT FOUND THEN
        SELECT state, plan, voucher_id INTO v_state, v_plan, v_voucher FROM shop_purchase WHERE id = p_purchase FOR UPDATE;
        IF v_state IS NULL OR v_state NOT IN ('expired', 'declined') THEN
            RETURN v_state;
        END IF;
        BEGIN
            IF v_voucher IS NOT NULL THEN
                UPDATE shop_voucher SET used = used + 1 WHERE id = v_voucher AND used < cap;
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'voucher is used up' USING ERRCODE = 'GS002';
                END IF;
            END IF;
            PERFORM shop_hold(p_purchase, v_plan);
        EXCEPTION WHEN SQLSTATE 'GS001' OR SQLSTATE 'GS002' THEN
            UPDATE shop_purchase SET state = 'reversed', payment = p_payment, settled_at = v_now WHERE id = p_purchase;
            INSERT INTO shop_outgoing (kind, reference, at) VALUES ('purchase_reversed', p_purchase, v_now);
            RETURN 'reversed';
        END;
        UPDATE shop_purchase SET state = 'paid', payment = p_payment, settled_at = v_now WHERE id = p_purchase;
    END IF;
    INSERT INTO shop_order (id, purchase_id, merchant_id, buyer, state, currency, items_minor, discount_minor,
        delivery_minor, delivery_vat_minor, vat_minor, total_minor, fee_minor, refunded_minor, delivery_name, placed_at)
    SELECT one.id, p_purchase, one.merchant, bought.buyer, 'paid', bought.currency, one.items, one.discount,
        one.delivery, one.delivery_vat, one.vat, one.total, one.fee, 0, one.delivery_name, v_now
    FROM shop_purchase AS bought, jsonb_to_recordset(v_plan->'orders') AS one (id bigint, merchant bigint, items bigint,
        discount bigint, delivery bigint, delivery_vat bigint, vat bigint, total bigint, fee bigint, delivery_name text)
    WHERE bought.id = p_purchase;
    INSERT INTO shop_orderline (id, order_id, variant_id, position, title, choices, sku, quantity, shipped, returned, unit_minor,
        discount_minor, total_minor, vat_bp, vat_minor)
    SELECT line.id, (one->>'id')::bigint, line.variant, line.position, line.title, line.choices, line.sku, line.quantity, 0, 0,
        line.unit, line.discount, line.total, line.vat_bp, line.vat
    FROM jsonb_array_elements(v_plan->'orders') AS one, jsonb_to_recordset(one->'lines') AS line (id bigint,
        variant bigint, position smallint, title text, choices text[], sku text, quantity integer, unit bigint, discount bigint,
        total bigint, vat_bp smallint, vat bigint);
    INSERT INTO shop_orderevent (order_id, kind, note, by, at)
    SELECT (one->>'id')::bigint, 'paid', '', NULL, v_now FROM jsonb_array_elements(v_plan->'orders') AS one;
    INSERT INTO shop_outgoing (kind, reference, at)
    SELECT 'order_paid', (one->>'id')::bigint, v_now FROM jsonb_array_elements(v_plan->'orders') AS one;
    -- A purchase that a voucher pays for in whole moves no money.
    IF jsonb_array_length(v_plan->'accounts') > 0 THEN
        PERFORM money_post('shop:purchase:' || p_purchase, 'purchase', p_purchase::text, v_now,
            ARRAY(SELECT value::bigint FROM jsonb_array_elements_text(v_plan->'accounts')),
            ARRAY(SELECT value::bigint FROM jsonb_array_elements_text(v_plan->'amounts')));
    END IF;
    DELETE FROM shop_cartline AS gone USING shop_cart AS cart, shop_purchase AS bought, shop_orderline AS line, shop_order AS one
    WHERE bought.id = p_purchase AND cart.buyer = bought.buyer AND gone.cart_id = cart.id AND one.purchase_id = bought.id
        AND line.order_id = one.id AND gone.variant_id = line.variant_id;
    PERFORM set_config('shop.movement', 'sold', true), set_config('shop.reference', p_purchase::text, true);
    FOR row IN
        SELECT hold.stock_id, hold.quantity FROM shop_hold AS hold JOIN shop_stock AS stock ON stock.id = hold.stock_id
        WHERE hold.purchase_id = p_purchase ORDER BY stock.variant_id, stock.id
    LOOP
        UPDATE shop_stock SET on_hand = on_hand - row.quantity, reserved = reserved - row.quantity WHERE id = row.stock_id;
    END LOOP;
    PERFORM set_config('shop.movement', '', true), set_config('shop.reference', '', true);
    DELETE FROM shop_hold WHERE purchase_id = p_purchase;
    RETURN 'paid';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial"), ("money", "0002_ledger_rules")]

    operations = [
        migrations.RunSQL(
            WANTED, "DROP FUNCTION shop_wanted(bigint, bigint[], integer[], text, text, timestamptz, date)"
        ),
        migrations.RunSQL(ADD, "DROP FUNCTION shop_add(bigint, bigint, bigint, integer, integer, integer, date)"),
        migrations.RunSQL(HOLD, "DROP FUNCTION shop_hold(bigint, jsonb)"),
        migrations.RunSQL(
            RESERVE,
            "DROP FUNCTION shop_reserve(bigint, bigint, bigint, text, text, text, text, bigint, jsonb, jsonb, text,"
            " text, text, bigint, integer)",
        ),
        migrations.RunSQL(RELEASE, "DROP FUNCTION shop_release(bigint, text)"),
        migrations.RunSQL(PLACE, "DROP FUNCTION shop_place(bigint, bigint)"),
    ]
