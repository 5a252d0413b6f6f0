"""Addresses are encrypted, so the same place is known again by a keyed mark of it."""

from importlib import import_module

from django.db import migrations, models

BEFORE = import_module("glaswerk.shop.migrations.0011_earn")

KNOWN = """
CREATE OR REPLACE FUNCTION shop_is_known_to_sell(p_creator bigint, p_purchase bigint, p_merchant bigint) RETURNS boolean
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
                AND kept.place = nullif(bought.plan->>'place', '')
        ) OR EXISTS (
            SELECT FROM shop_purchase AS own WHERE own.person_id = creator.id AND own.id <> bought.id
                AND own.plan->>'place' = bought.plan->>'place'
        ) OR EXISTS (
            SELECT FROM shop_staff AS works WHERE works.merchant_id = p_merchant
                AND works.person_id IN (creator.id, bought.person_id)
        )
    )
) OR NOT EXISTS (SELECT FROM people_person WHERE id = p_creator)
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("shop", "0060_encrypted_addresses")]

    operations = [
        migrations.AddField(
            "address",
            "place",
            models.CharField(blank=True, db_comment="PERSONAL", default="", editable=False, max_length=64),
            preserve_default=False,
        ),
        migrations.RunSQL(KNOWN, BEFORE.KNOWN.replace("CREATE", "CREATE OR REPLACE", 1)),
        migrations.RunSQL("DROP FUNCTION shop_place_of(text, text, text, text)", BEFORE.PLACE),
    ]
