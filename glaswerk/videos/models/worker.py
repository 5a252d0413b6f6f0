"""Who prepares videos, on which machine, and what each of them is at."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from glaswerk.cell.classes import personal, public
from glaswerk.videos.models.video import Video


class Worker(models.Model):
    """One process that works off jobs.  It says every few seconds that it lives, and takes its row along when it ends."""

    id = public(models.UUIDField(primary_key=True))
    machine = personal(models.CharField(max_length=255))
    process = personal(models.PositiveIntegerField())
    queues = personal(ArrayField(models.CharField(max_length=40)))
    concurrency = personal(models.PositiveSmallIntegerField())
    version = personal(models.CharField(max_length=40))
    started_at = personal(models.DateTimeField(default=timezone.now))
    seen_at = personal(models.DateTimeField(default=timezone.now, db_index=True))
    # It takes nothing new, and ends when what it is at is done or given back.
    is_leaving = personal(models.BooleanField(default=False))


class Work(models.Model):
    """That a video is being prepared: since when, and by whom."""

    video = personal(models.OneToOneField(Video, on_delete=models.CASCADE, primary_key=True, related_name="work"))
    worker = personal(models.ForeignKey(Worker, on_delete=models.SET_NULL, null=True, related_name="works"))
    started_at = personal(models.DateTimeField(default=timezone.now))
