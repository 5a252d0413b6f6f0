"""Where people are at home, and whether they stay in their region."""

import django.core.validators
import django.db.models.functions.text
import glaswerk.people.names
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0010_departure'),
    ]

    operations = [
        migrations.AddField(
            model_name='person',
            name='home',
            field=models.CharField(blank=True, db_comment='PUBLIC', db_default='', default='', editable=False, max_length=32),
        ),
        migrations.AddField(
            model_name='person',
            name='stays_in_region',
            field=models.BooleanField(db_comment='PERSONAL', db_default=False, default=False, verbose_name='only in my region'),
        ),
        migrations.AlterField(
            model_name='person',
            name='name',
            field=models.CharField(db_comment='PUBLIC', error_messages={'unique': 'This name is taken. Please choose another one.'}, max_length=63, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9](?:[a-z0-9]|[._](?=[a-z0-9])){2,29}\\Z', 'A name has 3 to 30 lower-case letters, digits, dots or underscores, and starts with a letter or digit.'), glaswerk.people.names.refuse_reserved], verbose_name='name'),
        ),
        migrations.AddConstraint(
            model_name='person',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('home', ''), models.Q(('name__contains', '@'), _negated=True)), models.Q(models.Q(('home', ''), _negated=True), ('name__endswith', django.db.models.functions.text.Concat(models.Value('@'), models.F('home'))), ('birth_year', None), ('email', ''), ('role__in', ('viewer', 'creator')), ('password__startswith', '!')), _connector='OR'), name='person_from_elsewhere_is_a_guest'),
        ),
    ]
