"""Language, mood and urgency from words alone; nothing is guessed where it can't be told."""

import pytest

from activities.support_triage.reading import language, priority, sentiment


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where is my parcel? I ordered it two weeks ago.", "en"),
        ("Wo bleibt meine Karte? Ich warte seit Wochen.", "de"),
        ("¿Dónde está mi paquete? Lo pedí hace semanas.", "es"),
        ("Je n'ai toujours pas reçu ma commande.", "fr"),
        ("أريد استعادة أموالي من فضلكم", "ar"),
        ("私のカードはどこですか", "ja"),
        ("", ""),
        ("ok", ""),
        ("123 456 https://example.org/what/is/this [email] [name]", ""),
    ],
)
def test_language(text: str, code: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize(
    ("text", "code", "mood"),
    [
        ("This is terrible, I am very angry", "en", "negative"),
        ("Great service, thank you so much, I love it", "en", "positive"),
        ("Where do I find the invoice?", "en", "neutral"),
        ("Das ist schrecklich", "de", ""),
    ],
)
def test_sentiment(text: str, code: str, mood: str) -> None:
    assert sentiment(text, code) == mood


def test_priority_says_why() -> None:
    assert priority("where is my parcel", "en") == ("normal", "nothing speaks for another")
    assert priority("my account was hacked", "en")[0] == "urgent"
    assert priority("the app is not working", "en", ["VIP"]) == ("urgent", "says 'not working'; an important customer")
    assert priority("a question", "en", usual="low") == ("low", "tickets like it are usually low")
