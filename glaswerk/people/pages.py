"""The pages of the people app: a person's own settings."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from glaswerk.cell.blobs import StorageError
from glaswerk.people import actions
from glaswerk.people.avatars import AvatarError
from glaswerk.people.forms import ProfileForm
from glaswerk.people.models import Person
from glaswerk.people.queries import security_of


def _person(request: HttpRequest) -> Person:
    assert isinstance(request.user, Person)
    return request.user


@require_GET
@login_required
def me(request: HttpRequest) -> HttpResponse:
    """Show the hub of a person's settings."""
    person = _person(request)
    languages = [(code, translation.get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES]
    return render(
        request, "people/me.html", {"person": person, "security": security_of(person), "languages": languages}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change what a person shows of themselves."""
    person = _person(request)
    if request.method != "POST":
        return render(request, "people/profile.html", {"person": person, "form": ProfileForm(instance=person)})
    # A form writes into its instance while it validates; the page around it shows what is stored.
    form = ProfileForm(request.POST, request.FILES, instance=Person.objects.get(pk=person.pk))
    if form.is_valid():
        try:
            if form.cleaned_data["avatar"] is not None:
                actions.set_avatar(person, form.cleaned_data["avatar"])
            elif form.cleaned_data["remove_avatar"]:
                actions.remove_avatar(person)
        except AvatarError as error:
            form.add_error("avatar", str(error))
        except StorageError:
            form.add_error("avatar", _("The picture cannot be stored just now. Please try again in a minute."))
        else:
            actions.edit_profile(person, display_name=form.cleaned_data["display_name"], bio=form.cleaned_data["bio"])
            actions.stay_in_region(person, form.cleaned_data["stays_in_region"])
            messages.success(request, _("Your profile is saved."))
            return redirect("me_profile")
    return render(request, "people/profile.html", {"person": person, "form": form}, status=422)


@require_POST
@login_required
def language(request: HttpRequest) -> HttpResponse:
    """Set the language of a person's pages."""
    try:
        actions.set_language(_person(request), request.POST.get("language", ""))
    except ValidationError:
        return HttpResponseBadRequest()
    return redirect("me")


urlpatterns: list[URLPattern] = [
    path("me", me, name="me"),
    path("me/profile", profile, name="me_profile"),
    path("me/language", language, name="me_language"),
]
