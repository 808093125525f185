"""The laws: whatever is asked, by whomever, in whichever order."""

from collections import Counter
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from domain import commands as c
from domain import events as e
from domain.case import Case
from domain.values import Actor, Ground
from tests.domain.asking import HOW, RARELY, Choose, create_for, moment, who
from tests.domain.world import World
from tests.examples import ADA, ALAN, ANNA, CLARA, CRM_FOR_CLARA, GINA, OPERATOR, SUE, id_of

MOST_CASES = 4
SELDOM = 0.06
OPERATORS_ALONE: tuple[type[c.Command], ...] = (
    c.Erase,
    c.Forget,
)  # after the one a case is at its end
SEEDS = st.integers(0, 2**32 - 1)
COME_AND_GO = tuple(id_of(actor) for actor in (ANNA, ALAN, SUE, CLARA))


class Desk(RuleBasedStateMachine):
    """Everybody asks for everything, of a few cases, while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.asked: Counter[type[c.Command]] = Counter()
        self.seeds: Counter[int] = Counter()

    @initialize(salt=SEEDS)
    def two_cases(self, salt: int) -> None:
        chance = Random(salt)
        self.salt, self.order = salt, chance.sample(tuple(HOW), len(HOW))
        for by in (CLARA, chance.choice((ADA, CRM_FOR_CLARA, GINA))):
            self.world.ask(None, create_for(by), by)

    @rule(seed=SEEDS)
    def ask(self, seed: int) -> None:
        """Each step hangs on its own seed alone: hypothesis can leave out any other."""
        self.seeds[seed] += 1  # hypothesis likes some numbers, and gives them again and again
        chance, world = Random(f"{self.salt}/{seed}/{self.seeds[seed]}"), self.world
        if chance.random() < SELDOM:
            self._come_or_go(chance)
        if chance.random() < SELDOM and len(world.cases) < MOST_CASES:
            by = who(chance, None)
            world.ask(None, self._command(c.Create, chance, None, by), by)
        case = chance.choice([x for x in world.cases if not x.erased] or world.cases)
        world.goes_on(moment(chance, case, world.now))
        by = who(chance, case)
        told = world.allowed(case, by)
        open_ = [kind for kind, refused in told.items() if refused is None]
        if by is OPERATOR and chance.random() < SELDOM:
            kind = chance.choice(OPERATORS_ALONE)
        else:
            anything = not open_ or chance.random() < RARELY
            kind = chance.choice(tuple(told) if anything else self._rarest(open_))
        if kind is not c.FollowUp or len(world.cases) < MOST_CASES:
            world.ask(case, self._command(kind, chance, case, by), by)

    def _command(
        self, kind: type[c.Command], chance: Random, case: Case | None, by: Actor
    ) -> c.Command:
        self.asked[kind] += 1
        return kind.model_validate(HOW[kind](Choose(chance, self.world, case, by)))

    def _rarest(self, kinds: list[type[c.Command]]) -> list[type[c.Command]]:
        """Those asked for least, in an order of this run's own: so that it comes to deep states."""
        others = [kind for kind in kinds if kind not in OPERATORS_ALONE]
        return sorted(others, key=lambda kind: (self.asked[kind], self.order.index(kind)))[:5]

    def _come_or_go(self, chance: Random) -> None:
        person = chance.choice(COME_AND_GO)
        known = self.world.people[person]
        turned = known.model_copy(update={"active": not known.active})
        self.world.people = {**self.world.people, person: turned}

    def teardown(self) -> None:
        self.world.replay()


def test_the_laws_hold_whatever_is_asked_and_everything_happens_now_and_then() -> None:
    World.accepted.clear()
    World.happened.clear()
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=200,
            stateful_step_count=120,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert set(HOW) - set(World.accepted) == set()
    expected = {*e.CaseEvent.__args__, *e.ClaimEvent.__args__, *Ground}
    assert expected - set(World.happened) == set()
