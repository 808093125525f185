"""What was chosen, in the words of the catalogue that is in force."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from domain.case import Details
from domain.configuration import Application, TechProfile, chosen, claim_stream
from domain.errors import ExternalIdTaken, FieldRequired, NotOfTheAccount, PhoneNotUnderstood
from domain.events import Elsewhere, ExternalIdClaimed, ExternalIdReleased
from domain.terms import Terms
from domain.values import Word, example_phone, phone_number

_OF_APPLICATION: Final = {
    "product_version": "versions",
    "component": "components",
    "category": "categories",
}
_FROM_PROFILE: Final = ("application", "product_version", "component")


def details(asked: Mapping[str, Any], current: Details | None, terms: Terms) -> dict[str, Any]:
    """The fields of `asked` as an event holds them: keys become words, a phone number E.164.

    A tech profile fills what is not given beside it, unless another application is; another
    application empties what belonged to the old one.

    Raises:
        Unfit: a choice that the catalogue, the account or its people do not allow.
    """
    words = dict(asked)
    if asked.get("tech_profile"):
        profile = terms.account.tech_profile(asked["tech_profile"])
        words |= _filled(asked, profile)
    if "application" in words or words.keys() & _OF_APPLICATION.keys():
        words |= _of_application(words, current, terms)
    if "type" in words:
        words["type"] = terms.catalogue.type(words["type"])
    if words.get("phone"):
        words["phone"] = _phone(words["phone"], terms)
    if "contact" in words and terms.person(words["contact"], "contact").account != (
        terms.account_id
    ):
        raise NotOfTheAccount(what="contact")
    return words


def claims(
    case: UUID, before: Mapping[str, str], after: Mapping[str, str], terms: Terms
) -> list[Elsewhere]:
    """What an external id's own stream records, so that it never stands for two cases at once.

    Raises:
        ExternalIdTaken: it stands for another case.
    """
    changes: list[Elsewhere] = []
    for system, external_id in sorted(before.items() - after.items()):
        changes.append(
            Elsewhere(
                claim_stream(terms.account_id, system, external_id), ExternalIdReleased(case=case)
            )
        )
    for system, external_id in sorted(after.items() - before.items()):
        if terms.claims.get((system, external_id)) not in {None, case}:
            raise ExternalIdTaken(system=system, external_id=external_id)
        changes.append(
            Elsewhere(
                claim_stream(terms.account_id, system, external_id), ExternalIdClaimed(case=case)
            )
        )
    return changes


def _filled(asked: Mapping[str, Any], profile: TechProfile) -> dict[str, Any]:
    words: dict[str, Any] = {"tech_profile": Word(key=profile.key, name=profile.name)}
    if asked.get("application", profile.application) != profile.application:
        return words
    for field in _FROM_PROFILE:
        if field not in asked and getattr(profile, field) is not None:
            words[field] = getattr(profile, field)
    return words


def _of_application(
    words: Mapping[str, Any], current: Details | None, terms: Terms
) -> dict[str, Any]:
    key = words.get("application") or (current and current.application.key)
    if not key:
        raise FieldRequired(field="application")
    application = terms.catalogue.application(key)
    found: dict[str, Any] = {}
    if current is not None and current.application.key != key:
        found = dict.fromkeys(_OF_APPLICATION)
    if "application" in words:
        found["application"] = application.word
    for field in _OF_APPLICATION.keys() & words.keys():
        found[field] = _choice(field, words[field], application)
    return found


def _choice(field: str, key: str | None, application: Application) -> Word | None:
    if key is None:
        return None
    words = getattr(application, _OF_APPLICATION[field])
    return chosen(field.replace("_", " "), key, words, application.name)


def _phone(text: str, terms: Terms) -> str:
    number = phone_number(text, terms.account.country)
    if number is None:
        raise PhoneNotUnderstood(example=example_phone(terms.account.country))
    return number
