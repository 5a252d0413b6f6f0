"""The halves of moves between cells."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('border', '0032_witnesses_and_the_end'),
        ('cell', '0002_the_end'),
        ('people', '0091_moved'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='MoveHalf',
            fields=[
                ('id', models.BigAutoField(db_comment='PUBLIC', primary_key=True, serialize=False)),
                ('home', models.CharField(db_comment='PUBLIC', max_length=255)),
                ('item', models.BigIntegerField(db_comment='PUBLIC')),
                ('name', models.CharField(blank=True, db_comment='PUBLIC', max_length=63)),
                ('to', models.CharField(db_comment='PUBLIC', max_length=255)),
                ('to_item', models.BigIntegerField(db_comment='PUBLIC')),
                ('to_name', models.CharField(blank=True, db_comment='PUBLIC', max_length=63)),
                ('at', models.BigIntegerField(db_comment='PUBLIC')),
                ('withdrawn_at', models.DateTimeField(db_comment='PUBLIC', null=True)),
                ('done_at', models.DateTimeField(db_comment='PUBLIC', null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='change',
            name='change_is_about_something',
        ),
        migrations.RemoveConstraint(
            model_name='spoken',
            name='spoken_is_about_something_or_nothing',
        ),
        migrations.AddConstraint(
            model_name='change',
            constraint=models.CheckConstraint(condition=models.Q(('about__in', ('profile', 'video', 'offer', 'move'))), name='change_is_about_something'),
        ),
        migrations.AddConstraint(
            model_name='spoken',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('about__in', ('profile', 'video', 'offer', 'move')), ('item__isnull', False)), models.Q(('about', ''), ('item', None)), _connector='OR'), name='spoken_is_about_something_or_nothing'),
        ),
        migrations.AddField(
            model_name='movehalf',
            name='other',
            field=models.ForeignKey(db_comment='PUBLIC', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='border.peer'),
        ),
        migrations.AddField(
            model_name='movehalf',
            name='person',
            field=models.ForeignKey(db_comment='PUBLIC', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='movehalf',
            name='said_by',
            field=models.ForeignKey(db_comment='PUBLIC', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='border.peer'),
        ),
        migrations.AddIndex(
            model_name='movehalf',
            index=models.Index(fields=['home', 'item', 'to', 'to_item'], name='move_half_by_pair'),
        ),
        migrations.AddConstraint(
            model_name='movehalf',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('other__isnull', False), ('person__isnull', False), ('said_by', None)), models.Q(('other', None), ('person', None), ('said_by__isnull', False)), _connector='OR'), name='move_half_is_said_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='movehalf',
            constraint=models.CheckConstraint(condition=models.Q(('home', models.F('to')), _negated=True), name='move_half_leads_elsewhere'),
        ),
        migrations.AddConstraint(
            model_name='movehalf',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at', None)), fields=('person',), name='move_half_one_at_a_time'),
        ),
    ]
