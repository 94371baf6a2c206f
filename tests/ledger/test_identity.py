"""A subject of the provider is one person, whose roles hold for a while; and sessions end when nothing is done."""

from datetime import timedelta

import pytest

from contracts.errors import BadInput, NoRole, SignInRefused
from contracts.identity import Identity, RoleMap
from contracts.records import Person
from ledger import Ledger
from tests.ledger.support import Clock, enrolled, proposal

HOUR = 3600.0
MAP = """
[teams."*"]
viewer = ["everybody"]
administrator = ["platform-admins"]
[teams.payments]
approver = ["payments-leads"]
reviewer = ["payments"]
[people]
"s-ana" = "ana"
"""


@pytest.fixture
def ana(ledger: Ledger) -> str:
    ledger.enrol(Person(name="ana", display_name="Ana", roles=("reviewer",)))
    return "ana"


def names(ledger: Ledger) -> list[str]:
    return [each.name for each in ledger.entries(kind="person")]


def identity(**changes: object) -> Identity:
    fields = {"issuer": "https://id.example", "subject": "s1", "name": "ben", "display_name": "Ben"}
    return Identity.model_validate({**fields, "roles": ("reviewer",), **changes})


def test_a_subject_is_one_person_whatever_it_is_called_later(ledger: Ledger) -> None:
    assert ledger.identify(identity(), seconds=HOUR).name == "ben"
    renamed = ledger.identify(identity(name="benjamin", display_name="Benjamin", roles=("viewer",)), seconds=HOUR)
    assert (renamed.name, renamed.display_name, renamed.roles) == ("ben", "Benjamin", ("viewer",))
    assert ledger.person("ben").roles == ("viewer",)
    assert ledger.has_identity("ben")
    assert names(ledger).count("person.identified") == 1


def test_a_name_that_is_taken_is_given_to_nobody_else(ledger: Ledger, ana: str) -> None:
    """Neither a name that the provider gave to another account, nor one that somebody has here already."""
    ledger.identify(identity(), seconds=HOUR)
    for wrong in (identity(subject="s2"), identity(issuer="https://other.example"), identity(subject="s3", name=ana)):
        with pytest.raises(SignInRefused, match="somebody else's here"):
            ledger.identify(wrong, seconds=HOUR)
    assert ledger.person(ana).roles == ("reviewer",)
    assert ledger.person("ben").display_name == "Ben"


def test_the_file_of_roles_says_who_is_who(ledger: Ledger, ana: str) -> None:
    pinned = ledger.identify(identity(subject="s9", name=ana, display_name="Ana Ray", pinned=True), seconds=HOUR)
    assert (pinned.name, pinned.display_name) == (ana, "Ana Ray")
    moved = ledger.identify(identity(subject="s10", name=ana, display_name="Ana Ray", pinned=True), seconds=HOUR)
    assert moved.name == ana
    with pytest.raises(SignInRefused):
        ledger.identify(identity(subject="s9", name=ana), seconds=HOUR)


def test_whom_the_provider_gives_no_role_any_more_has_none(ledger: Ledger, ana: str) -> None:
    ledger.identify(identity(roles=("administrator",)), seconds=HOUR)
    assert ledger.disown("https://id.example", "s1") == "ben"
    assert ledger.person("ben").roles == ()
    assert not ledger.is_confirmed("ben")
    assert ledger.disown("https://id.example", "nobody") == ""
    assert ledger.disown("https://other.example", "s1") == ""
    assert ledger.person(ana).roles == ("reviewer",)


def test_new_decisions_need_roles_that_were_confirmed_lately(ledger: Ledger, clock: Clock) -> None:
    """And one that was taken stands on: nobody has to stay signed in for what they have signed."""
    ledger.identify(identity(), seconds=HOUR)
    ben = enrolled(ledger, "ben")
    first, second = proposal(ledger, run="r1"), proposal(ledger, run="r2")
    for each in (first, second):
        ledger.store_proposal(each)
    taken = ben.decide(first)
    ruling = ledger.judge(taken, run="r1", digest=first.digest)
    assert ruling.accepted, ruling.why
    ledger.record_decision(taken, ruling)
    clock.now += timedelta(seconds=HOUR)
    late = ben.decide(second)
    refused = ledger.judge(late, run="r2", digest=second.digest)
    assert (refused.accepted, refused.error) == (False, "Unconfirmed")
    assert ledger.judge(taken, run="r1", digest=first.digest).accepted
    ledger.identify(identity(), seconds=HOUR)
    assert ledger.judge(late, run="r2", digest=second.digest).accepted


def test_whoever_was_signed_out_everywhere_decides_nothing_until_they_sign_in(ledger: Ledger, ana: str) -> None:
    ledger.identify(identity(), seconds=HOUR)
    ledger.create_session("ben", HOUR)
    assert ledger.end_sessions("ben") == 1
    assert not ledger.is_confirmed("ben")
    ledger.identify(identity(), seconds=HOUR)
    assert ledger.is_confirmed("ben")
    ledger.end_sessions(ana)
    assert ledger.is_confirmed(ana)


def test_tokens_of_somebody_who_left_end_by_themselves(ledger: Ledger, ana: str, clock: Clock) -> None:
    ledger.identify(identity(), seconds=HOUR)
    theirs = ledger.create_token("ben", ["read:runs"], seconds=86400 * 90)
    local = ledger.create_token(ana, ["read:runs"], seconds=86400 * 90)
    clock.now += timedelta(days=30)
    assert ledger.token(theirs) is not None
    clock.now += timedelta(hours=1)
    assert ledger.token(theirs) is None
    assert ledger.token(local) is not None


def test_a_session_that_is_left_alone_ends(ledger: Ledger, ana: str, clock: Clock) -> None:
    token = ledger.create_session(ana, 8 * HOUR, "through id.example", idle=600)
    other = ledger.create_session(ana, 8 * HOUR)
    for _ in range(3):
        clock.now += timedelta(seconds=500)
        assert ledger.session(token) is not None
    clock.now += timedelta(seconds=500)
    assert ledger.session(token, doing=False) is not None
    clock.now += timedelta(seconds=100)
    assert ledger.session(token, doing=False) is None
    assert ledger.session(token) is None
    assert ledger.session(other) is not None


def test_a_session_ends_however_busy_it_is(ledger: Ledger, ana: str, clock: Clock) -> None:
    token = ledger.create_session(ana, HOUR, idle=1800)
    for _ in range(3):
        clock.now += timedelta(minutes=15)
        assert ledger.session(token) is not None
    clock.now += timedelta(minutes=15)
    assert ledger.session(token) is None


# The file of roles --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "roles"),
    [
        (["everybody"], ("viewer",)),
        (["payments"], ("payments:reviewer", "payments:viewer")),
        ("payments-leads", ("payments:approver", "payments:reviewer", "payments:viewer")),
        (["platform-admins", "everybody", "unknown"], ("administrator", "viewer")),
    ],
)
def test_groups_give_roles_by_team(groups: object, roles: tuple[str, ...]) -> None:
    found = RoleMap.read(MAP, "roles.toml").identity(
        "https://id.example", {"sub": "s1", "preferred_username": "ben", "groups": groups}
    )
    assert found.roles == roles


@pytest.mark.parametrize("groups", [[], None, "", ["Everybody"], [["everybody"]], {"everybody": True}, 7])
def test_no_group_that_has_a_role_is_no_way_in(groups: object) -> None:
    with pytest.raises(NoRole, match="none of their groups"):
        RoleMap.read(MAP, "roles.toml").identity(
            "https://id.example", {"sub": "s1", "preferred_username": "ben", "groups": groups}
        )


def test_an_address_that_nobody_verified_names_nobody() -> None:
    by_mail = RoleMap.read(f'name_claim = "email"\n{MAP}', "roles.toml")
    claims = {"sub": "s1", "email": "ben@example.com", "groups": ["everybody"]}
    for verified in (None, False, "true", 1):
        with pytest.raises(SignInRefused, match="not verified"):
            by_mail.identity("https://id.example", claims | {"email_verified": verified})
    assert by_mail.identity("https://id.example", claims | {"email_verified": True}).name == "ben@example.com"
    plain = RoleMap.read(MAP, "roles.toml").identity("i", claims | {"preferred_username": "ben"})
    assert plain.email == ""


@pytest.mark.parametrize("name", ["", "a b", "<b>", "-x", "ben\u202e", "x" * 101, None, ["ben"]])
def test_a_claim_that_holds_no_name_is_no_way_in(name: object) -> None:
    with pytest.raises(SignInRefused, match="no name"):
        RoleMap.read(MAP, "roles.toml").identity("i", {"sub": "s1", "preferred_username": name, "groups": "everybody"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "teams"),
        ("teams = 3", "teams"),
        ("[teams", "roles.toml"),
        ("[teams.Pay]\nviewer = ['x']", "'Pay' is no name"),
        ("[teams.pay]\nviewer = 'x'", r"teams\.pay\.viewer"),
        ("[teams.pay]\nviewer = []", "nobody could sign in"),
        ("[teams.pay]\nagent = ['x']", "'agent' is no role"),
        ("[team.pay]\nviewer = ['x']", "team"),
        ("group_claim = 'x'\n[teams.pay]\nviewer = ['x']", "group_claim"),
        ("[teams.pay]\nviewer = ['x']\n[people]\na = 'ben'\nb = 'ben'", "two subjects"),
        ("[teams.pay]\nviewer = ['x']\n[people]\na = 'b n'", "no name of a person"),
    ],
)
def test_a_file_of_roles_that_cannot_be_says_why(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        RoleMap.read(text, "roles.toml")
    assert caught.value.way_out
