from words import unique


class Word(str):
    """Counts how often words are compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Word.compared += 1
        return str.__eq__(self, other)


def test_order_is_kept():
    assert unique(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]


def test_it_is_linear():
    Word.compared = 0
    unique([Word(f"w{number}") for number in range(500)])
    assert Word.compared < 5000, "unique() compares every word with every other"
