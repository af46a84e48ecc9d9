//! The list of all promises, and the macro that makes tests of them.

/// Makes a test of every promise for one backend.
///
/// `open` is the absolute path (`crate::…` or another crate's name first) of an async function that gives a
/// [`Fixture`](crate::conformance::Fixture) over a fresh, migrated, empty database. The calling crate needs tokio with its macros and
/// the runtime of several threads.
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

/// Makes a test of every promise about members and notifications, for a backend that many nodes share.
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
                every_field_of_an_account_comes_back,
                an_unknown_mid_is_absent,
                a_foreign_account_is_as_absent_as_an_unknown_one,
                a_locked_account_is_whole,
                an_account_is_added_only_below_a_reached_parent,
                an_account_below_an_unknown_parent_is_stale,
                no_account_is_added_below_one_that_is_not_in_business,
                a_taken_mid_is_a_conflict,
                a_second_platform_is_a_conflict,
                nobody_below_the_operator_adds_a_root,
                mids_differ_by_case;
            account_lists:
                a_caller_lists_what_is_strictly_below_it,
                listed_accounts_are_whole,
                windows_over_accounts_follow_each_other_without_gap_or_overlap,
                a_window_over_no_account_is_empty;
            counts:
                what_would_die_with_an_account_is_counted_from_it_downwards,
                what_is_dead_already_is_not_counted,
                nothing_is_counted_out_of_reach;
            status:
                a_status_changes_only_from_what_it_was,
                a_status_changes_within_reach_only,
                a_status_touches_no_other_account,
                a_suspension_tells_how_high_its_maker_stands,
                a_chain_tells_the_status_of_every_account_in_it;
            keys:
                every_field_of_a_key_comes_back,
                every_field_of_a_revocation_comes_back,
                a_key_tells_when_it_was_last_used,
                a_foreign_key_is_as_absent_as_an_unknown_one;
            key_lists:
                a_window_holds_one_stored_state_newest_first,
                windows_over_keys_follow_each_other_without_gap_or_overlap,
                a_window_may_begin_before_a_key_that_is_not_in_it,
                listed_keys_are_whole,
                a_window_over_a_foreign_account_is_empty,
                a_window_holds_no_key_of_another_account;
            credentials:
                a_credential_is_the_key_with_its_chain,
                an_unknown_credential_is_absent_whatever_key_lies_beside_it,
                a_credential_tells_a_revocation_as_soon_as_it_is_committed,
                a_credential_tells_the_status_of_every_account_above_it,
                a_credential_tells_the_number_of_the_last_event,
                a_credential_is_neither_older_nor_younger_than_its_number;
            events:
                a_revocation_is_one_event_with_the_next_number,
                a_change_of_status_is_one_event_with_the_next_number,
                a_unit_of_work_tells_the_last_of_its_events,
                what_decides_no_verdict_is_no_event,
                a_stale_write_is_no_event,
                a_dropped_unit_of_work_leaves_no_event_and_no_hole,
                a_statement_typed_by_hand_that_decides_a_verdict_is_an_event,
                a_statement_typed_by_hand_that_decides_nothing_is_none,
                a_statement_over_many_rows_makes_an_event_for_each,
                numbers_are_consecutive_however_many_write;
            enforcement:
                a_record_tells_the_event_that_last_changed_it,
                what_is_enforced_is_noted_once,
                a_change_that_came_later_is_not_noted_as_enforced,
                a_later_change_has_to_be_enforced_anew,
                only_what_is_named_is_noted;
            history:
                events_come_in_order_and_no_more_than_asked,
                history_is_pruned_up_to_its_moment_and_never_the_last_event,
                no_more_history_is_pruned_at_a_time_than_asked,
                pruning_leaves_no_hole_whatever_the_clock_did;
            issuing:
                a_key_is_added_within_reach_only,
                no_key_is_added_under_an_account_that_is_not_in_business,
                an_account_beside_an_inactive_one_still_gets_keys,
                a_key_of_an_unknown_account_is_stale,
                a_key_id_is_never_given_twice,
                a_key_that_is_added_alone_is_held_to_the_same_conditions;
            crowds:
                keys_that_are_added_at_once_are_each_held_to_their_own_reach,
                keys_that_are_looked_up_at_once_are_each_told_their_own_state,
                accounts_that_are_looked_up_at_once_are_each_within_their_own_reach;
            pair_names:
                a_unique_name_is_taken_until_both_keys_of_its_pair_are_revoked,
                a_unique_name_is_free_in_another_account,
                names_of_keys_and_pairs_need_not_be_unique,
                taken_unique_names_are_those_of_active_pairs_of_the_account,
                the_keys_of_a_name_are_the_unrevoked_ones_of_its_pairs;
            revoking:
                a_second_revocation_is_stale_and_the_first_stays,
                a_second_revocation_in_the_same_unit_of_work_is_stale,
                a_foreign_key_is_not_revoked,
                everybody_within_reach_may_revoke,
                an_unknown_key_is_not_revoked,
                a_revocation_touches_no_other_key;
            writers:
                the_writer_that_expires_last_comes_first_and_one_that_never_does_before_all,
                a_writer_comes_back_whole,
                neither_revoked_keys_nor_those_that_cannot_write_count,
                a_writer_of_another_account_does_not_count,
                a_foreign_account_shows_no_writer;
            units:
                a_dropped_unit_of_work_leaves_nothing,
                nothing_shows_before_the_commit_and_all_of_it_after,
                a_commit_shows_from_outside,
                a_unit_of_work_that_did_nothing_commits;
            races:
                of_the_last_two_writers_one_stays_however_they_race,
                of_racing_pairs_with_one_unique_name_one_is_made,
                of_racing_revocations_one_is_written,
                of_racing_redemptions_exactly_one_is_the_first,
                of_racing_signing_keys_one_generation_is_made,
                of_racing_claims_one_stamps_the_database;
            callers:
                a_right_that_stands_is_good_for_every_change,
                nothing_is_written_by_a_key_that_was_revoked_since_it_was_judged,
                nothing_is_written_by_a_token_whose_public_key_was_revoked_since_it_was_judged,
                nothing_is_written_by_a_key_below_an_account_that_was_stopped_since_it_was_judged,
                nothing_is_written_by_a_key_that_was_narrowed_moved_or_deleted_since_it_was_judged,
                nothing_is_committed_by_a_right_that_has_ended_by_itself,
                a_change_elsewhere_is_no_reason_to_judge_a_caller_anew,
                a_caller_that_was_judged_by_events_that_are_not_there_is_judged_anew,
                a_key_may_end_itself,
                of_two_keys_that_end_each_other_one_does;
            signing_keys:
                signing_keys_come_back_whole_and_oldest_first,
                a_generation_that_exists_is_stale_and_stays,
                where_no_key_signs_the_next_one_signs_at_once,
                old_generations_are_dropped_and_the_one_that_signs_stays;
            refresh_tokens:
                a_token_is_redeemed_once,
                each_token_of_a_family_is_redeemed_in_its_turn,
                a_second_redemption_ends_the_family,
                the_end_of_a_family_touches_no_other,
                families_are_forgotten_so_long_after_their_end,
                no_more_rows_are_forgotten_at_a_time_than_asked;
            upkeep:
                a_digest_is_replaced_only_while_it_is_the_stored_one,
                neither_an_unknown_nor_a_readable_key_gets_a_digest,
                the_latest_use_stays_in_whatever_order_they_come,
                of_several_uses_of_a_key_in_one_call_the_latest_stays,
                unknown_keys_are_passed_over_and_the_others_noted,
                many_uses_are_noted_in_one_call;
            installation:
                an_unused_database_has_no_stamp,
                a_stamp_comes_back_whole,
                a_stamped_database_is_claimed_by_nobody_else,
                each_version_of_the_master_key_has_one_fingerprint,
                an_issuer_is_stamped_once_and_stays;
            corruption:
                a_corrupt_key_is_named,
                a_publishable_key_that_could_manage_keys_is_corrupt,
                a_corrupt_writer_or_pair_is_named,
                a_corrupt_account_is_named,
                a_mid_that_is_none_is_corrupt_wherever_its_account_stands_in_a_chain,
                accounts_that_are_no_line_up_to_the_platform_are_corrupt;
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
                a_member_comes_back_whole_and_begins_at_the_head,
                a_join_takes_the_previous_row_with_it_and_no_other,
                a_name_joins_once,
                a_renewal_tells_the_head_and_how_far_a_node_is_never_goes_back,
                a_node_without_a_row_renews_nothing,
                who_leaves_takes_its_own_row_alone,
                a_row_is_reaped_only_while_it_stands_still,
                history_is_kept_for_the_slowest_member;
            clocks:
                no_key_is_rotated_by_a_clock_that_differs,
                no_key_is_dropped_by_a_clock_that_differs,
                no_family_is_forgotten_by_a_clock_that_differs,
                no_history_is_pruned_by_a_clock_that_differs;
            histories:
                a_caller_that_was_judged_in_another_history_is_judged_anew,
                a_renewal_counts_only_where_the_database_has_what_it_names,
                events_follow_an_event_by_number_and_nonce,
                every_event_has_a_nonce_of_its_own,
                a_list_says_which_events_are_not_there,
                a_mark_is_of_the_present_history_alone,
                a_database_that_begins_empty_is_marked_from_its_claim,
                a_database_that_is_filled_before_its_claim_is_not_marked,
                another_row_of_the_installation_is_another_history,
                what_was_found_missing_is_kept_once_for_each_history,
                a_note_whose_event_is_not_there_is_not_made;
            hints:
                a_hint_reaches_everybody_who_listens_its_sender_too,
                what_was_said_before_one_listened_is_not_heard;
        }
    };
}

#[cfg(test)]
mod tests {
    //! No promise is written and then forgotten.

    macro_rules! sources {
        ($($topic:ident: $($promise:ident),+;)+) => {
            [$((stringify!($topic), include_str!(concat!(stringify!($topic), ".rs")), vec![$(stringify!($promise)),+])),+]
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
