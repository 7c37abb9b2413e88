"""The names that are written into the database; changing one breaks runs that are under way."""

from __future__ import annotations

#: keys of a Firework's spec, for `lpad get_fws -q` and for status
RUN = "al_run"
CYCLE = "al_cycle"
STEP = "al_step"
#: the campaign that made a Firework's run, and FireWorks' own key of what is taken first
CAMPAIGN, PRIORITY = "al_campaign", "_priority"
#: key of a workflow's metadata: the first cycle that it holds
FIRST_CYCLE = "al_first_cycle"

#: steps, in the order in which a cycle runs them
TRAIN, SIMULATE, QUERY, DFT, CHECK = "train", "simulate", "query", "dft", "check"

#: the Firetask of each step, as FireWorks stores it
TASKS = {
    TRAIN: "{{fw_specs.tasks.TrainTask}}",
    SIMULATE: "{{fw_specs.tasks.SimulateTask}}",
    QUERY: "{{fw_specs.tasks.QueryTask}}",
    DFT: "{{fw_specs.tasks.SinglePointTask}}",
    CHECK: "{{fw_specs.tasks.CheckTask}}",
}
#: the Firetask that ends a Morse fit
FIT_TASK = "{{fw_specs.morse.FitMorseTask}}"

#: collections
RUNS, CYCLES, LABELS, MODELS, POOLS = "al_runs", "al_cycles", "al_labels", "al_models", "al_pools"
#: accepted labels by content, and who is computing one
POINTS = "al_points"
#: lost launches, and leases on work that one process does at a time
LOSSES, LEASES = "al_losses", "al_leases"
#: part of a run's document: what others find it by that want to learn from it
LENDS = "lends"
#: campaigns, their members, and what the members' runs will be made of
CAMPAIGNS, MEMBERS, INPUTS = "al_campaigns", "al_members", "al_inputs"
#: what was done from the dashboard, by whom and when
ACTIONS = "al_actions"
#: GridFS bucket of weights and pools
BLOBS = "al_blobs"


def cycle_id(run: str, cycle: int) -> str:
    """Key of a cycle's records: ``<run>/<cycle>``."""
    return f"{run}/{cycle:04d}"
