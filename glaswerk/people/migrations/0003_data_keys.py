"""A key for everybody, wrapped by the cell's."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("people", "0002_addresses_until_confirmed")]

    operations = [
        migrations.CreateModel(
            name="DataKey",
            fields=[
                ("owner", models.BigIntegerField(db_comment="PERSONAL", primary_key=True, serialize=False)),
                ("wrapped", models.BinaryField(db_comment="SECRET")),
                ("destroyed_at", models.DateTimeField(db_comment="PERSONAL", null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("destroyed_at", None), ("wrapped__gt", b"")),
                            models.Q(("destroyed_at__isnull", False), ("wrapped", b"")),
                            _connector="OR",
                        ),
                        name="data_key_is_there_or_destroyed",
                    )
                ],
            },
        ),
    ]
