"""People, clips and a data folder of its own for every test of what crosses between cells."""

from tests.videos.conftest import ada, ben, cell, clean_jobs, make_person

__all__ = ["ada", "ben", "cell", "clean_jobs", "make_person"]
