"""A commission in one round trip, for whoever sells by a function of the database.

SQLSTATE GM005: the key belongs to another commission.
"""

from django.db import migrations

ACCRUE = """
CREATE FUNCTION money_accrue(
    p_key text, p_creator bigint, p_reference text, p_currency text, p_amount bigint, p_payable_at timestamptz,
    p_funded_by bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
-- Let a creator earn by a sale, once for its key; the same again returns the commission that is there.
DECLARE
    v_id bigint;
    v_held money_commission;
    v_account bigint;
BEGIN
    INSERT INTO money_commission (key, creator_id, reference, currency, amount, reversed, state, payable_at, at)
    VALUES (p_key, p_creator, p_reference, p_currency, p_amount, 0, 'accrued', p_payable_at, clock_timestamp())
    ON CONFLICT (key) DO NOTHING RETURNING id INTO v_id;
    IF v_id IS NULL THEN
        SELECT * INTO v_held FROM money_commission WHERE key = p_key;
        IF (v_held.creator_id, v_held.reference, v_held.amount, v_held.currency)
            IS DISTINCT FROM (p_creator, p_reference::varchar, p_amount, p_currency::varchar) THEN
            RAISE EXCEPTION 'the key was used for another commission' USING ERRCODE = 'GM005';
        END IF;
        RETURN v_held.id;
    END IF;
    SELECT id INTO v_account FROM money_account WHERE kind = 'creator_accrued' AND owner_kind = 'creator'
        AND owner_id = p_creator AND currency = p_currency;
    IF v_account IS NULL THEN
        -- As `AccountKind` has it: owed, and never below zero.
        INSERT INTO money_account (kind, owner_kind, owner_id, currency, side, overdraft, balance)
        VALUES ('creator_accrued', 'creator', p_creator, p_currency, -1, false, 0) ON CONFLICT DO NOTHING;
        SELECT id INTO v_account FROM money_account WHERE kind = 'creator_accrued' AND owner_kind = 'creator'
            AND owner_id = p_creator AND currency = p_currency;
    END IF;
    PERFORM money_post('commission:' || v_id || ':accrued', 'commission.accrued', p_reference, NULL,
        ARRAY[p_funded_by, v_account], ARRAY[p_amount, -p_amount]);
    RETURN v_id;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("money", "0010_commission_payout")]

    operations = [
        migrations.RunSQL(ACCRUE, "DROP FUNCTION money_accrue(text, bigint, text, text, bigint, timestamptz, bigint)")
    ]
