"""Faults that once went unseen, each with the tests that must fail when it is there."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """One fault.

    Attributes:
        name: What is wrong.
        file: File of the package that it is planted in.
        old: Text that is there exactly once.
        new: What is there instead.
        tests: Tests by their id, each of which must fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


FLEET = "tests/estimator/test_fleet.py"
SCALING = "tests/estimator/test_scaling.py"
KEYS = "tests/training/test_keys.py"
ROWS = "tests/experiments/test_rows.py"

MUTATIONS = (
    Mutation(
        "the scaler of each entity is fitted on validation data too",
        "jaxtsad/pipeline/parts.py",
        "scalers = [scaler_of(setup, [each]) for each in cuts]",
        "scalers = [\n"
        "            _scaler(\n"
        "                setup, [types.cut_train(values, window=1, validation=0)[0]]\n"
        "            )\n"
        "            for _, values, _ in data\n"
        "        ]",
        (
            f"{SCALING}::test_scores_do_not_depend_on_the_validation_part"
            "[per_entity-zscore]",
            f"{SCALING}::test_scores_do_not_depend_on_the_validation_part"
            "[per_entity-minmax]",
        ),
    ),
    Mutation(
        "the pooled scaler is fitted on validation data too",
        "jaxtsad/pipeline/parts.py",
        "scalers = [scaler_of(setup, cuts)] * len(cuts)",
        "whole = [\n"
        "            types.cut_train(values, window=1, validation=0)[0]\n"
        "            for _, values, _ in data\n"
        "        ]\n"
        "        scalers = [_scaler(setup, whole)] * len(cuts)",
        (
            f"{SCALING}::test_scores_do_not_depend_on_the_validation_part"
            "[pooled-zscore]",
        ),
    ),
    Mutation(
        "the scaler of samples is fitted on validation data too",
        "jaxtsad/pipeline/parts.py",
        "scaler, fit = _scaler(setup, [normal]), normal",
        "whole = types.cut_train(values, window=1, validation=0)[0]\n"
        "    scaler, fit = _scaler(setup, [whole]), normal",
        (f"{SCALING}::test_scores_of_samples_depend_on_the_fit_samples_alone",),
    ),
    Mutation(
        "predict flags every series by the first one's threshold",
        "jaxtsad/estimator/series_scoring.py",
        "thresholds[member].flags(one).astype(np.int64)",
        "thresholds[0].flags(one).astype(np.int64)",
        (f"{FLEET}::test_each_series_is_flagged_as_by_a_detector_of_its_own[noisy]",),
    ),
    Mutation(
        "events flag every series by the first one's threshold",
        "jaxtsad/pipeline/alarms.py",
        "opens, setup = fitted.thresholds[member].value",
        "opens, setup = fitted.thresholds[0].value",
        (f"{FLEET}::test_each_series_has_the_events_of_a_detector_of_its_own[noisy]",),
    ),
    Mutation(
        "severities of every series are in the first one's unit",
        "jaxtsad/pipeline/alarms.py",
        "spread=fitted.spreads[member],",
        "spread=fitted.spreads[0],",
        (f"{FLEET}::test_each_series_has_the_events_of_a_detector_of_its_own[noisy]",),
    ),
    Mutation(
        "values are not clipped where each entity has a scaler",
        "jaxtsad/pipeline/parts.py",
        "scaler_of(setup, [each]) for each",
        "preprocessing.fit_scaler(setup.scaler, [each.normal]) for each",
        (f"{SCALING}::test_values_are_clipped_in_every_series[per_entity]",),
    ),
    Mutation(
        "the untrained baseline is trained",
        "jaxtsad/pipeline/fitting.py",
        "plan = dataclasses.replace(setup.plan, epochs=0) if setup.untrained else "
        "setup.plan",
        "plan = setup.plan",
        (
            f"{ROWS}::test_the_untrained_row_is_of_the_network_as_it_is_initialised[4]",
            f"{ROWS}::test_the_untrained_row_is_of_the_network_as_it_is_initialised[1]",
        ),
    ),
    Mutation(
        "events of every series name the first one's contributions",
        "jaxtsad/estimator/series_scoring.py",
        "index, scores, explained, strict=True",
        "index, scores, explained[:1] * len(scores), strict=True",
        (f"{FLEET}::test_each_series_has_the_contributions_of_its_own",),
    ),
    Mutation(
        "events of every entity of a run name the first one's contributions",
        "jaxtsad/experiments/fits.py",
        "shares = (explained[i] / total)[:kept]",
        "shares = (explained[0] / total)[:kept]",
        (f"{ROWS}::test_the_events_of_each_entity_name_its_own_channels",),
    ),
    Mutation(
        "the last seed's model is saved",
        "jaxtsad/experiments/work.py",
        "seed = config.training.seeds[0]",
        "seed = config.training.seeds[-1]",
        (f"{ROWS}::test_the_model_that_is_left_is_of_the_first_seed",),
    ),
    Mutation(
        "training starts from the key of init",
        "jaxtsad/training/fleet.py",
        "split[:, use] for use in range(len(KeysByUse._fields))",
        "split[:, use] for use in (0, 0, 2, 3)",
        (f"{KEYS}::test_the_key_of_init_is_not_that_of_training",),
    ),
    Mutation(
        "all minibatches of an epoch have one key",
        "jaxtsad/training/epochs.py",
        "this_key = jax.random.fold_in(step_key, index)",
        "this_key = step_key",
        (f"{KEYS}::test_every_minibatch_of_every_epoch_has_a_key_of_its_own",),
    ),
    Mutation(
        "minibatches have the same keys in every epoch",
        "jaxtsad/training/epochs.py",
        "jax.random.split(jax.random.fold_in(key, clock.epoch))",
        "jax.random.split(key)",
        (f"{KEYS}::test_every_minibatch_of_every_epoch_has_a_key_of_its_own",),
    ),
    Mutation(
        "two pairs are enough for a claim",
        "jaxtsad/evaluation/uncertainty.py",
        "FEWEST_PAIRS = 6",
        "FEWEST_PAIRS = 2",
        (
            "tests/evaluation/test_claims.py::test_fewer_than_six_pairs_claim_nothing[2]",
            "tests/evaluation/test_claims.py::test_fewer_than_six_pairs_claim_nothing[5]",
        ),
    ),
    Mutation(
        "members that fill up the devices are trained",
        "jaxtsad/training/fit.py",
        "training.progress.active[real:] = False\n",
        "pass\n",
        (
            "tests/training/test_padded_members.py"
            "::test_padding_of_members_is_not_trained",
        ),
    ),
    Mutation(
        "a random score depends on its place in the batch",
        "jaxtsad/training/scoring.py",
        "batch.index + first\n",
        "batch.index % batch_size + first\n",
        (f"{KEYS}::test_a_random_score_does_not_depend_on_its_place_in_the_batch[3]",),
    ),
    Mutation(
        "severities are in another series' unit after loading",
        "jaxtsad/pipeline/restoring.py",
        'spreads = tuple(record["spreads"])',
        'spreads = tuple(record["spreads"][::-1])',
        (f"{FLEET}::test_severities_are_the_same_after_loading",),
    ),
    Mutation(
        "the sums of half an epoch are lost when training resumes",
        "jaxtsad/training/loop.py",
        "        self.sums = {name: np.asarray(value) for name, value in "
        'tree["sums"].items()}\n',
        "",
        (
            "tests/training/test_half_epoch.py"
            "::test_resume_reports_the_losses_of_whole_epochs",
        ),
    ),
)
