"""Whether a video may be shown elsewhere; the names of people from elsewhere are longer."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('videos', '0060_encrypted_drafts'),
    ]

    operations = [
        migrations.AddField(
            model_name='video',
            name='allow_elsewhere',
            field=models.BooleanField(db_comment='PUBLIC', db_default=False, default=False, verbose_name='shown elsewhere'),
        ),
        migrations.AlterField(
            model_name='credit',
            name='name',
            field=models.CharField(db_comment='PUBLIC', max_length=63),
        ),
    ]
