"""Static files under names that carry their hash, module imports included, so that they can be cached for ever."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class HashedStorage(ManifestStaticFilesStorage):
    """Hashes also what ES modules import."""

    support_js_module_import_aggregation = True
    manifest_strict = True
    # One pass for each link of the longest chain of imports; the studio's is longer than Django's five.
    max_post_process_passes = 16
