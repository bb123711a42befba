"""The judge: gates, verdicts, scorecards. Nothing that is judged may import it."""
