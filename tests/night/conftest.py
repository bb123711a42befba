"""A night starts from what a journey starts from."""

from tests.journeys.fixtures import home, org_repo, own_org_repo

__all__ = ["home", "org_repo", "own_org_repo"]
