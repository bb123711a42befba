"""Runs ShinkaEvolve, in its own environment, on one goal; imports nothing of org."""

import asyncio
import inspect
import json
import sys
from pathlib import Path

EVALUATOR = """
import argparse, json, os, subprocess
from pathlib import Path

flags = argparse.ArgumentParser()
flags.add_argument("--program_path")
flags.add_argument("--results_dir")
asked = flags.parse_args()
job = json.loads(open(os.environ["ORG_BENCH_JOB"]).read())
argv = [*job["judge"], os.environ["ORG_BENCH_JOB"], asked.program_path]
done = subprocess.run(argv, cwd=job["root"], capture_output=True, text=True, timeout=300)
found = json.loads(done.stdout.splitlines()[-1])
Path(asked.results_dir).mkdir(parents=True, exist_ok=True)
metrics = {"combined_score": found["score"], "public": {}, "private": {}}
metrics["text_feedback"] = found["said"]
Path(asked.results_dir, "metrics.json").write_text(json.dumps(metrics))
Path(asked.results_dir, "correct.json").write_text(json.dumps({"correct": True, "error": None}))
"""


def main():
    from shinka.core import EvolutionConfig, ShinkaEvolveRunner
    from shinka.database import DatabaseConfig
    from shinka.launch import LocalJobConfig

    job = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(job["folder"])
    (folder / "evaluate.py").write_text(EVALUATOR)
    text = (Path(job["goal"]) / "repo" / job["module"]).read_text()
    (folder / "initial.py").write_text(f"# EVOLVE-BLOCK-START\n{text}\n# EVOLVE-BLOCK-END\n")
    evo = EvolutionConfig(
        task_sys_msg=f"You improve one Python file. The goal: {job['text']}",
        patch_types=["full"],
        patch_type_probs=[1.0],
        num_generations=job["calls"] + 1,
        max_patch_resamples=1,
        llm_models=[f"local/{job['model']}@{job['base']}/v1"],
        llm_dynamic_selection=None,
        llm_kwargs={"temperatures": [0.7], "max_tokens": 2048},
        meta_rec_interval=None,
        embedding_model=None,
        init_program_path=str(folder / "initial.py"),
        results_dir=str(folder / "results"),
        use_text_feedback=True,
    )
    runner = ShinkaEvolveRunner(
        evo_config=evo,
        job_config=LocalJobConfig(
            eval_program_path=str(folder / "evaluate.py"), python_executable=sys.executable
        ),
        db_config=DatabaseConfig(db_path=str(folder / "shinka.db"), num_islands=1),
        verbose=True,
        max_evaluation_jobs=1,
        max_proposal_jobs=1,
        max_db_workers=1,
    )
    found = runner.run()
    if inspect.isawaitable(found):
        asyncio.run(found)


if __name__ == "__main__":
    main()
