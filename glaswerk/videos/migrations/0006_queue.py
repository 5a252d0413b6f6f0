"""Who prepares videos, and what each of them is at."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('videos', '0005_ladder'),
    ]

    operations = [
        migrations.CreateModel(
            name='Worker',
            fields=[
                ('id', models.UUIDField(db_comment='PUBLIC', primary_key=True, serialize=False)),
                ('machine', models.CharField(db_comment='PERSONAL', max_length=255)),
                ('process', models.PositiveIntegerField(db_comment='PERSONAL')),
                ('queues', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), db_comment='PERSONAL', size=None)),
                ('concurrency', models.PositiveSmallIntegerField(db_comment='PERSONAL')),
                ('version', models.CharField(db_comment='PERSONAL', max_length=40)),
                ('started_at', models.DateTimeField(db_comment='PERSONAL', default=django.utils.timezone.now)),
                ('seen_at', models.DateTimeField(db_comment='PERSONAL', db_index=True, default=django.utils.timezone.now)),
                ('is_leaving', models.BooleanField(db_comment='PERSONAL', default=False)),
            ],
        ),
        migrations.CreateModel(
            name='Work',
            fields=[
                ('video', models.OneToOneField(db_comment='PERSONAL', on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='work', serialize=False, to='videos.video')),
                ('started_at', models.DateTimeField(db_comment='PERSONAL', default=django.utils.timezone.now)),
                ('worker', models.ForeignKey(db_comment='PERSONAL', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='works', to='videos.worker')),
            ],
        ),
    ]
