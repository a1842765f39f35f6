"""The fault matrix of reliability section 3.1: for each row where it is tested, or why it is not.

A place is ``folder/file.py::test_name`` below ``tests``, or ``sim: kind``, a fault that the
simulation of the real code draws in every history (``tests/sim/faults.py``). Rows 2 and 3, 10,
24 to 30 and 32 to 36 are about a queue or a store behind a network: in local mode the row is the
queue and SQLite is no network away, so they are met in the simulation and on the emulator. The
tests of this folder carry the number of their row in their id. ``make chaos`` meets rows 1, 4,
6, 7, 8, 9, 12, 16, 18, 44, 49, 50, 51, 54 and 61 all at once, with ten thousand jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Row:
    """``left`` says what of the row is not tested here, and why."""

    fault: str
    places: tuple[str, ...] = ()
    left: str = ""


def _row(fault: str, *places: str, left: str = "") -> Row:
    return Row(fault, places, left)


_REPLICAS = "chaos/test_matrix_replicas.py::"
_STORAGE = "chaos/test_matrix_storage.py::"
_INGRESS = "chaos/test_matrix_ingress.py::"
_RACES = "chaos/test_matrix_races.py::"
_FAILURES = "chaos/test_replica_failures.py::"
_DRAIN = "chaos/test_replica_cancel_and_drain.py::"
_FAULTS = "chaos/test_replica_store_faults.py::"
_RECEIVERS = "journeys/test_webhook_receivers.py::"
_POSTER = "contract/test_http_poster.py::"
_ANSWERS = "contract/test_dynamo_answers.py::"
_SITES = "sim/test_call_sites.py::test_whichever_call_goes_wrong_the_job_ends_once_and_is_announced"
_MACHINE = "chaos/test_matrix_machine.py::"
_WIRE = "celery/test_wire.py::"
_RESUME = "workers/test_trainer_resume.py::"

MATRIX: Final[dict[int, Row]] = {
    1: _row("ingress dies before the row is written", "sim: ingress crashes", _SITES),
    2: _row("ingress dies between row and message", "sim: ingress crashes", _SITES),
    3: _row("ingress dies between message and T2", "sim: ingress crashes", _SITES),
    4: _row(
        "ingress dies before its answer",
        _INGRESS + "test_a_caller_whose_answer_was_cut_off_finds_its_job_under_the_same_key",
        "chaos/test_pulled_plugs.py::test_a_pulled_plug_in_the_middle_of_it_all_loses_nothing",
    ),
    5: _row("ingress stalls between message and T2", "sim: ingress stalls"),
    6: _row(
        "one key, a hundred posts at once",
        _INGRESS + "test_a_hundred_posts_under_one_key_at_once_are_one_job",
        "unit/test_intake_submit.py::test_one_key_makes_one_job_even_a_hundred_times_at_once",
    ),
    7: _row(
        "one key, another body",
        "unit/test_intake_submit.py::test_one_key_with_another_body_is_refused",
        "dialects/test_fal_queue_wishes.py::"
        "test_the_same_idempotency_key_gives_the_same_request_and_never_a_409",
    ),
    8: _row(
        "kill -9 of a replica in the middle of a job",
        "chaos/test_pulled_plugs.py::test_a_killed_replica_costs_no_job",
        _REPLICAS + "test_what_a_killed_replica_leaves_in_its_scratch_is_removed",
        "sim: kills",
    ),
    9: _row(
        "kill -9 while outputs are stored",
        _STORAGE + "test_a_replica_killed_while_it_stores_leaves_the_winners_files_alone",
    ),
    10: _row("kill -9 after T6, before the message is deleted", "sim: kills"),
    11: _row(
        "SIGTERM in a long poll",
        "celery/test_drain.py::test_replicas_told_to_go_at_random_moments_strand_no_message",
        "celery/test_drain.py::test_a_consumer_that_leaves_at_any_moment_hides_nothing",
    ),
    12: _row(
        "SIGTERM while busy",
        _REPLICAS + "test_sigterm_on_a_busy_replica_costs_its_job_no_attempt",
        _DRAIN + "test_a_drain_hands_back_what_did_not_make_it_before_the_grace_ends",
    ),
    13: _row(
        "SIGTERM while training",
        _DRAIN + "test_a_job_known_to_be_too_long_is_handed_back_at_once",
        _RESUME + "test_a_training_whose_process_is_taken_away_ends_with_the_same_weights",
    ),
    14: _row(
        "spot notice",
        "infra/test_spot.py::test_every_host_drains_its_tasks_at_the_notice",
        "infra/test_spot.py::test_a_replica_has_handed_everything_back_by_ninety_seconds",
        _REPLICAS + "test_sigterm_on_a_busy_replica_costs_its_job_no_attempt",
        left="that ECS's agent makes a SIGTERM of the notice, as it is told to: only AWS shows it",
    ),
    15: _row(
        "spot notice, then SIGKILL",
        _RESUME + "test_a_training_whose_process_is_taken_away_ends_with_the_same_weights",
        "sim: kills",
        left="the notice itself, as row 14",
    ),
    16: _row(
        "SIGSTOP past the lease",
        _REPLICAS + "test_a_replica_that_stood_still_past_its_lease_commits_nothing_when_it_wakes",
        _REPLICAS + "test_one_that_stands_still_under_a_dead_supervisor_does_not_keep_its_place",
        "sim: pauses",
    ),
    17: _row(
        "the beat dies, the job goes on",
        _FAULTS + "test_a_replica_that_cannot_beat_stops_its_job_by_itself",
        left="a beat has no thread of its own: it stops when the whole loop does, as row 16",
    ),
    18: _row(
        "the model hangs, the beat goes on",
        _REPLICAS + "test_a_model_that_stands_still_is_killed_although_its_parent_beats",
        _FAILURES + "test_a_process_that_does_not_answer_is_killed_and_its_job_tried_again",
    ),
    19: _row(
        "GPU out of memory",
        _FAILURES + "test_a_gpu_out_of_memory_is_tried_once_with_less",
        left="raised by the model: a real allocation needs a GPU",
    ),
    20: _row(
        "sticky CUDA error",
        _FAILURES + "test_after_a_sticky_gpu_error_another_process_takes_over",
        left="raised by the model: a real one needs a GPU",
    ),
    21: _row(
        "host memory runs out",
        _FAILURES + "test_a_process_over_its_memory_limit_is_killed_and_tried_once_with_less",
        "chaos/test_replica_process.py::test_a_killed_child_costs_one_attempt_and_no_job",
        _MACHINE
        + "test_a_model_that_the_kernel_kills_for_its_memory_costs_one_attempt_and_says_so",
    ),
    22: _row(
        "the GPU vanishes",
        _MACHINE
        + "test_a_replica_whose_gpu_vanishes_leases_nothing_more_and_its_job_runs_elsewhere",
        left="the words are CUDA's, said by the model: no GPU was pulled out",
    ),
    23: _row(
        "a job kills every replica",
        _REPLICAS + "test_a_job_that_kills_every_replica_fails_at_the_third_and_harms_no_other",
        "sim: poison",
    ),
    24: _row(
        "a message nobody can read",
        "celery/test_faults.py::test_messages_that_nobody_can_read_are_left_to_the_redrive",
    ),
    25: _row(
        "a message without a row",
        "celery/test_faults.py::test_messages_of_another_task_or_version_are_left_to_the_redrive",
        left="the dead letter's own age is the emulator's to count",
    ),
    26: _row(
        "a row without a message",
        "unit/test_execution_reaper.py::test_an_accepted_job_without_a_message_gets_one",
        "sim: lost messages",
    ),
    27: _row(
        "a message comes twice",
        _RACES + "test_of_three_who_lease_one_job_one_gets_it",
        "sim: duplicates",
    ),
    28: _row("a message comes days late", "sim: late messages"),
    29: _row("the queue cannot be reached", "sim: outages"),
    30: _row("the queue is emptied", "sim: lost messages"),
    31: _row(
        "the store throttles",
        "sim: throttled",
        _ANSWERS + "test_trouble_that_passes_is_waited_out_and_trouble_that_stays_is_told",
    ),
    32: _row(
        "the store is down for a while",
        "sim: outages",
        _FAULTS + "test_a_result_survives_an_outage_of_the_store",
    ),
    33: _row(
        "the answer to T6 is lost",
        "sim: unanswered",
        _FAULTS + "test_a_settlement_whose_answer_was_lost_counts_once_and_keeps_its_files",
        _ANSWERS + "test_a_move_whose_answer_is_lost_was_done_once_and_says_so",
    ),
    34: _row(
        "an index lags",
        "contract/test_dynamo.py::test_what_an_index_says_late_is_checked_against_the_row",
    ),
    35: _row(
        "a clock is half a minute off",
        "celery/test_clocks.py::test_a_replica_whose_clock_is_half_a_minute_off_leases_nothing",
        "unit/test_clock_skew.py::test_a_clock_that_is_off_is_told_once_a_minute",
        left="in local mode there is one clock: nobody to disagree with",
    ),
    36: _row("clocks are two seconds off everywhere", "sim: skew"),
    37: _row(
        "reapers race, or die",
        _RACES + "test_three_reapers_take_a_lost_lease_back_once",
        "sim: upkeep crashes",
    ),
    38: _row(
        "the blob store says slow down",
        "chaos/test_replica_outputs.py::"
        "test_storing_is_tried_again_without_running_the_model_again",
        "sim: failing files",
    ),
    39: _row(
        "the blob store is down",
        "chaos/test_replica_outputs.py::"
        "test_outputs_that_cannot_be_stored_fail_the_attempt_as_the_machines_fault",
        "sim: outages",
    ),
    40: _row(
        "bytes are changed on their way",
        "aws/test_s3.py::test_a_body_that_is_not_what_was_announced_is_refused",
        left="S3 compares checksums itself: only AWS can show it",
    ),
    41: _row(
        "the disk is full",
        _STORAGE + "test_a_model_that_finds_the_disk_full_is_tried_again_as_the_machines_fault",
        _STORAGE + "test_an_ingress_without_room_acknowledges_nothing_and_then_goes_on",
        _STORAGE + "test_a_result_waits_for_room_and_is_not_made_again",
        "contract/local_fleet/test_fleet.py::"
        "test_nobody_is_taken_for_silent_while_the_disk_lets_no_word_through",
    ),
    42: _row(
        "100 kB/s",
        "contract/test_http_fetcher.py::test_a_dripping_body_ends_with_the_total_time",
        _WIRE + "test_on_a_wire_of_100_kb_a_second_no_lease_is_lost",
    ),
    43: _row(
        "packets are lost",
        _WIRE + "test_on_a_wire_that_loses_a_third_of_its_packets_it_is_only_slower",
        left="netem's kernel module is not everywhere: TCP's view of it, waits, is made by a proxy",
    ),
    44: _row(
        "the receiver says 500",
        _RECEIVERS + "test_500s_follow_the_schedule_to_its_end_under_one_id",
        "sim: failing webhooks",
    ),
    45: _row(
        "the receiver answers a byte a second",
        _RECEIVERS + "test_a_slow_receiver_delays_nobody_else",
        _POSTER + "test_a_receiver_that_never_finishes_its_head_is_cut_off",
    ),
    46: _row(
        "the receiver redirects to the metadata service",
        _POSTER + "test_a_redirect_to_the_metadata_service_makes_no_connection_there",
    ),
    47: _row(
        "the receiver's name changes its address",
        _POSTER + "test_a_name_is_resolved_once_and_only_the_checked_address_is_connected_to",
    ),
    48: _row(
        "the receiver answers without end, or with a bomb",
        _POSTER + "test_no_more_than_64_kib_of_an_endless_reply_is_read",
        _POSTER + "test_a_gzip_bomb_is_never_decompressed",
    ),
    49: _row(
        "the dispatcher dies after its post",
        "journeys/test_webhook_dispatchers.py::"
        "test_kill_9_of_a_dispatcher_in_the_middle_of_a_post_loses_nothing",
    ),
    50: _row(
        "cancel and complete, ten thousand times",
        _RACES + "test_of_cancel_and_complete_exactly_one_wins_ten_thousand_times",
        _REPLICAS + "test_of_cancel_and_complete_exactly_one_wins_and_the_caller_hears_which",
    ),
    51: _row(
        "cancel in one long step",
        _REPLICAS + "test_a_cancelled_job_in_one_long_step_loses_its_process_at_once",
        _RACES + "test_a_job_leased_while_it_is_being_cancelled_is_stopped_as_well",
    ),
    52: _row("expire and lease", _RACES + "test_of_expire_and_lease_exactly_one_wins"),
    53: _row(
        "the scaler picks a busy replica",
        "unit/test_scaling_controller.py::test_a_lease_taken_after_the_look_keeps_the_replica",
    ),
    54: _row(
        "the scaler stands still",
        _INGRESS + "test_while_the_supervisor_stands_still_its_replicas_go_on",
    ),
    55: _row(
        "no replica can be started",
        "unit/test_scaling_controller.py::test_a_failed_start_is_tried_again_ever_more_seldom",
        "journeys/test_zero_to_zero.py::test_a_worker_that_cannot_load_is_tried_seldom_and_says_why",
    ),
    56: _row(
        "a start storm",
        _REPLICAS + "test_a_start_storm_starts_no_more_replicas_than_its_plan",
        "unit/test_scaling_controller.py::"
        "test_a_storm_of_jobs_starts_replicas_in_steps_up_to_the_maximum",
    ),
    57: _row(
        "the drop folder loses events",
        "unit/drop/test_events.py::test_each_object_is_one_job_though_events_are_lost_and_doubled",
    ),
    58: _row(
        "two children end together",
        "unit/groups/test_steward_kills.py::test_fan_in_of_500_starts_once_a_thousand_times",
        "unit/groups/test_steward_kills.py::test_fan_in_starts_once_when_the_last_two_end_together",
    ),
    59: _row(
        "two releases at once",
        "local/test_sqlite.py::test_a_file_of_another_release_is_refused_in_words",
        left="two releases on one table at the same time: there has been only one release",
    ),
    60: _row(
        "secrets are rotated",
        "journeys/test_webhooks.py::test_both_secrets_verify_while_one_replaces_the_other",
    ),
    61: _row(
        "power cut",
        _REPLICAS + "test_a_power_cut_in_the_middle_of_many_jobs_loses_none",
        left="what the disk itself forgets: only real power can show that",
    ),
    62: _row(
        "one caller floods the queue",
        "local/test_fair_turns.py::"
        "test_a_caller_with_50000_jobs_raises_the_waits_of_others_by_half_at_most",
        left="on SQS the turns are those of its fair queues: only AWS shows them",
    ),
}
