from roman import to_roman

LETTERS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def back(text):
    values = [LETTERS[letter] for letter in text]
    after = [*values[1:], 0]
    return sum(-a if a < b else a for a, b in zip(values, after, strict=True))


def test_every_number():
    seen = set()
    for number in range(1, 4000):
        text = to_roman(number)
        assert back(text) == number
        assert not any(letter * 4 in text for letter in LETTERS), text
        seen.add(text)
    assert len(seen) == 3999
    assert to_roman(999) == "CMXCIX"
