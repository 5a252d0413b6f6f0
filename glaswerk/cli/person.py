"""`glaswerk person`: make persons, give them roles, list them."""

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from glaswerk.cli.attach import attached_cell

if TYPE_CHECKING:
    from glaswerk.people.models import Person

app = typer.Typer(help="People of this cell.", no_args_is_help=True)


class RoleName(StrEnum):
    """The roles, as the command line takes them."""

    viewer = "viewer"
    creator = "creator"
    moderator = "moderator"
    operator = "operator"


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _facts(person: "Person") -> dict[str, str]:
    return {"id": person.public_id, "name": person.name, "role": str(person.role)}


def _listed(person: "Person") -> dict[str, str]:
    # Who holds an office is everybody's business, and nobody else's role is.
    return {**_facts(person), "role": str(person.role) if person.is_moderator else ""}


def _show(person: "Person", as_json: bool) -> None:
    facts = _facts(person)
    typer.echo(json.dumps(facts) if as_json else f"@{facts['name']} is {facts['role']} ({facts['id']})")


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="3 to 30 lower-case letters, digits, dots or underscores.")],
    password: Annotated[str, typer.Option(help="The password; others on this machine may see it.")] = "",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from input.")] = False,
    role: Annotated[RoleName, typer.Option(help="What the person may do.")] = RoleName.viewer,
    email: Annotated[str, typer.Option(help="E-mail address; it counts as confirmed.")] = "",
    display_name: Annotated[str, typer.Option(help="The name that pages show.")] = "",
    birth_year: Annotated[int | None, typer.Option(help="Year of birth; it sets the safe defaults.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a person."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif not password:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with attached_cell():
        from django.core.exceptions import ValidationError

        from glaswerk.people.actions import add_person

        try:
            person = add_person(
                name, password, role=role.value, email=email, display_name=display_name, birth_year=birth_year
            )
        except ValidationError as error:
            _fail(_explain(error))
        _show(person, as_json)


@app.command("role")
def give_role(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    role: Annotated[RoleName, typer.Argument(help="The new role.")],
    as_json: AsJson = False,
) -> None:
    """Give a person another role."""
    with attached_cell():
        from django.core.exceptions import ValidationError

        from glaswerk.people.actions import assign_role

        person = _found(name)
        try:
            assign_role(person, role.value)
        except ValidationError as error:
            _fail(_explain(error))
        _show(person, as_json)


@app.command("list")
def show_all(as_json: AsJson = False) -> None:
    """List the people of this cell."""
    with attached_cell():
        from glaswerk.people.queries import people_by_name

        people = [_listed(person) for person in people_by_name().iterator()]
    if as_json:
        typer.echo(json.dumps(people))
        return
    table = Table("Name", "Role", "Id")
    for facts in people:
        table.add_row(f"@{facts['name']}", facts["role"], facts["id"])
    Console().print(table)


@app.command()
def access(
    name: Annotated[str, typer.Argument(help="Whose personal data.")],
    by: Annotated[str, typer.Option(help="The moderator or operator who looks.")],
    purpose: Annotated[str, typer.Option(help="report, support, order, security or law.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence that the person will read.")],
    scope: Annotated[list[str], typer.Option(help="account, videos, shopping or money; repeatable.")],
    hours: Annotated[int, typer.Option(help="For how long, at most 8 hours.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Ask to see somebody's personal data: it is logged where everybody can see it, and proved before anything opens."""
    with attached_cell():
        from django.core.exceptions import PermissionDenied

        from glaswerk.cell.records import NotRecorded
        from glaswerk.people.access.actions import AccessRefused, request_access

        staff = _found(by)
        try:
            opened = request_access(staff, name, purpose=purpose, reason=reason, scopes=scope, hours=hours)
        except AccessRefused as refused:
            _fail(f"{refused.field}: {refused.message}")
        except PermissionDenied:
            _fail(f"by: @{staff.name} is neither a moderator nor an operator.")
        except NotRecorded as error:
            _fail(str(error))
        facts = {"id": opened.public_id, "index": opened.record.index, "until": opened.until.isoformat()}
    typer.echo(
        json.dumps(facts) if as_json else f"open until {facts['until']}: entry {facts['index']} of the public log"
    )


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    by: Annotated[str, typer.Option(help="The moderator or operator who looks, as in `glaswerk person access`.")],
    as_json: AsJson = False,
) -> None:
    """Show the account data of somebody, while the door to it is open."""
    with attached_cell():
        from glaswerk.people.access.door import check_access
        from glaswerk.people.models import Scope

        staff, person = _found(by), _found(name)
        if not check_access(staff, person.pk, Scope.ACCOUNT):
            _fail(
                f"The door to @{person.name} is closed. `glaswerk person access {person.name} --scope account …` opens it."
            )
        facts = {
            **_facts(person), "email": person.email, "birth_year": person.birth_year, "language": person.language,
            "joined_at": person.joined_at.isoformat(),
            "last_login": person.last_login.isoformat() if person.last_login else None,
        }  # fmt: skip
    typer.echo(json.dumps(facts) if as_json else "\n".join(f"{key}: {value}" for key, value in facts.items()))


def _found(name: str) -> "Person":
    from glaswerk.people.models import Person

    person = Person.objects.filter(name=name.lower().removeprefix("@")).first() if name.isprintable() else None
    if person is None:
        _fail(f"There is nobody called {name!r} in this cell.")
    return person


def _explain(error: Exception) -> str:
    """Return a validation error as lines of `field: what is wrong`."""
    fields = getattr(error, "error_dict", None)
    if fields is None:
        return "; ".join(getattr(error, "messages", [str(error)]))
    messages: dict[str, list[str]] = error.message_dict  # type: ignore[attr-defined]
    return "\n".join(f"{field}: {' '.join(texts)}" for field, texts in messages.items())
