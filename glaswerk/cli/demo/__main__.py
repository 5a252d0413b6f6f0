"""`python -m glaswerk.cli.demo`: what `glaswerk demo` starts beside the running cell."""

import typer

from glaswerk.cli.demo_command import demo_content

typer.run(demo_content)
