from django.db import migrations, models

from glaswerk.feed.slates import pack


def pack_states(apps, schema_editor):
    """Compress what is there already, each state by itself."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute('SELECT id FROM feed_slaterecord')
        ids = [row[0] for row in cursor.fetchall()]
        for start in range(0, len(ids), 500):
            cursor.execute('SELECT viewer_state, id FROM feed_slaterecord WHERE id = ANY(%s)', [ids[start : start + 500]])
            packed = [(pack(bytes(state)), number) for state, number in cursor.fetchall()]
            cursor.executemany('UPDATE feed_slaterecord SET viewer_state = %s WHERE id = %s', packed)


class Migration(migrations.Migration):

    dependencies = [
        ('feed', '0010_learned_model'),
    ]

    operations = [
        migrations.AddField(
            model_name='slaterecord',
            name='base',
            field=models.BigIntegerField(db_comment='PERSONAL', null=True),
        ),
        migrations.RunPython(pack_states, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name='slaterecord',
            name='viewer',
            field=models.BigIntegerField(db_comment='PERSONAL'),
        ),
        migrations.AddIndex(
            model_name='slaterecord',
            index=models.Index(fields=['viewer', 'id'], name='slate_by_viewer'),
        ),
        migrations.CreateModel(
            name='PolicyRecord',
            fields=[
                ('id', models.BigAutoField(db_comment='PUBLIC', primary_key=True, serialize=False)),
                ('sha256', models.CharField(db_comment='PUBLIC', max_length=64)),
                ('text', models.TextField(db_comment='PUBLIC')),
                ('set_at', models.DateTimeField(db_comment='PUBLIC')),
                ('set_by', models.CharField(blank=True, db_comment='PUBLIC', max_length=30)),
                ('reason', models.CharField(db_comment='PUBLIC', max_length=1000)),
                ('first_epoch', models.CharField(blank=True, db_comment='PUBLIC', max_length=64)),
            ],
        ),
    ]
