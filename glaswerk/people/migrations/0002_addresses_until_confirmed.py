"""Two accounts may name the same e-mail address until one of them confirms it."""

import django.core.validators
import django.db.models.functions.text
from django.db import migrations, models

import glaswerk.people.names


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]

    operations = [
        migrations.RemoveConstraint(model_name="person", name="person_email_once"),
        migrations.AlterField(
            model_name="person",
            name="name",
            field=models.CharField(
                db_comment="PUBLIC",
                error_messages={"unique": "This name is taken. Please choose another one."},
                max_length=30,
                unique=True,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A[a-z0-9](?:[a-z0-9]|[._](?=[a-z0-9])){2,29}\\Z",
                        "A name has 3 to 30 lower-case letters, digits, dots or underscores, and starts with a letter"
                        " or digit.",
                    ),
                    glaswerk.people.names.refuse_reserved,
                ],
                verbose_name="name",
            ),
        ),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(django.db.models.functions.text.Lower("email"), name="person_email_lower"),
        ),
    ]
