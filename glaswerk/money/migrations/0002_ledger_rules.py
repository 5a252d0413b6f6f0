"""What the database holds about the ledger by itself, whoever writes to it.

SQLSTATEs: GM001 a key with other content, GM002 a journal that does not balance or has other lines than it was written
with, GM003 a change of what never changes, GM004 a line for an account that is not there.
"""

from django.db import migrations

# A session that planned these functions while the tables were small, or before they were analysed, would go on reading
# whole tables for every entry as they grow.  So sequential scans are off, and what could be a join is asked row by row,
# which leaves the planner nothing but the index.
FORWARDS = r"""
-- The digest of a journal's content; the order of its lines does not matter.
CREATE FUNCTION money_digest(p_kind text, p_reference text, p_accounts bigint[], p_amounts bigint[]) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(convert_to(
        jsonb_build_array(p_kind, p_reference)::text || ' '
        || string_agg(line.account || ':' || line.amount, ' ' ORDER BY line.account, line.amount), 'UTF8'))
    FROM unnest(p_accounts, p_amounts) AS line (account, amount)
$$;

-- Post a journal in one round trip.  The same key with the same content returns the journal that is there.
CREATE FUNCTION money_post(
    p_key text, p_kind text, p_reference text, p_at timestamptz, p_accounts bigint[], p_amounts bigint[]
) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    v_digest bytea := money_digest(p_kind, p_reference, p_accounts, p_amounts);
    v_known bytea;
    v_id bigint;
    v_lines int := coalesce(cardinality(p_accounts), 0);
BEGIN
    IF v_lines < 2 OR v_lines <> coalesce(cardinality(p_amounts), 0) THEN
        RAISE EXCEPTION 'a journal has two lines or more, each with an account and an amount' USING ERRCODE = 'GM002';
    END IF;
    -- Where another transaction posts the same key, this waits for its end.
    INSERT INTO money_journal (key, kind, reference, at, lines, digest)
    VALUES (p_key, p_kind, p_reference, coalesce(p_at, now()), v_lines, v_digest)
    ON CONFLICT (key) DO NOTHING RETURNING id INTO v_id;
    IF v_id IS NULL THEN
        SELECT id, digest INTO v_id, v_known FROM money_journal WHERE key = p_key;
        IF v_known IS DISTINCT FROM v_digest THEN
            RAISE EXCEPTION 'the key % was used for another journal', p_key USING ERRCODE = 'GM001';
        END IF;
        RETURN v_id;
    END IF;
    IF EXISTS (
        SELECT 1 FROM unnest(p_accounts) AS asked (id)
        WHERE (SELECT held.id FROM money_account held WHERE held.id = asked.id) IS NULL
    ) THEN
        RAISE EXCEPTION 'a line names an account that is not there' USING ERRCODE = 'GM004';
    END IF;
    INSERT INTO money_entry (journal_id, account_id, amount)
    SELECT v_id, line.account, line.amount FROM unnest(p_accounts, p_amounts) AS line (account, amount);
    -- It is checked once more at the end of the transaction; here the caller learns of it while it knows the line.
    IF NOT money_is_balanced(v_id) THEN
        RAISE EXCEPTION 'the journal % does not sum to zero', p_key USING ERRCODE = 'GM002';
    END IF;
    RETURN v_id;
END $$;

-- Whether a journal sums to zero per currency and has exactly the lines that it was written with.
CREATE FUNCTION money_is_balanced(p_journal bigint) RETURNS boolean LANGUAGE sql STABLE SET enable_seqscan = off AS $$
    SELECT coalesce(bool_and(part.total = 0) AND sum(part.lines) = (
        SELECT lines FROM money_journal WHERE id = p_journal
    ), false)
    FROM (
        SELECT sum(line.amount) AS total, count(*) AS lines FROM (
            SELECT entry.amount, (
                SELECT account.currency FROM money_account account WHERE account.id = entry.account_id
            ) AS currency
            FROM money_entry entry WHERE entry.journal_id = p_journal
        ) AS line GROUP BY line.currency
    ) AS part
$$;

CREATE FUNCTION money_check_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT money_is_balanced(NEW.id) THEN
        RAISE EXCEPTION 'the journal % does not balance', NEW.id USING ERRCODE = 'GM002';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION money_check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT money_is_balanced(NEW.journal_id) THEN
        RAISE EXCEPTION 'the journal % does not balance', NEW.journal_id USING ERRCODE = 'GM002';
    END IF;
    RETURN NULL;
END $$;

-- Balances follow entries in the same statement.  Whoever posts locks its accounts in the order of their ids.
CREATE FUNCTION money_keep_balances() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    v_part record;
BEGIN
    FOR v_part IN
        SELECT account_id, sum(amount)::bigint AS total FROM added GROUP BY account_id ORDER BY account_id
    LOOP
        UPDATE money_account SET balance = balance + side * v_part.total WHERE id = v_part.account_id;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION money_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: the ledger is only ever added to', TG_OP, TG_TABLE_NAME USING ERRCODE = 'GM003';
END $$;

CREATE FUNCTION money_guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.balance <> 0 THEN
            RAISE EXCEPTION 'an account begins at zero' USING ERRCODE = 'GM003';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.kind, NEW.owner_kind, NEW.owner_id, NEW.currency, NEW.side, NEW.overdraft)
        IS DISTINCT FROM (OLD.id, OLD.kind, OLD.owner_kind, OLD.owner_id, OLD.currency, OLD.side, OLD.overdraft) THEN
        RAISE EXCEPTION 'an account stays what it is' USING ERRCODE = 'GM003';
    END IF;
    -- The first level is this trigger; only below the trigger of an entry it is the second.
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a balance changes by entries alone' USING ERRCODE = 'GM003';
    END IF;
    RETURN NEW;
END $$;

CREATE CONSTRAINT TRIGGER money_journal_balances AFTER INSERT ON money_journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION money_check_journal();
CREATE CONSTRAINT TRIGGER money_entry_balances AFTER INSERT ON money_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION money_check_entry();
CREATE TRIGGER money_entry_moves_balances AFTER INSERT ON money_entry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION money_keep_balances();
CREATE TRIGGER money_entry_stays BEFORE UPDATE OR DELETE ON money_entry
    FOR EACH STATEMENT EXECUTE FUNCTION money_refuse();
CREATE TRIGGER money_entry_is_not_emptied BEFORE TRUNCATE ON money_entry
    FOR EACH STATEMENT EXECUTE FUNCTION money_refuse();
CREATE TRIGGER money_journal_stays BEFORE UPDATE OR DELETE ON money_journal
    FOR EACH STATEMENT EXECUTE FUNCTION money_refuse();
CREATE TRIGGER money_journal_is_not_emptied BEFORE TRUNCATE ON money_journal
    FOR EACH STATEMENT EXECUTE FUNCTION money_refuse();
CREATE TRIGGER money_account_is_guarded BEFORE INSERT OR UPDATE ON money_account
    FOR EACH ROW EXECUTE FUNCTION money_guard_account();
CREATE TRIGGER money_account_stays BEFORE DELETE ON money_account
    FOR EACH STATEMENT EXECUTE FUNCTION money_refuse();
CREATE TRIGGER money_account_is_not_emptied BEFORE TRUNCATE ON money_account
    FOR EACH STATEMENT EXECUTE FUNCTION money_refuse();

-- ALWAYS: they fire in a session that replays or that has turned triggers off by session_replication_role, too.
ALTER TABLE money_journal ENABLE ALWAYS TRIGGER money_journal_balances;
ALTER TABLE money_journal ENABLE ALWAYS TRIGGER money_journal_stays;
ALTER TABLE money_journal ENABLE ALWAYS TRIGGER money_journal_is_not_emptied;
ALTER TABLE money_entry ENABLE ALWAYS TRIGGER money_entry_balances;
ALTER TABLE money_entry ENABLE ALWAYS TRIGGER money_entry_moves_balances;
ALTER TABLE money_entry ENABLE ALWAYS TRIGGER money_entry_stays;
ALTER TABLE money_entry ENABLE ALWAYS TRIGGER money_entry_is_not_emptied;
ALTER TABLE money_account ENABLE ALWAYS TRIGGER money_account_is_guarded;
ALTER TABLE money_account ENABLE ALWAYS TRIGGER money_account_stays;
ALTER TABLE money_account ENABLE ALWAYS TRIGGER money_account_is_not_emptied;
"""

BACKWARDS = """
DROP FUNCTION money_post, money_digest, money_is_balanced;
DROP FUNCTION money_check_journal, money_check_entry, money_keep_balances, money_refuse, money_guard_account CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("money", "0001_ledger")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
