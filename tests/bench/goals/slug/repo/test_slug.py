from slug import slugify


def test_plain():
    assert slugify("Hello, World!") == "hello-world"


def test_cut():
    assert slugify("Hello, World!", max_length=7) == "hello-w"
    assert slugify("Hello, World!", max_length=6) == "hello"
