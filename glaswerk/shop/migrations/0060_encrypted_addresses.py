"""Where things go is encrypted with the key of whoever gets them."""

from django.db import migrations

import glaswerk.people.encrypted
from glaswerk.people.encrypted import encrypt_rows


def encrypt(apps, schema_editor):
    fields = ("name", "company", "street", "postal_code", "city", "area", "phone")
    encrypt_rows("shop_address", dict.fromkeys(fields, False), "t.person_id")
    encrypt_rows("shop_purchase", {"address": True}, "t.buyer")


class Migration(migrations.Migration):
    dependencies = [("shop", "0040_shelf_changes"), ("people", "0003_data_keys")]

    operations = [
        migrations.AlterField(
            "address",
            "name",
            glaswerk.people.encrypted.EncryptedTextField(db_comment='PERSONAL', max_length=100, person='person', row=('pk',), verbose_name='name'),
        ),
        migrations.AlterField(
            "address",
            "company",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', max_length=100, person='person', row=('pk',), verbose_name='company'),
        ),
        migrations.AlterField(
            "address",
            "street",
            glaswerk.people.encrypted.EncryptedTextField(db_comment='PERSONAL', max_length=200, person='person', row=('pk',), verbose_name='street'),
        ),
        migrations.AlterField(
            "address",
            "postal_code",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', max_length=20, person='person', row=('pk',), verbose_name='postal code'),
        ),
        migrations.AlterField(
            "address",
            "city",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', max_length=100, person='person', row=('pk',), verbose_name='city'),
        ),
        migrations.AlterField(
            "address",
            "area",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', max_length=100, person='person', row=('pk',), verbose_name='state or province'),
        ),
        migrations.AlterField(
            "address",
            "phone",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', max_length=20, person='person', row=('pk',), verbose_name='telephone'),
        ),
        migrations.AlterField(
            "purchase",
            "address",
            glaswerk.people.encrypted.EncryptedJSONField(db_comment='PERSONAL', person='buyer', row=('pk',)),
        ),
        migrations.RunPython(encrypt, migrations.RunPython.noop),
    ]
