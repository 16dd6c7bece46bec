import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lake", "0002_compaction")]

    operations = [
        migrations.AlterField(
            model_name="datafile",
            name="batch",
            field=models.ForeignKey(
                help_text="null: made by compaction",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="files",
                to="lake.batchrun",
            ),
        ),
        migrations.AddField(
            model_name="datafile",
            name="unpurged",
            field=models.BigIntegerField(
                default=0, help_text="rows in state deleted that keep their text, because purge_deleted was off"
            ),
        ),
        migrations.AddField(
            model_name="retention",
            name="announced",
            field=models.PositiveIntegerField(
                editable=False,
                help_text="the days whose removals the log has named: the next pass makes them",
                null=True,
            ),
        ),
    ]
