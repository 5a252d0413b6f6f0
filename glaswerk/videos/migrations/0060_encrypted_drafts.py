"""What nobody has published yet is encrypted with the key of whoever cuts it."""

from django.db import migrations

import glaswerk.people.encrypted
from glaswerk.people.encrypted import encrypt_rows


def encrypt(apps, schema_editor):
    encrypt_rows("videos_draft", {"title": False, "timeline": False}, "t.owner_id")
    join = "JOIN videos_video v ON v.id = t.video_id"
    encrypt_rows("videos_cut", {"timeline": False}, "v.creator_id", key="video_id", source=join)


class Migration(migrations.Migration):
    dependencies = [("videos", "0006_queue"), ("people", "0003_data_keys")]

    operations = [
        migrations.AlterField(
            "draft",
            "title",
            glaswerk.people.encrypted.EncryptedTextField(blank=True, db_comment='PERSONAL', max_length=80, person='owner', row=('pk',), verbose_name='title'),
        ),
        migrations.AlterField(
            "draft",
            "timeline",
            glaswerk.people.encrypted.EncryptedTextField(db_comment='PERSONAL', person='owner', row=('pk',)),
        ),
        migrations.AlterField(
            "cut",
            "timeline",
            glaswerk.people.encrypted.EncryptedTextField(db_comment='PERSONAL', person='video.creator', row=('pk',)),
        ),
        migrations.RunPython(encrypt, migrations.RunPython.noop),
    ]
