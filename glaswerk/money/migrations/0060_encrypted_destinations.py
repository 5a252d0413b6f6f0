"""Where payouts go is encrypted with the creator's key."""

from django.db import migrations

import glaswerk.people.encrypted
from glaswerk.people.encrypted import encrypt_rows


def encrypt(apps, schema_editor):
    fields = dict.fromkeys(("holder", "iban", "provider_account"), False)
    encrypt_rows("money_destination", fields, "t.creator_id", key="creator_id")
    encrypt_rows("money_payout", fields, "t.creator_id", row="t.run_id || '/' || t.creator_id")


class Migration(migrations.Migration):
    dependencies = [("money", "0020_one_call_a_payment"), ("people", "0003_data_keys")]

    operations = [
        migrations.AlterField(
            "destination",
            "holder",
            glaswerk.people.encrypted.EncryptedTextField(db_comment='PERSONAL', max_length=70, person='creator_id', row=('pk',)),
        ),
        migrations.AlterField(
            "destination",
            "iban",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', default='', max_length=34, person='creator_id', row=('pk',)),
        ),
        migrations.AlterField(
            "destination",
            "provider_account",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', default='', max_length=200, person='creator_id', row=('pk',)),
        ),
        migrations.AlterField(
            "payout",
            "holder",
            glaswerk.people.encrypted.EncryptedTextField(db_comment='PERSONAL', max_length=70, person='creator_id', row=('run_id', 'creator_id')),
        ),
        migrations.AlterField(
            "payout",
            "iban",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', default='', max_length=34, person='creator_id', row=('run_id', 'creator_id')),
        ),
        migrations.AlterField(
            "payout",
            "provider_account",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', default='', max_length=200, person='creator_id', row=('run_id', 'creator_id')),
        ),
        migrations.RunPython(encrypt, migrations.RunPython.noop),
    ]
