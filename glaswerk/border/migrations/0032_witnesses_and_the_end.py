"""The end of a peer's log, and what cells say of each other's logs."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('border', '0031_what_crosses'),
    ]

    operations = [
        migrations.CreateModel(
            name='Cosignature',
            fields=[
                ('peer', models.OneToOneField(db_comment='PUBLIC', on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='cosignature', serialize=False, to='border.peer')),
                ('note', models.BinaryField(db_comment='PUBLIC')),
                ('size', models.BigIntegerField(db_comment='PUBLIC')),
                ('time', models.BigIntegerField(db_comment='PUBLIC')),
                ('taken_at', models.DateTimeField(db_comment='PUBLIC')),
            ],
        ),
        migrations.CreateModel(
            name='RefusedCosignature',
            fields=[
                ('id', models.BigAutoField(db_comment='PUBLIC', primary_key=True, serialize=False)),
                ('word', models.CharField(db_comment='PUBLIC', max_length=20)),
                ('sha256', models.CharField(db_comment='PUBLIC', max_length=64)),
                ('note', models.BinaryField(db_comment='PUBLIC')),
                ('at', models.DateTimeField(db_comment='PUBLIC')),
            ],
        ),
        migrations.AddField(
            model_name='peer',
            name='closed_at',
            field=models.DateTimeField(db_comment='PUBLIC', null=True),
        ),
        migrations.AddField(
            model_name='peer',
            name='cosigned',
            field=models.BinaryField(db_comment='PUBLIC', default=bytes),
        ),
        migrations.AddField(
            model_name='peer',
            name='successor',
            field=models.CharField(blank=True, db_comment='PUBLIC', max_length=400),
        ),
        migrations.AddField(
            model_name='peer',
            name='successor_root',
            field=models.CharField(blank=True, db_comment='PUBLIC', max_length=64),
        ),
        migrations.AddField(
            model_name='peer',
            name='successor_size',
            field=models.BigIntegerField(db_comment='PUBLIC', null=True),
        ),
        migrations.AddField(
            model_name='peer',
            name='witness',
            field=models.CharField(blank=True, db_comment='PUBLIC', max_length=400),
        ),
        migrations.AddConstraint(
            model_name='peer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('successor', ''), ('successor_root', ''), ('successor_size', None)), models.Q(('closed_at__isnull', False), ('successor_size__isnull', False), models.Q(('successor', ''), _negated=True), models.Q(('successor_root', ''), _negated=True)), _connector='OR'), name='peer_closed_has_a_successor'),
        ),
        migrations.AddField(
            model_name='refusedcosignature',
            name='peer',
            field=models.ForeignKey(db_comment='PUBLIC', on_delete=django.db.models.deletion.CASCADE, related_name='refused_cosignatures', to='border.peer'),
        ),
        migrations.AddConstraint(
            model_name='refusedcosignature',
            constraint=models.UniqueConstraint(fields=('peer', 'sha256'), name='refused_cosignature_once'),
        ),
    ]
