"""Names of the files that an experiment leaves behind."""

EVENTS = "events.jsonl"
MANIFEST = "manifest.json"
STEPS = "steps.jsonl"
EVALUATIONS = "evaluations.jsonl"
CHECKPOINT = "checkpoint.safetensors"
RESULT = "result.json"
