"""What failed, said shortly: the test, its line and the error, as much as fits."""

from __future__ import annotations

from daemon.agent.failures import shortly

PYTEST_SAID = """.FFF                                                      [100%]
=================================== FAILURES ===================================
__________________________________ test_even ___________________________________
test_stats.py:10: in test_even
    assert median([4, 1, 3, 2]) == 2.5
E   assert 3 == 2.5
E    +  where 3 = median([1, 2, 3, 4])
E   one
E   two
_________________________________ test_nothing _________________________________
test_stats.py:15: in test_nothing
    median([])
stats.py:7: in median
    return values[len(values) // 2]
           ^^^^^^^^^^^^^^^^^^^^^^^^
E   IndexError: list index out of range
_________________________________ test_long ____________________________________
E   assert LONG
=========================== short test summary info ============================
FAILED test_stats.py::test_even - assert 3 == 2.5
2 failed, 1 passed
[the tests failed]""".replace("LONG", "x" * 300)
SHORTLY = """test_even:
    assert median([4, 1, 3, 2]) == 2.5
E   assert 3 == 2.5
E    +  where 3 = median([1, 2, 3, 4])
E   one
test_nothing:
    median([])
    return values[len(values) // 2]
E   IndexError: list index out of range"""


def test_failures_are_told_without_frames_and_whole() -> None:
    """What does not fit is left out from the end on; the words of other runners are cut."""
    assert shortly(PYTEST_SAID, 300) == SHORTLY
    assert "test_long" in shortly(PYTEST_SAID, 1_000)
    assert shortly(PYTEST_SAID, 50) == SHORTLY[:49]
    assert shortly("not ok 1 - it is red", 6) == "is red"
