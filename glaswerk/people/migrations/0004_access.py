"""Who of the staff looks at whose personal data, why, and until when."""

import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import glaswerk.cell.ids
import glaswerk.people.encrypted
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cell', '0001_records'),
        ('people', '0003_data_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='Access',
            fields=[
                ('id', models.BigIntegerField(db_comment='PERSONAL', default=glaswerk.cell.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('purpose', models.CharField(choices=[('report', 'To decide about a report or an appeal'), ('support', 'Because the person asked for help'), ('order', 'To settle a dispute about an order'), ('security', 'To stop an attack or a misuse'), ('law', 'Because a court or an authority has ordered it')], db_comment='PERSONAL', max_length=10)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('account', 'Account: e-mail address, sign-in, settings'), ('videos', 'Videos and drafts that are not public'), ('shopping', 'Addresses, purchases and orders'), ('money', 'Payments and payouts')], max_length=10), db_comment='PERSONAL', size=None)),
                ('reason', glaswerk.people.encrypted.EncryptedTextField(db_comment='PERSONAL', max_length=1000, person='subject', row=('pk',))),
                ('at', models.DateTimeField(db_comment='PERSONAL')),
                ('until', models.DateTimeField(db_comment='PERSONAL')),
                ('proof', models.TextField(blank=True, db_comment='PERSONAL')),
                ('record', models.OneToOneField(db_comment='PERSONAL', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cell.record')),
                ('staff', models.ForeignKey(db_comment='PERSONAL', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='accesses', to=settings.AUTH_USER_MODEL)),
                ('subject', models.ForeignKey(db_comment='PERSONAL', on_delete=django.db.models.deletion.CASCADE, related_name='accessed', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['subject', '-id'], name='access_by_subject'), models.Index(fields=['staff', 'until'], name='access_by_staff')],
                'constraints': [models.CheckConstraint(condition=models.Q(('purpose__in', ['report', 'support', 'order', 'security', 'law'])), name='access_purpose_is_known'), models.CheckConstraint(condition=models.Q(('scopes__contained_by', ['account', 'videos', 'shopping', 'money']), ('scopes__len__gt', 0)), name='access_scopes_are_known'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='access_has_a_reason'), models.CheckConstraint(condition=models.Q(('until__gt', models.F('at')), ('until__lte', django.db.models.expressions.CombinedExpression(models.F('at'), '+', models.Value(datetime.timedelta(seconds=28800))))), name='access_ends_soon'), models.CheckConstraint(condition=models.Q(('staff', models.F('subject')), _negated=True), name='access_is_about_others')],
            },
        ),
    ]
