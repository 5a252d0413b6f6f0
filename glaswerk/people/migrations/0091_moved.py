"""Where people have moved to."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0090_elsewhere'),
    ]

    operations = [
        migrations.AddField(
            model_name='person',
            name='moved_at',
            field=models.DateTimeField(blank=True, db_comment='PUBLIC', editable=False, null=True),
        ),
        migrations.AddField(
            model_name='person',
            name='moved_to',
            field=models.ForeignKey(blank=True, db_comment='PUBLIC', editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
    ]
