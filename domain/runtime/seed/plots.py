"""What happens in invented cases: who says what to whom, in the words of the told ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from domain import commands as c
from domain.configuration import Account, Person, document_stream
from domain.runtime.seed import desk
from domain.runtime.seed.stories import STORIES, Story, actor
from domain.values import Actor, Awaited, EscalationReason, ResolvedBy, Role, Severity

Turn: TypeAlias = tuple[Actor, c.Command]

TOWNS: Final = (
    "Leipzig", "Porto", "Graz", "Tacoma", "Santos", "Lyon", "Gdansk", "Verona", "Bergen", "Cork",
    "Ghent", "Bilbao", "Linz", "Boise", "Campinas", "Turku", "Malmö", "Utrecht", "Brno", "Patras",
    "Fresno", "Rostock", "Nantes", "Braga", "Tartu", "Győr", "Leeds", "Aarhus", "Basel", "Split",
)  # fmt: skip
NAMES: Final = (
    "Alder", "Brightwater", "Corvus", "Dunmore", "Eastgate", "Fairholm", "Greenfield", "Harrow",
    "Ironbridge", "Juniper", "Kestrel", "Larkspur", "Meridian", "Northway", "Oakhurst", "Pinecrest",
    "Quarry", "Redstone", "Silverton", "Thornbury", "Upland", "Valemont", "Westbrook", "Yarrow",
)  # fmt: skip
TRADES: Final = (
    "Foods", "Logistics", "Textiles", "Clinics", "Hardware", "Books", "Energy", "Optics",
    "Travel", "Timber", "Furniture", "Pharma", "Motors", "Media", "Tools", "Ceramics",
)  # fmt: skip
PLACES: Final = (
    ("Europe/Berlin", "DE"), ("Europe/London", "GB"), ("America/New_York", "US"),
    ("Europe/Lisbon", "PT"), ("America/Sao_Paulo", "BR"), ("Europe/Warsaw", "PL"),
    ("Asia/Tokyo", "JP"), ("America/Los_Angeles", "US"), ("Europe/Paris", "FR"),
)  # fmt: skip
FIRST: Final = (
    "Alex", "Anja", "Bruno", "Carla", "Daniel", "Elif", "Farid", "Grace", "Hugo", "Irene", "Jamal",
    "Kim", "Lena", "Mateo", "Nadia", "Oskar", "Paula", "Quentin", "Rosa", "Samuel", "Tessa", "Vera",
)  # fmt: skip
LAST: Final = (
    "Abadi", "Bergström", "Costa", "Dubois", "Eriksen", "Ferrari", "Gruber", "Hughes", "Ito",
    "Jansen", "Kowalski", "Larsson", "Moreau", "Nowak", "Okafor", "Petrov", "Ramos", "Schmidt",
)  # fmt: skip
# What an invented case takes from a told one when it is raised.
_RAISED: Final = frozenset(
    {"application", "product_version", "component", "category", "type", "subject", "description"}
)
ROLES: Final = (Role.CUSTOMER_ADMIN, Role.CUSTOMER, Role.CUSTOMER)

_QUESTIONS: Final = tuple(
    c.Post(text=text)
    for text in (
        "Could you send us the log of the hour in which it happened?",
        "We can see it here, too, and are looking for the cause.",
        "The correction is in test. We expect it this week.",
        "We have restarted the service. Please watch it until tomorrow.",
        "A colleague from the team that wrote this part is looking at it now.",
        "Does it happen for one person only, or for everybody?",
        "Was anything changed on the day on which it began?",
        "Could you try it in a private window, without extensions?",
        "Thank you, that helps. I come back to you tomorrow morning.",
        "It depends on your configuration: please send us a picture of that page.",
    )
)
_ANSWERS: Final = tuple(
    c.Post(text=text)
    for text in (
        "It happens about twice a day, mostly in the morning.",
        "Is there any news? My colleagues ask me every day.",
        "For everybody, as far as I can tell.",
        "Nothing was changed on our side that I know of.",
        "I tried it again just now, and it is the same.",
        "The log and a picture are on the share.",
        "We found a way round it for today, but it takes time.",
        "It was better yesterday, and today it is back.",
        "Any time after 14:00 is fine for a call.",
        "Sorry for the late answer, I was away. Yes, that is right.",
    )
)
_ESCALATES: Final = tuple(
    c.Escalate(comment=comment, reason=reason)
    for comment, reason in (
        ("We have been waiting for three days now.", EscalationReason.DELAY),
        ("It stops our work, and the way round it does not help at the end of the month.",
         EscalationReason.UNRESOLVED),
        ("Our management asks for a date.", EscalationReason.OTHER),
    )
)  # fmt: skip
_CALM: Final = c.Deescalate(
    justification="A way round it is in place, agreed on the phone.",
    message="The way round it holds until the correction is out; we keep you informed.",
)
_AWAITS: Final = (
    c.Await(awaited=Awaited.CUSTOMER, reason="The log, and a picture of the page."),
    c.Await(awaited=Awaited.THIRD_PARTY, reason="The supplier looks into it."),
)
_GIVE_UP: Final = c.Close(reason="No answer to three messages within two weeks.")
_TAGS: Final = tuple(
    c.ChangeTags(add=(tag,)) for tag in ("known-error", "usage", "release", "site", "network")
)
_RATES: Final = tuple(c.Rate(score=score) for score in (5, 5, 5, 4, 4, 4, 3, 3, 2, 1))
_SEVERITIES: Final = (
    *[Severity.STANDARD] * 12,
    *[Severity.LOW] * 5,
    *[Severity.URGENT] * 3,
    Severity.CRITICAL,
)
_TAKE, _ACCEPT, _CONFIRM = c.Take(), c.AcceptResolution(), c.Close()
_REQUESTS: Final = tuple(c.RequestClose(resolved_by=by) for by in ResolvedBy)


class Topic(NamedTuple):
    """What a case is about, and how it is asked after, answered and solved."""

    raised: Mapping[str, Any]
    question: c.Post
    reply: c.Post
    note: c.Note
    resolve: c.Resolve


@dataclass(frozen=True, slots=True)
class Company:
    """An account. `people` are all whom its cases may name, `customers` those who raise them."""

    id: UUID
    account: Account
    people: Mapping[UUID, Person]
    customers: Sequence[Actor]


def company(n: int) -> tuple[UUID, Account, dict[UUID, Person]]:
    """The `n`-th company that is invented, and its people."""
    chance = Random(n)  # noqa: S311  repeatable, and no secret
    again, which = divmod(n, len(NAMES) * len(TRADES))
    words = [NAMES[which % len(NAMES)], TRADES[which // len(NAMES)]]
    name = " ".join([*words, str(again + 1)] if again else words)
    host = f"{name.lower().replace(' ', '-')}.example"
    zone, country = chance.choice(PLACES)
    account = document_stream("account", name.casefold())
    people = {}
    for first, role in zip(chance.sample(FIRST, len(ROLES)), ROLES, strict=True):
        email = f"{first.lower()}@{host}"
        person = Person(
            name=f"{first} {chance.choice(LAST)}", email=email, role=role, account=account
        )
        people[document_stream("person", email)] = person
    return account, Account(name=name, zone=zone, country=country, domains=(host,)), people


def plot(of: Company, agents: Sequence[Actor], chance: Random, *, old: bool) -> Iterator[Turn]:
    """Who asks for what in one case, in order. What is old has mostly come to an end."""
    topic = chance.choice(TOPICS)
    customer, agent = chance.choice(of.customers), chance.choice(agents)
    yield customer, _create(topic, of, chance)
    if not old and _happens(chance, 15):
        return
    yield agent, _TAKE
    yield agent, topic.question
    yield customer, topic.reply
    for n in range(int(chance.expovariate(0.2)) % 12):
        yield (customer, chance.choice(_ANSWERS)) if n % 2 else (agent, chance.choice(_QUESTIONS))
    if _happens(chance, 50):
        yield agent, topic.note
        yield agent, chance.choice(_TAGS)
    if _happens(chance, 10):
        yield customer, chance.choice(_ESCALATES)
        if old or _happens(chance, 50):
            yield agent, _CALM
    if _happens(chance, 96 if old else 50):
        yield from _end(topic, customer, agent, chance)
    elif _happens(chance, 40):
        yield agent, chance.choice(_AWAITS)


def _end(topic: Topic, customer: Actor, agent: Actor, chance: Random) -> Iterator[Turn]:
    if _happens(chance, 65):
        yield agent, topic.resolve
        yield customer, _ACCEPT
    elif _happens(chance, 70):
        yield customer, chance.choice(_REQUESTS)
        yield agent, _CONFIRM
    else:
        yield agent, _GIVE_UP
    if _happens(chance, 25):
        yield customer, chance.choice(_RATES)


def _happens(chance: Random, percent: int) -> bool:
    return chance.random() * 100 < percent


def _create(topic: Topic, of: Company, chance: Random) -> c.Create:
    given = dict(topic.raised)
    given["subject"] = f"{given['subject']} ({chance.choice(TOWNS)})"
    given["severity"] = chance.choice(_SEVERITIES)
    if _happens(chance, 5):
        given["recipients"] = [f"it@{of.account.domains[0]}"] if of.account.domains else ()
    if _happens(chance, 30):
        given["team"] = chance.choice(desk.TEAMS).key
    if _happens(chance, 40):
        given["customer_reference"] = f"PO-{chance.randrange(10_000):04}"
    return c.Create(**given)


def _topic(story: Story) -> Topic | None:
    """What the story is about; None where it does not say all that a case needs."""
    first = {step.what: step for step in reversed(story.steps)}
    question, reply, note, resolve = map(first.get, ("post", "answer", "note", "resolve"))
    if not (question and reply and note and resolve):
        return None
    if actor(question.who).is_customer or actor(reply.who).is_desk:
        return None
    return Topic(
        {name: value for name, value in story.raised.items() if name in _RAISED},
        c.Post(text=question.words or ""),
        c.Post(text=reply.words or ""),
        c.Note(text=note.words or ""),
        c.Resolve.model_validate({"summary": resolve.words, **resolve.fields}),
    )


TOPICS: Final = tuple(topic for story in STORIES if (topic := _topic(story)))
