"""What every video looks like."""

import django.db.models.functions.text
import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("videos", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="video",
            name="features",
            field=models.BinaryField(db_comment="PUBLIC", default=bytes),
        ),
        migrations.AddConstraint(
            model_name="video",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("features", b""),
                    django.db.models.lookups.Exact(django.db.models.functions.text.Length("features"), 64),
                    _connector="OR",
                ),
                name="video_features_whole",
            ),
        ),
    ]
