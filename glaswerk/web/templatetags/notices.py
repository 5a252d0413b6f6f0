"""How much the shop has told somebody that they have not read."""

from django import template
from django.contrib.auth.models import AnonymousUser

from glaswerk.people.models import Person
from glaswerk.shop.queries.inbox import unread

register = template.Library()


@register.simple_tag
def unread_notices(user: Person | AnonymousUser) -> int:
    """Return how many notices somebody has not read.  One query for who is signed in."""
    return unread(user) if isinstance(user, Person) else 0
