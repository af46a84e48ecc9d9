//! The list of all promises, and the macros that generate tests of them.

/// Generates a test of every promise for one backend.
///
/// `open` is the absolute path (`crate::…` or another crate's name first) of an async function that returns a
/// [`Fixture`](crate::conformance::Fixture) over a fresh, migrated, empty database. The calling crate needs tokio with
/// its macros and the multi-thread runtime.
///
/// ```text
/// keyward_storage::conformance_suite!(keyward_storage_sqlite::testing::fixture);
/// ```
#[macro_export]
macro_rules! conformance_suite {
    ($open:path) => {
        $crate::each_promise!([$crate::conformance_tests] $open);
    };
}

/// Generates a test of every promise about members and notifications, for a backend that many nodes share.
///
/// `open` is as for [`conformance_suite!`](crate::conformance_suite); the fixture has a membership.
#[macro_export]
macro_rules! membership_suite {
    ($open:path) => {
        $crate::each_membership_promise!([$crate::conformance_tests] $open);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($open:path; $($topic:ident: $($promise:ident),+;)+) => {$(
        mod $topic {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let fixture = $open().await;
                    $crate::conformance::$topic::$promise(&fixture).await;
                }
            )+
        }
    )+};
}

#[doc(hidden)]
#[macro_export]
macro_rules! each_promise {
    ([$($with:tt)+] $($open:path)?) => {
        $($with)+! {
            $($open;)?
            accounts:
                every_field_of_an_account_is_returned,
                an_unknown_mid_is_absent,
                a_foreign_account_is_as_absent_as_an_unknown_one,
                a_locked_account_is_complete,
                an_account_is_added_only_below_a_parent_within_reach,
                an_account_below_an_unknown_parent_is_stale,
                no_account_is_added_below_an_inactive_one,
                a_taken_mid_is_a_conflict,
                a_second_platform_is_a_conflict,
                only_the_operator_adds_a_root,
                mids_differ_by_case;
            account_lists:
                a_caller_lists_what_is_strictly_below_it,
                listed_accounts_are_complete,
                windows_over_accounts_follow_each_other_without_gap_or_overlap,
                a_window_over_no_account_is_empty;
            counts:
                an_account_is_counted_with_its_descendants,
                inactive_keys_and_closed_accounts_are_not_counted,
                nothing_is_counted_out_of_reach;
            status:
                a_status_changes_only_from_the_expected_one,
                a_status_changes_within_reach_only,
                a_status_touches_no_other_account,
                a_suspension_records_the_level_of_its_caller,
                a_chain_shows_the_status_of_every_account_in_it;
            keys:
                every_field_of_a_key_is_returned,
                every_field_of_a_revocation_is_returned,
                a_key_shows_its_last_use,
                a_foreign_key_is_as_absent_as_an_unknown_one;
            key_lists:
                a_window_holds_one_stored_state_newest_first,
                windows_over_keys_follow_each_other_without_gap_or_overlap,
                a_window_may_start_at_a_key_that_is_not_in_it,
                listed_keys_are_complete,
                a_window_over_a_foreign_account_is_empty,
                a_window_holds_no_key_of_another_account;
            search:
                a_line_holds_the_keys_of_its_accounts_newest_first,
                windows_over_a_line_follow_each_other_without_gap_or_overlap,
                a_line_out_of_reach_holds_nothing,
                all_keys_are_for_the_operator_and_the_platform_alone,
                a_line_shows_what_an_actor_created_in_it,
                keys_of_a_line_that_end_in_a_period_are_returned_if_they_are_few,
                chains_of_accounts_within_reach_are_returned,
                a_key_follows_its_account_to_another_line;
            credentials:
                a_credential_is_the_key_with_its_chain,
                an_unknown_credential_is_absent_beside_any_neighbour,
                a_credential_shows_a_revocation_once_it_is_committed,
                a_credential_shows_the_status_of_every_account_above_it,
                a_credential_shows_the_number_of_the_last_event,
                a_credential_matches_its_event_number_exactly;
            events:
                a_revocation_is_one_event_with_the_next_number,
                a_change_of_status_is_one_event_with_the_next_number,
                a_unit_of_work_returns_the_last_of_its_events,
                a_change_that_affects_no_verdict_is_no_event,
                a_stale_write_is_no_event,
                a_dropped_unit_of_work_leaves_no_event_and_no_gap,
                a_manual_statement_that_affects_a_verdict_is_an_event,
                a_manual_statement_that_affects_no_verdict_is_no_event,
                a_statement_over_many_rows_makes_an_event_for_each,
                numbers_are_consecutive_with_concurrent_writers;
            enforcement:
                a_record_shows_the_event_that_last_changed_it,
                an_enforced_change_is_recorded_once,
                a_later_change_is_not_recorded_as_enforced,
                a_later_change_must_be_enforced_again,
                only_the_named_subjects_are_recorded;
            history:
                events_come_in_order_and_within_the_limit,
                history_is_pruned_up_to_a_time_but_never_the_last_event,
                pruning_respects_its_limit,
                pruning_leaves_no_gap_after_a_clock_jump;
            issuing:
                a_key_is_added_within_reach_only,
                no_key_is_added_to_an_inactive_account,
                an_account_beside_an_inactive_one_still_gets_keys,
                a_key_of_an_unknown_account_is_stale,
                a_key_id_is_never_used_twice,
                a_key_added_without_a_unit_of_work_meets_the_same_conditions;
            crowds:
                keys_added_concurrently_are_each_held_to_their_own_reach,
                concurrent_look_ups_each_return_their_own_key,
                concurrent_account_look_ups_are_each_held_to_their_own_reach;
            pair_names:
                a_unique_name_is_taken_until_both_keys_of_its_pair_are_revoked,
                a_unique_name_is_free_in_another_account,
                names_of_keys_and_pairs_need_not_be_unique,
                taken_unique_names_are_those_of_active_pairs_of_the_account,
                the_keys_of_a_pair_name_are_its_unrevoked_ones;
            revoking:
                a_second_revocation_is_stale_and_the_first_stays,
                a_second_revocation_in_the_same_unit_of_work_is_stale,
                a_foreign_key_is_not_revoked,
                every_caller_within_reach_may_revoke,
                an_unknown_key_is_not_revoked,
                a_revocation_touches_no_other_key;
            changes:
                every_field_that_a_change_replaces_is_stored,
                a_suspension_and_its_end_are_stored,
                a_change_of_what_verification_looks_at_is_an_event_and_no_other_is,
                a_new_name_of_a_revoked_key_leaves_the_enforcement_of_its_end,
                a_change_of_another_version_is_stale,
                a_revocation_is_a_version_of_its_own,
                a_change_is_recorded_within_reach_alone,
                a_suspended_key_is_no_remaining_manager_key,
                a_renamed_pair_is_found_by_the_name_it_was_made_with,
                metadata_of_a_new_key_is_stored,
                the_service_is_an_actor_of_its_own;
            policies:
                a_policy_is_returned_complete_with_its_version,
                a_policy_of_another_version_is_stale,
                a_policy_is_recorded_within_reach_alone,
                keys_are_counted_that_are_neither_revoked_nor_expired_nor_too_old,
                a_manager_key_that_is_too_old_is_none;
            manager_keys:
                the_manager_key_that_expires_last_is_returned_and_one_that_never_expires_first,
                a_manager_key_that_is_held_back_does_not_count,
                a_manager_key_is_returned_complete,
                revoked_keys_and_keys_without_api_keys_write_do_not_count,
                a_manager_key_of_another_account_does_not_count,
                a_foreign_account_shows_no_manager_key;
            units:
                a_dropped_unit_of_work_leaves_nothing,
                nothing_is_visible_before_the_commit_and_everything_after,
                a_commit_is_visible_to_other_connections,
                a_unit_of_work_that_did_nothing_commits;
            races:
                one_of_the_last_two_manager_keys_stays_in_every_race,
                one_of_racing_equal_policies_is_set,
                racing_creates_fill_exactly_the_places_of_a_policy,
                one_of_racing_pairs_with_the_same_unique_name_is_made,
                one_of_racing_revocations_is_written,
                exactly_one_of_racing_redemptions_is_the_first,
                racing_signing_keys_make_one_generation,
                one_of_racing_claims_stamps_the_database;
            callers:
                a_valid_authority_permits_every_change,
                nothing_is_written_by_a_key_that_was_revoked_since_it_was_judged,
                nothing_is_written_by_a_token_whose_public_key_was_revoked_since_it_was_judged,
                nothing_is_written_by_a_key_below_an_account_that_was_stopped_since_it_was_judged,
                nothing_is_written_by_a_key_that_was_restricted_moved_or_deleted_since_it_was_judged,
                nothing_is_committed_by_an_authority_that_has_ended_by_itself,
                a_change_elsewhere_does_not_require_a_new_judgement,
                a_caller_judged_by_missing_events_must_be_judged_again,
                a_key_may_revoke_itself,
                one_of_two_keys_that_revoke_each_other_succeeds;
            signing_keys:
                signing_keys_are_returned_complete_and_oldest_first,
                a_generation_that_exists_is_stale_and_stays,
                if_no_key_signs_the_next_one_signs_immediately,
                old_generations_are_dropped_and_the_one_that_signs_stays;
            refresh_tokens:
                a_token_is_redeemed_once,
                each_token_of_a_family_is_redeemed_in_turn,
                a_second_redemption_ends_the_family,
                the_end_of_a_family_touches_no_other,
                families_are_forgotten_after_their_retention,
                forgetting_respects_its_limit;
            upkeep:
                a_digest_is_replaced_only_while_it_is_the_stored_one,
                neither_an_unknown_nor_a_readable_key_gets_a_digest,
                the_latest_use_stays_in_any_order,
                the_latest_of_several_uses_in_one_call_stays,
                unknown_keys_are_skipped_and_the_others_recorded,
                many_uses_are_recorded_in_one_call;
            jobs:
                one_turn_of_a_job_runs_at_a_time,
                a_turn_is_due_a_period_after_the_last_one_ended,
                a_turn_that_exceeds_its_limit_is_replaced,
                racing_turns_are_begun_once;
            installation:
                an_unused_database_has_no_stamp,
                a_stamp_is_returned_complete,
                a_stamped_database_cannot_be_claimed_again,
                each_version_of_the_master_key_has_one_fingerprint,
                an_issuer_is_stamped_once_and_stays;
            corruption:
                a_corrupt_key_is_reported,
                a_publishable_key_that_could_manage_keys_is_corrupt,
                a_corrupt_manager_key_or_pair_is_reported,
                a_corrupt_account_is_reported,
                an_invalid_mid_is_corrupt_anywhere_in_a_chain,
                accounts_that_form_no_path_to_the_platform_are_corrupt;
            constraints:
                every_constraint_holds_against_raw_sql;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! each_membership_promise {
    ([$($with:tt)+] $($open:path)?) => {
        $($with)+! {
            $($open;)?
            membership:
                a_member_is_returned_complete_and_starts_at_the_head,
                a_join_removes_only_the_previous_row,
                a_node_id_joins_once,
                a_renewal_returns_the_head_and_never_lowers_applied,
                a_node_without_a_row_renews_nothing,
                leaving_removes_only_the_nodes_own_row,
                a_row_is_reaped_only_while_it_is_stale,
                history_is_kept_for_the_slowest_member;
            clocks:
                no_key_is_rotated_by_a_clock_that_differs,
                no_key_is_dropped_by_a_clock_that_differs,
                no_family_is_forgotten_by_a_clock_that_differs,
                no_history_is_pruned_by_a_clock_that_differs;
            histories:
                a_caller_judged_in_another_history_must_be_judged_again,
                a_renewal_counts_only_if_the_database_has_its_token_event_and_row,
                events_follow_an_event_by_number_and_nonce,
                every_event_has_its_own_nonce,
                a_list_reports_missing_events,
                a_mark_applies_only_to_the_current_history,
                a_database_claimed_while_empty_is_marked,
                a_database_filled_before_its_claim_is_not_marked,
                another_row_of_the_installation_is_another_history,
                lost_events_are_recorded_once_per_history,
                enforcement_is_not_recorded_if_its_event_is_missing;
            hints:
                a_hint_reaches_every_listener_including_its_sender,
                a_hint_sent_before_listening_is_not_received;
        }
    };
}

#[cfg(test)]
mod tests {
    //! The list contains every promise.

    macro_rules! sources {
        ($($topic:ident: $($promise:ident),+;)+) => {
            [$((
                stringify!($topic),
                include_str!(concat!(stringify!($topic), ".rs")),
                vec![$(stringify!($promise)),+],
            )),+]
        };
    }

    #[test]
    fn every_promise_is_in_the_list() {
        let lists = each_promise!([sources]).into_iter().chain(each_membership_promise!([sources]));
        for (topic, source, listed) in lists {
            let written: Vec<_> = source
                .lines()
                .filter_map(|line| line.strip_prefix("pub async fn ")?.strip_suffix("(fixture: &Fixture) {"))
                .collect();
            assert_eq!(written, listed, "{topic}");
        }
    }
}
