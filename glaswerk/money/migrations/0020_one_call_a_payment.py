"""Payments in one call each: what is asked of a provider is written down, and what it usually answers is taken in.

The check of a journal is asked up to five times for each one, so it is written for the journals that there are: all of
their lines in one currency, found by the index.
"""

from django.db import migrations

BALANCED = """
CREATE OR REPLACE FUNCTION money_is_balanced(p_journal bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
-- Whether a journal sums to zero per currency and has exactly the lines that it was written with.
DECLARE
    v_lines bigint;
    v_total numeric;
    v_first text;
    v_last text;
BEGIN
    SELECT count(*), sum(line.amount), min(line.currency), max(line.currency) INTO v_lines, v_total, v_first, v_last
    FROM (
        SELECT entry.amount, (
            SELECT account.currency FROM money_account account WHERE account.id = entry.account_id
        ) AS currency
        FROM money_entry entry WHERE entry.journal_id = p_journal
    ) AS line;
    IF v_total IS DISTINCT FROM 0 OR v_lines <> (SELECT lines FROM money_journal WHERE id = p_journal) THEN
        RETURN false;
    END IF;
    IF v_first = v_last THEN
        RETURN true;
    END IF;
    -- What sums to zero in whole may still be euros against yen.
    RETURN NOT EXISTS (
        SELECT FROM money_entry entry JOIN money_account account ON account.id = entry.account_id
        WHERE entry.journal_id = p_journal GROUP BY account.currency HAVING sum(entry.amount) <> 0
    );
END $$;
"""

OPEN = """
CREATE FUNCTION money_open(
    p_id bigint, p_key text, p_reference text, p_provider text, p_method text, p_currency text, p_total bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
-- Write down a payment and the operation by which its provider is asked for it, and return the operation's id; NULL
-- where a unique rule refuses it: the key is known, or the reference has another payment that is not declined.
DECLARE
    v_now timestamptz := clock_timestamp();
    v_operation bigint;
BEGIN
    INSERT INTO money_payment (id, key, reference, provider, method, provider_ref, next_url, currency, total,
        authorised, captured, refunded, refunding, state, reason, at)
    VALUES (p_id, p_key, p_reference, p_provider, p_method, '', '', p_currency, p_total, 0, 0, 0, 0, 'pending', '', v_now)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO money_operation (key, provider, kind, payment_id, reference, destination, amount, currency, state,
        provider_ref, reason, at)
    VALUES ('pay:' || p_key, p_provider, 'pay', p_id, p_reference, '', p_total, p_currency, 'pending', '', '', v_now)
    RETURNING id INTO v_operation;
    RETURN v_operation;
END $$;
"""

SUCCEED = """
CREATE FUNCTION money_succeed(
    p_provider text, p_key text, p_ref text, p_total bigint, p_currency text, p_kinds text[], p_sellers text[]
) RETURNS boolean LANGUAGE plpgsql AS $$
-- The usual end of a payment, whole or not at all: it is open, its provider took exactly what was asked for, and whoever
-- sells (by the kind of the reference: a function of reference and payment) does their part.  Returns false where anything is not as usual;
-- then nothing has changed, and whoever called has to look closer.
DECLARE
    v_payment bigint;
    v_reference text;
    v_seller text;
    v_is_sold boolean;
BEGIN
    SELECT payment.id, payment.reference INTO v_payment, v_reference
    FROM money_operation AS operation JOIN money_payment AS payment ON payment.id = operation.payment_id
    WHERE operation.key = p_key AND operation.kind = 'pay' AND payment.provider = p_provider
        AND payment.state IN ('pending', 'needs_action') AND payment.total = p_total AND payment.currency = p_currency
    FOR NO KEY UPDATE OF payment;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    v_seller := p_sellers[array_position(p_kinds, split_part(v_reference, ':', 1))];
    IF v_seller IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT %I($1, $2)', v_seller) INTO v_is_sold USING v_reference, v_payment;
    IF NOT v_is_sold THEN
        RETURN false;
    END IF;
    UPDATE money_payment SET state = 'succeeded', authorised = total, captured = total, next_url = '', reason = '',
        provider_ref = coalesce(nullif(p_ref, ''), provider_ref)
    WHERE id = v_payment;
    UPDATE money_operation SET state = 'succeeded', reason = '', decided_at = clock_timestamp(),
        provider_ref = coalesce(nullif(p_ref, ''), provider_ref)
    WHERE key = p_key;
    RETURN true;
END $$;
"""

HEARD = """
CREATE FUNCTION money_hear_again(p_provider text, p_events text[], p_kinds text[], p_keys text[], p_refs text[],
    p_totals bigint[], p_currencies text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
-- Note the events that say of payments what is known of them already, and return their ids.  A message is mostly
-- slower than the answer to the call that it is about, so this is the usual one.  Whatever is not known is left alone.
BEGIN
    RETURN QUERY
    INSERT INTO money_providerevent (provider, event_id, kind, effect, at)
    SELECT p_provider, told.event, told.kind, 'known', clock_timestamp()
    FROM unnest(p_events, p_kinds, p_keys, p_refs, p_totals, p_currencies)
        AS told (event, kind, key, ref, total, currency)
    JOIN money_operation AS operation ON operation.key = told.key AND operation.kind = 'pay'
    JOIN money_payment AS payment ON payment.id = operation.payment_id
    WHERE payment.provider = p_provider AND payment.state IN ('succeeded', 'surplus')
        AND payment.provider_ref = told.ref AND payment.total = told.total AND payment.currency = told.currency
    ORDER BY told.event
    ON CONFLICT (provider, event_id) DO NOTHING RETURNING event_id::text;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("money", "0011_accrue")]

    operations = [
        migrations.RunSQL(BALANCED, migrations.RunSQL.noop),
        migrations.RunSQL(OPEN, "DROP FUNCTION money_open(bigint, text, text, text, text, text, bigint)"),
        migrations.RunSQL(SUCCEED, "DROP FUNCTION money_succeed(text, text, text, bigint, text, text[], text[])"),
        migrations.RunSQL(
            HEARD, "DROP FUNCTION money_hear_again(text, text[], text[], text[], text[], bigint[], text[])"
        ),
    ]
