"""A person's own page of how they are told."""

from contracts.notify import Defaults
from ledger import Ledger
from tests.console.conftest import Visitor, deps_for, visitor_of

FORM = {"window": "hour", "daily_at": "08:30", "time_zone": "Europe/Berlin"}


async def test_a_person_changes_how_they_are_told(ada: Visitor, ledger: Ledger) -> None:
    quiet = {"quiet_from": "18:00", "quiet_to": "08:00", "quiet_weekends": "true"}
    answer = await ada.form("/notify", channels="slack", slack=" U012AB3CDEF ", **FORM, **quiet)
    assert answer.status_code == 303, answer.text
    kept = ledger.preference("ada", Defaults())
    assert (kept.channels, kept.slack, kept.window, kept.urgent_at_once) == (("slack",), "U012AB3CDEF", "hour", False)
    assert kept.quiet is not None
    assert kept.quiet.weekends
    page = (await ada.http.get("/notify")).text
    for shown in ('value="U012AB3CDEF"', 'value="hour" selected', 'value="18:00"', 'value="Europe/Berlin"'):
        assert shown in page
    assert "No channel is set up here" in page


async def test_a_new_address_counts_once_its_code_is_entered(ada: Visitor, ledger: Ledger) -> None:
    await ada.form("/notify", channels="email", email="ada@example.com", **FORM)
    assert ledger.preference("ada", Defaults()).email == ""
    assert "Is ada@example.com yours?" in (await ada.http.get("/notify")).text
    _, code = ledger.new_code("ada")
    wrong = await ada.form("/notify/prove", code="12345678x")
    assert wrong.status_code == 422
    assert (await ada.form("/notify/prove", code=code)).status_code == 303
    assert ledger.preference("ada", Defaults()).email == "ada@example.com"


async def test_what_can_not_be_is_refused_by_its_field(ada: Visitor, ledger: Ledger) -> None:
    for field, value in (
        ("email", "ada@example.com, all@example.com"),
        ("email", "ada@example.com\r\nBcc: all@example.com"),
        ("slack", "<!channel>"),
        ("webhook", "http://169.254.169.254/latest"),
        ("webhook", "https://user:pass@example.com/"),
        ("time_zone", "Mars/Base"),
        ("window", "never"),
        ("daily_at", "25:00"),
        ("channels", "pigeon"),
        ("quiet_from", "18:00"),
    ):
        answer = await ada.form("/notify", **(FORM | {field: value}))
        assert answer.status_code == 422, field
        assert field.partition("_")[0] in answer.text
    assert ledger.notices() == []


async def test_nobody_changes_it_without_the_pages_token(ada: Visitor, ledger: Ledger) -> None:
    for url in ("/notify", "/notify/prove", "/notify/test"):
        answer = await ada.form(url, csrf="0" * 64, code="1", **FORM)
        assert answer.status_code == 403
    assert ledger.preference("ada", Defaults()).window == "15 minutes"


async def test_a_test_goes_to_what_is_set_up_and_not_twice_a_minute(ledger: Ledger) -> None:
    visitor = visitor_of(deps_for(ledger, channels=("email",)))
    async with visitor.http:
        await visitor.sign_in()
        assert (await visitor.form("/notify/test")).status_code == 422  # no address yet
        await visitor.form("/notify", channels="email", email="ada@example.com", **FORM)
        ledger.prove_email("ada", ledger.new_code("ada")[1])
        assert (await visitor.form("/notify/test")).status_code == 303
        assert (await visitor.form("/notify/test")).status_code == 409
        assert [each.reason for each in ledger.notices()] == ["verify", "test"]
        assert "This is a test" in (await visitor.http.get("/notify")).text
