"""What journeys start from."""

from tests.journeys.fixtures import home, model, org_repo, own_org_repo, whole_org_repo

__all__ = ["home", "model", "org_repo", "own_org_repo", "whole_org_repo"]
