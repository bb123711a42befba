from slug import slugify


def test_unchanged_without_a_limit():
    assert slugify("  A  b--C ") == "a-b-c"
    assert slugify("") == ""
    assert slugify("one two", None) == "one-two"


def test_cut_at_every_length():
    whole = slugify("The quick, brown fox")
    for length in range(1, 30):
        cut = slugify("The quick, brown fox", max_length=length)
        assert len(cut) <= length
        assert cut == whole[:length].rstrip("-")
