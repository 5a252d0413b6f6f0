from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('feed', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Dials',
            fields=[
                ('viewer', models.BigIntegerField(db_comment='PERSONAL', primary_key=True, serialize=False)),
                ('settings', models.JSONField(db_comment='PERSONAL')),
                ('at', models.BigIntegerField(db_comment='PERSONAL')),
                ('reset_at', models.BigIntegerField(db_comment='PERSONAL')),
            ],
        ),
        migrations.AddField(
            model_name='watch',
            name='watched_at',
            field=models.BigIntegerField(db_comment='PERSONAL', default=0),
            preserve_default=False,
        ),
        # What was watched before the column was there was watched when it was last touched.
        migrations.RunSQL(
            'UPDATE feed_watch SET watched_at = last_at WHERE watched OR shared', migrations.RunSQL.noop
        ),
    ]
