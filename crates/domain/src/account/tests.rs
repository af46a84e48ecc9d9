//! Tables for mids, tree shape, standing and reach.

use uuid::Uuid;

use super::*;

fn id(n: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(n))
}

fn link(n: u128, role: Role, status: Status) -> Link {
    Link { id: id(n), mid: format!("m{n}").parse().unwrap(), role, status, policy: None }
}

#[test]
fn a_mid_is_opaque_but_never_a_key_id() {
    let longest = "x".repeat(64);
    for good in ["mid_123456", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "a", "KEY_1", "key", "-", longest.as_str()] {
        assert!(good.parse::<Mid>().is_ok(), "{good}");
    }
    let too_long = "x".repeat(65);
    for bad in ["", "a b", "a/b", "a.b", "é", "a%20", too_long.as_str()] {
        assert_eq!(bad.parse::<Mid>(), Err(ParseMidError::Malformed), "{bad}");
    }
    for bad in ["key_", "key_01h2xcejqtf2nbrexx3vqjhp41"] {
        assert_eq!(bad.parse::<Mid>(), Err(ParseMidError::LooksLikeKeyId), "{bad}");
    }
    assert!(Mid::made_for(id(7)).as_str().parse::<Mid>().is_ok());
}

#[test]
fn the_tree_is_never_deeper_than_three() {
    use Role::{Merchant, Partner, Platform};
    for (child, parent, allowed) in [
        (Platform, Platform, false),
        (Platform, Partner, false),
        (Partner, Platform, true),
        (Partner, Partner, false),
        (Partner, Merchant, false),
        (Merchant, Platform, true),
        (Merchant, Partner, true),
        (Merchant, Merchant, false),
    ] {
        assert_eq!(child.may_stand_below(parent), allowed, "{child} below {parent}");
    }
}

#[test]
fn a_chain_is_a_path_to_the_platform() {
    use Role::{Merchant, Partner, Platform};
    let of = |own: Role, above: &[Role]| {
        let above = above.iter().zip(2..).map(|(role, n)| link(n, *role, Status::Active)).collect();
        Chain::new(link(1, own, Status::Active), above)
    };
    for (own, above) in
        [(Platform, &[][..]), (Partner, &[Platform]), (Merchant, &[Platform]), (Merchant, &[Partner, Platform])]
    {
        assert!(of(own, above).is_ok(), "{own} {above:?}");
    }
    for (own, above) in [
        (Merchant, &[][..]),
        (Merchant, &[Partner]),
        (Partner, &[]),
        (Platform, &[Platform]),
        (Merchant, &[Merchant, Platform]),
    ] {
        assert_eq!(of(own, above), Err(BrokenChain), "{own} {above:?}");
    }
}

#[test]
fn the_worst_status_of_the_chain_decides() {
    use Status::{Active, Closed, Suspended};
    for (merchant, partner, platform, standing) in [
        (Active, Active, Active, Standing::Active),
        (Suspended, Active, Active, Standing::Suspended),
        (Active, Suspended, Active, Standing::Suspended),
        (Active, Active, Suspended, Standing::Suspended),
        (Suspended, Closed, Active, Standing::Closed),
        (Closed, Suspended, Active, Standing::Closed),
        (Active, Active, Closed, Standing::Closed),
    ] {
        let chain = Chain::new(
            link(3, Role::Merchant, merchant),
            vec![link(2, Role::Partner, partner), link(1, Role::Platform, platform)],
        );
        assert_eq!(chain.unwrap().standing(), standing, "{merchant} {partner} {platform}");
    }
}

#[test]
fn a_reach_covers_its_own_account_and_all_descendants() {
    let platform = link(1, Role::Platform, Status::Active);
    let partner = link(2, Role::Partner, Status::Active);
    let other = link(4, Role::Partner, Status::Active);
    let merchant = link(3, Role::Merchant, Status::Active);
    let at_platform = Chain::new(platform.clone(), vec![]).unwrap();
    let at_partner = Chain::new(partner.clone(), vec![platform.clone()]).unwrap();
    let at_merchant = Chain::new(merchant.clone(), vec![partner.clone(), platform.clone()]).unwrap();
    for (who, reach, expected) in [
        ("operator", Reach::operator(), [true, true, true]),
        ("platform", Reach::of(&platform), [true, true, true]),
        ("partner", Reach::of(&partner), [false, true, true]),
        ("merchant", Reach::of(&merchant), [false, false, true]),
        ("another partner", Reach::of(&other), [false, false, false]),
    ] {
        let covered = [&at_platform, &at_partner, &at_merchant].map(|chain| reach.covers(chain));
        assert_eq!(covered, expected, "{who}");
    }
    assert_eq!(at_merchant.partner(), Some(&partner.mid));
    assert_eq!(at_partner.partner(), None);
    assert_eq!(Chain::new(merchant, vec![platform]).unwrap().partner(), None);
}
