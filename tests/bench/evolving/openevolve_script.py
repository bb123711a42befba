"""Runs OpenEvolve, in its own environment, on one goal of the benchmark; imports nothing of org."""

import json
import sys
from pathlib import Path

EVALUATOR = """
import json, os, subprocess
from openevolve.evaluation_result import EvaluationResult

def evaluate(program_path):
    job = json.loads(open(os.environ["ORG_BENCH_JOB"]).read())
    argv = [*job["judge"], os.environ["ORG_BENCH_JOB"], program_path]
    done = subprocess.run(argv, cwd=job["root"], capture_output=True, text=True, timeout=300)
    found = json.loads(done.stdout.splitlines()[-1])
    return EvaluationResult(
        metrics={"combined_score": found["score"]}, artifacts={"failing_tests": found["said"]}
    )
"""


def main():
    from openevolve import run_evolution
    from openevolve.config import Config, LLMModelConfig

    job = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(job["folder"])
    (folder / "evaluator.py").write_text(EVALUATOR)
    program = folder / "initial.py"
    program.write_text((Path(job["goal"]) / "repo" / job["module"]).read_text())
    config = Config()
    config.max_iterations = job["calls"]
    config.diff_based_evolution = False  # whole rewrites are what small models can do
    config.random_seed = 1
    config.llm.models = [
        LLMModelConfig(
            name=job["model"],
            api_base=f"{job['base']}/v1",
            api_key="none",
            timeout=900,
            retries=0,
            retry_delay=1,
            temperature=0.7,
            max_tokens=2048,
        )
    ]
    config.llm.evaluator_models = config.llm.models
    config.prompt.system_message = f"You improve one Python file. The goal: {job['text']}"
    config.evaluator.parallel_evaluations = 1
    config.evaluator.cascade_evaluation = False
    config.evaluator.timeout = 300
    run_evolution(
        str(program),
        str(folder / "evaluator.py"),
        config=config,
        iterations=job["calls"],
        output_dir=str(folder / "out"),
        target_score=1.0,
    )


if __name__ == "__main__":
    main()
