"""The studio: the pages where videos are recorded and cut. What they show and keep goes through the API of drafts."""
