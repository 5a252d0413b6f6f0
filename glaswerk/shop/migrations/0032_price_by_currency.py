from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('shop', '0031_quicker_buying'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='price',
            index=models.Index(fields=['currency'], name='price_by_currency'),
        ),
    ]
