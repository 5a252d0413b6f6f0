"""What this cell says to others, the cells that it follows, and what came from them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('border', '0020_sunset'),
        ('cell', '0001_records'),
        ('videos', '0090_elsewhere'),
        ('shop', '0060_encrypted_addresses'),
        ('people', '0090_elsewhere'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CountedDay',
            fields=[
                ('day', models.DateField(db_comment='PUBLIC', primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(db_comment='PERSONAL', primary_key=True, serialize=False)),
                ('about', models.CharField(db_comment='PERSONAL', max_length=8)),
                ('item', models.BigIntegerField(db_comment='PERSONAL')),
                ('version', models.BigIntegerField(db_comment='PERSONAL')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('about', 'item'), name='change_once'), models.CheckConstraint(condition=models.Q(('about__in', ('profile', 'video', 'offer'))), name='change_is_about_something')],
            },
        ),
        migrations.CreateModel(
            name='Peer',
            fields=[
                ('id', models.BigAutoField(db_comment='PUBLIC', primary_key=True, serialize=False)),
                ('label', models.CharField(db_comment='PUBLIC', max_length=32, unique=True)),
                ('url', models.CharField(db_comment='PUBLIC', max_length=300)),
                ('key', models.CharField(db_comment='PUBLIC', max_length=400, unique=True)),
                ('is_private', models.BooleanField(db_comment='PUBLIC', default=False)),
                ('added_at', models.DateTimeField(db_comment='PUBLIC', default=django.utils.timezone.now)),
                ('removed_at', models.DateTimeField(db_comment='PUBLIC', null=True)),
                ('checkpoint', models.BinaryField(db_comment='PUBLIC', default=bytes)),
                ('next_index', models.BigIntegerField(db_comment='PUBLIC', default=0)),
                ('looked_at', models.DateTimeField(db_comment='PUBLIC', null=True)),
                ('grown_at', models.DateTimeField(db_comment='PUBLIC', null=True)),
                ('failure', models.CharField(blank=True, db_comment='PUBLIC', max_length=20)),
                ('detail', models.CharField(blank=True, db_comment='PUBLIC', max_length=500)),
                ('failed_at', models.DateTimeField(db_comment='PUBLIC', null=True)),
                ('state', models.CharField(db_comment='PUBLIC', default='open', max_length=10)),
                ('notice', models.TextField(blank=True, db_comment='PUBLIC')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('label__regex', '^(?:[a-z0-9](?:[a-z0-9-]|\\.(?=[a-z0-9])){0,31})$')), name='peer_label_is_plain'), models.CheckConstraint(condition=models.Q(('next_index__gte', 0)), name='peer_index_is_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='Arrival',
            fields=[
                ('id', models.BigAutoField(db_comment='PUBLIC', primary_key=True, serialize=False)),
                ('about', models.CharField(db_comment='PUBLIC', max_length=8)),
                ('item', models.BigIntegerField(db_comment='PUBLIC')),
                ('index', models.BigIntegerField(db_comment='PUBLIC')),
                ('media', models.CharField(blank=True, db_comment='PUBLIC', max_length=64)),
                ('person', models.OneToOneField(db_comment='PUBLIC', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='arrival', to=settings.AUTH_USER_MODEL)),
                ('video', models.OneToOneField(db_comment='PUBLIC', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='arrival', to='videos.video')),
                ('peer', models.ForeignKey(db_comment='PUBLIC', on_delete=django.db.models.deletion.CASCADE, related_name='arrivals', to='border.peer')),
            ],
        ),
        migrations.CreateModel(
            name='Spoken',
            fields=[
                ('id', models.BigAutoField(db_comment='PUBLIC', primary_key=True, serialize=False)),
                ('type', models.CharField(db_comment='PUBLIC', max_length=9)),
                ('about', models.CharField(blank=True, db_comment='PUBLIC', max_length=8)),
                ('item', models.BigIntegerField(db_comment='PUBLIC', null=True)),
                ('sha256', models.CharField(db_comment='PUBLIC', db_index=True, max_length=64)),
                ('body', models.TextField(db_comment='PUBLIC')),
                ('withdrawn_at', models.DateTimeField(db_comment='PUBLIC', null=True)),
                ('record', models.OneToOneField(db_comment='PUBLIC', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cell.record')),
            ],
        ),
        migrations.CreateModel(
            name='SpokenFile',
            fields=[
                ('id', models.BigAutoField(db_comment='PUBLIC', primary_key=True, serialize=False)),
                ('blob', models.CharField(db_comment='PUBLIC', db_index=True, max_length=64)),
                ('extension', models.CharField(db_comment='PUBLIC', max_length=4)),
                ('spoken', models.ForeignKey(db_comment='PUBLIC', on_delete=django.db.models.deletion.CASCADE, related_name='files', to='border.spoken')),
            ],
        ),
        migrations.CreateModel(
            name='ForeignOffer',
            fields=[
                ('arrival', models.OneToOneField(db_comment='PUBLIC', on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='offer', serialize=False, to='border.arrival')),
                ('title', models.CharField(db_comment='PUBLIC', max_length=200)),
                ('vendor', models.CharField(blank=True, db_comment='PUBLIC', max_length=100)),
                ('seller', models.CharField(db_comment='PUBLIC', max_length=80)),
                ('url', models.CharField(db_comment='PUBLIC', max_length=500)),
                ('currency', models.CharField(db_comment='PUBLIC', max_length=3)),
                ('minor', models.BigIntegerField(db_comment='PUBLIC')),
                ('picture', models.CharField(blank=True, db_comment='PUBLIC', max_length=64)),
                ('videos', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_comment='PUBLIC', size=None)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('minor__gt', 0)), name='foreign_offer_has_a_price')],
            },
        ),
        migrations.CreateModel(
            name='Elsewhere',
            fields=[
                ('id', models.BigAutoField(db_comment='COUNT', primary_key=True, serialize=False)),
                ('day', models.DateField(db_comment='COUNT')),
                ('plays', models.PositiveBigIntegerField(db_comment='COUNT')),
                ('video', models.ForeignKey(db_comment='COUNT', on_delete=django.db.models.deletion.CASCADE, related_name='elsewhere', to='videos.video')),
                ('peer', models.ForeignKey(db_comment='COUNT', on_delete=django.db.models.deletion.CASCADE, related_name='+', to='border.peer')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('video', 'peer', 'day'), name='elsewhere_once_a_day')],
            },
        ),
        migrations.AddConstraint(
            model_name='arrival',
            constraint=models.UniqueConstraint(fields=('peer', 'about', 'item'), name='arrival_once'),
        ),
        migrations.AddConstraint(
            model_name='arrival',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('about', 'profile'), ('person__isnull', False), ('video', None)), models.Q(('about', 'video'), ('person', None), ('video__isnull', False)), models.Q(('about', 'offer'), ('person', None), ('video', None)), _connector='OR'), name='arrival_stands_for_one_thing'),
        ),
        migrations.AddConstraint(
            model_name='arrival',
            constraint=models.CheckConstraint(condition=models.Q(('about__in', ('profile', 'video', 'offer'))), name='arrival_is_about_something'),
        ),
        migrations.AddIndex(
            model_name='spoken',
            index=models.Index(condition=models.Q(('item__isnull', False)), fields=['about', 'item', '-id'], name='spoken_last'),
        ),
        migrations.AddConstraint(
            model_name='spoken',
            constraint=models.CheckConstraint(condition=models.Q(('type__in', ('profile', 'video', 'offer', 'tombstone', 'counts', 'notice', 'move'))), name='spoken_type_is_known'),
        ),
        migrations.AddConstraint(
            model_name='spoken',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('about__in', ('profile', 'video', 'offer')), ('item__isnull', False)), models.Q(('about', ''), ('item', None)), _connector='OR'), name='spoken_is_about_something_or_nothing'),
        ),
        migrations.AddConstraint(
            model_name='spoken',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), models.Q(('body', ''), _negated=True)), models.Q(('body', ''), ('withdrawn_at__isnull', False), models.Q(('type', 'tombstone'), _negated=True)), _connector='OR'), name='spoken_is_served_or_empty'),
        ),
        migrations.AddConstraint(
            model_name='spokenfile',
            constraint=models.UniqueConstraint(fields=('spoken', 'blob'), name='spoken_file_once'),
        ),
        migrations.AddConstraint(
            model_name='spokenfile',
            constraint=models.CheckConstraint(condition=models.Q(('extension__in', ['jpg', 'm3u8', 'm4a', 'm4s', 'mp4', 'vtt', 'webp'])), name='spoken_file_has_an_extension'),
        ),
    ]
