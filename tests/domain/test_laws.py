"""The laws: whatever is asked, by whomever, in whichever order."""

from collections import Counter

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
from domain.values import Ground
from tests.domain.asking import HOW, Choose, create_for, moments, who
from tests.domain.world import World
from tests.examples import ADA, ANNA, CARL, CLARA, CRM_FOR_CLARA, GINA, id_of

MOST_CASES = 4
COME_AND_GO = tuple(id_of(actor) for actor in (ANNA, CLARA, CARL))


class Desk(RuleBasedStateMachine):
    """Everybody asks for everything, of a few cases, while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.asked: Counter[type[c.Command]] = Counter()

    @initialize(data=st.data(), order=st.permutations(tuple(HOW)))
    def two_cases(self, data: st.DataObject, order: list[type[c.Command]]) -> None:
        self.order = order
        for by in (CLARA, data.draw(st.sampled_from((ADA, CRM_FOR_CLARA, GINA)))):
            self.world.ask(None, create_for(by), by)

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        case = data.draw(st.sampled_from(self.world.cases))
        self.world.at_of(data.draw(st.sampled_from(moments(case, self.world.now))))
        choose = Choose(data.draw, self.world, case)
        by = who(choose)
        told = self.world.allowed(case, by)
        open_ = [kind for kind, refused in told.items() if refused is None]
        kind = choose.one(self._rarest(open_) if open_ and not choose.rarely() else tuple(told))
        self.asked[kind] += 1
        if kind is not c.FollowUp or len(self.world.cases) < MOST_CASES:
            self.world.ask(case, kind.model_validate(HOW[kind](choose.by(by))), by)

    def _rarest(self, kinds: list[type[c.Command]]) -> list[type[c.Command]]:
        """Those asked for least, in an order of this run's own: so that it comes to deep states."""
        return sorted(kinds, key=lambda kind: (self.asked[kind], self.order.index(kind)))[:5]

    @rule(data=st.data())
    def seldom(self, data: st.DataObject) -> None:
        """Somebody raises a case, or leaves or returns."""
        choose = Choose(data.draw, self.world, None)
        if choose.rarely() and len(self.world.cases) < MOST_CASES:
            by = who(choose)
            self.world.ask(None, c.Create.model_validate(HOW[c.Create](choose.by(by))), by)
        if choose.rarely():
            person = choose.one(COME_AND_GO)
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
            max_examples=300, stateful_step_count=60, suppress_health_check=list(HealthCheck)
        ),
    )
    assert set(HOW) - set(World.accepted) == set()
    expected = {*e.CaseEvent.__args__, *e.ClaimEvent.__args__, *Ground}
    assert expected - set(World.happened) == set()
